#include "lib/base/home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "lib/text/utf8.h"

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

absl::Status not_made(const std::filesystem::path& folder, const std::string& why) {
  return absl::PermissionDeniedError("can't make `" + folder.string() + "`: " + why +
                                     ": set ZANE_HOME to a folder you can write to");
}

// Made for its owner alone from its first moment on; one that is there is looked at as
// ssh looks at its own: keys and sockets are nobody else's.
absl::Status make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (error) return not_made(folder, error.message());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return not_made(folder, std::strerror(errno));
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return not_made(folder, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return not_made(folder, "it is there and no folder");
  if (info.st_uid != ::geteuid())
    return absl::PermissionDeniedError("`" + folder.string() +
                                       "` belongs to another user: set ZANE_HOME to a folder of your own");
  if ((info.st_mode & 022) != 0)
    return absl::PermissionDeniedError(
        "`" + folder.string() + "` can be written to by others: run `chmod 700 '" + folder.string() + "'`");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return absl::PermissionDeniedError("can't write to `" + folder.string() + "`: " + std::strerror(errno) +
                                       ": fix its owner and mode, or set ZANE_HOME to another folder");
  return absl::OkStatus();
}

bool fits_a_socket(const Home& home) {
  return home.socket(kLongestSocket).string().size() <= kSocketPathBytesMax;
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
  // Its name is told in texts, which are UTF-8 and nothing else.
  if (!text::is_utf8(root.string()))
    return absl::InvalidArgumentError("the path of $ZANE_HOME is not UTF-8: set ZANE_HOME to another folder");
  constexpr const char* kTooLong =
      "` is too long a path for a socket (103 bytes): set ZANE_HOME to a shorter one";
  if (!fits_a_socket(Home(root))) return absl::InvalidArgumentError("`" + root.string() + kTooLong);
  if (auto made = make_private_folder(root); !made.ok()) return made;
  // Behind a symbolic link Codex could not hide it from a task: the folder itself counts.
  const auto real = std::filesystem::canonical(root, error);
  if (error) return not_made(root, error.message());
  if (!text::is_utf8(real.string()))
    return absl::InvalidArgumentError("the folder behind `" + root.string() +
                                      "` has a path that is not UTF-8: set ZANE_HOME to another folder");
  const Home home(real);
  if (!fits_a_socket(home)) return absl::InvalidArgumentError("`" + real.string() + kTooLong);
  for (const char* name : {"run", "keys", "data", "log"}) {
    const auto folder = real / name;
    if (auto made = make_private_folder(folder); !made.ok()) return made;
    // Ours alone: nobody needs to read in them.
    if (::chmod(folder.c_str(), 0700) != 0) return not_made(folder, std::strerror(errno));
  }
  return home;
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
  const std::string pid = std::to_string(::getpid()) + "\n";
  // For people who ask; nothing hangs on it.
  if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, pid.data(), pid.size(), 0);
  return ServiceLock(fd);
}

int64_t ServiceLock::taken_by(const Home& home, std::string_view service) {
  std::ifstream file(home.socket(std::string(service) + ".lock"));
  int64_t pid = 0;
  return file >> pid && pid > 0 ? pid : 0;
}

ServiceLock::ServiceLock(ServiceLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }

ServiceLock::~ServiceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace zane::base
