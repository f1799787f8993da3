#include "lib/base/home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace zane::base {
namespace {

// sizeof(sockaddr_un::sun_path) on macOS, less the final zero.
constexpr size_t kSocketPathBytesMax = 103;
// The longest name we put in run/.
constexpr std::string_view kLongestSocket = "supervisor.ipc";

std::filesystem::path default_root() {
  const char* user_home = std::getenv("HOME");
  const std::filesystem::path base = user_home ? user_home : ".";
#ifdef __APPLE__
  return base / "Library" / "Application Support" / "Zane";
#else
  return base / ".zane";
#endif
}

absl::Status make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::PermissionDeniedError("can't make `" + folder.string() + "`: " + error.message() +
                                       ": set ZANE_HOME to a folder you can write to");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return absl::PermissionDeniedError("can't write to `" + folder.string() + "`: " + std::strerror(errno) +
                                       ": fix its owner and mode, or set ZANE_HOME to another folder");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Home> Home::open(std::string_view given) {
  const char* from_env = std::getenv("ZANE_HOME");
  std::filesystem::path root = !given.empty()          ? std::filesystem::path(given)
                               : from_env && *from_env ? std::filesystem::path(from_env)
                                                       : default_root();
  std::error_code error;
  root = std::filesystem::absolute(root, error).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();
  const Home home(root);
  if (home.socket(kLongestSocket).string().size() > kSocketPathBytesMax)
    return absl::InvalidArgumentError(
        "`" + root.string() +
        "` is too long a path for a socket (103 bytes): set ZANE_HOME to a shorter one");
  for (const auto& folder : {root, root / "run", root / "keys", root / "data", root / "log"}) {
    const bool fresh = !std::filesystem::exists(folder, error);
    if (auto made = make_private_folder(folder); !made.ok()) return made;
    if (fresh) ::chmod(folder.c_str(), 0700);
    // As ssh looks at its own: keys and sockets are nobody else's.
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0 || info.st_uid != ::geteuid())
      return absl::PermissionDeniedError("`" + folder.string() +
                                         "` belongs to another user: set ZANE_HOME to a folder of your own");
    if ((info.st_mode & 022) != 0)
      return absl::PermissionDeniedError(
          "`" + folder.string() + "` can be written to by others: run `chmod 700 " + folder.string() + "`");
  }
  // Behind a symbolic link Codex would refuse to hide it: the folder itself counts.
  const auto real = std::filesystem::canonical(root, error);
  const Home found(error ? root : real);
  if (found.socket(kLongestSocket).string().size() > kSocketPathBytesMax)
    return absl::InvalidArgumentError(
        "`" + root.string() + "` is `" + real.string() +
        "`, too long a path for a socket (103 bytes): set ZANE_HOME to a shorter one");
  return found;
}

std::filesystem::path Home::key(std::string_view name) const { return root_ / "keys" / name; }
std::filesystem::path Home::data(std::string_view name) const { return root_ / "data" / name; }
std::filesystem::path Home::socket(std::string_view name) const { return root_ / "run" / name; }
std::string Home::bus_address(std::string_view name) const {
  return "ipc://" + socket(std::string(name) + ".ipc").string();
}

absl::StatusOr<ServiceLock> ServiceLock::take(const Home& home, std::string_view service) {
  const auto file = home.socket(std::string(service) + ".lock");
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return absl::PermissionDeniedError("can't open `" + file.string() + "`: " + std::strerror(errno) +
                                       ": check who owns $ZANE_HOME");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return absl::AlreadyExistsError("another " + std::string(service) + " already runs for `" +
                                    home.root().string() +
                                    "`: stop it first, or set ZANE_HOME to another folder");
  }
  return ServiceLock(fd);
}

ServiceLock::ServiceLock(ServiceLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }

ServiceLock::~ServiceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace zane::base
