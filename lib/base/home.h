// $ZANE_HOME: where everything of this user's Zane lies. Makes the folders with
// the right modes, names the paths, and holds a service's lock.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace zane::base {

// Value: paths only. Fits in 103 bytes per socket, which macOS demands.
class Home {
 public:
  // `given`, else $ZANE_HOME, else ~/Library/Application Support/Zane (macOS)
  // or ~/.zane. Creates what is missing (0700), links followed. A folder of another
  // user, or that others may write to, is refused. Errors name the path and cure.
  static absl::StatusOr<Home> open(std::string_view given = "");

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path config_file() const { return root_ / "zane.toml"; }
  [[nodiscard]] std::filesystem::path key(std::string_view name) const;
  [[nodiscard]] std::filesystem::path data(std::string_view name) const;
  // A socket in run/; the folder is 0700.
  [[nodiscard]] std::filesystem::path socket(std::string_view name) const;
  [[nodiscard]] std::string bus_address(std::string_view name) const;

 private:
  explicit Home(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

// Only one process may be a service of this home. Held until destroyed; the
// kernel lets go of it when the process dies, however it dies.
class ServiceLock {
 public:
  // The file holds the pid of who took it last.
  static absl::StatusOr<ServiceLock> take(const Home& home, std::string_view service);
  // 0 for nobody, ever. That it still lives the caller knows.
  static int64_t taken_by(const Home& home, std::string_view service);
  ServiceLock(ServiceLock&& other) noexcept;
  ServiceLock& operator=(ServiceLock&&) = delete;
  ~ServiceLock();

 private:
  explicit ServiceLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace zane::base
