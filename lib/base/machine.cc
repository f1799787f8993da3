#include "lib/base/machine.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#ifdef __APPLE__
#include <sys/sysctl.h>
#else
#include <fstream>
#endif

namespace zane::base {

#ifdef __APPLE__

std::optional<PeerIdentity> peer_of_unix_socket(int fd) {
  uid_t uid = 0;
  gid_t gid = 0;
  if (::getpeereid(fd, &uid, &gid) != 0) return std::nullopt;
  pid_t pid = 0;
  socklen_t length = sizeof pid;
  if (::getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) != 0) pid = -1;
  return PeerIdentity{static_cast<int64_t>(uid), static_cast<int64_t>(pid)};
}

std::string boot_id() {
  char uuid[64] = {};
  size_t length = sizeof uuid;
  if (::sysctlbyname("kern.bootsessionuuid", uuid, &length, nullptr, 0) == 0 && uuid[0]) return uuid;
  // Unknown counts as "has booted since": a new epoch costs a snapshot, no more.
  return "unknown-" + std::to_string(::getpid());
}

std::filesystem::path unkept_folder() {
  char folder[1024] = {};
  const size_t length = ::confstr(_CS_DARWIN_USER_CACHE_DIR, folder, sizeof folder);
  return length > 0 && length <= sizeof folder ? std::filesystem::path(folder) : std::filesystem::path();
}

std::string process_start(int64_t pid) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, static_cast<int>(pid)};
  kinfo_proc info{};
  size_t length = sizeof info;
  if (pid <= 0 || ::sysctl(name, 4, &info, &length, nullptr, 0) != 0 || length == 0) return "";
  const auto& began = info.kp_proc.p_starttime;
  return std::to_string(began.tv_sec) + "." + std::to_string(began.tv_usec);
}

#else

std::string process_start(int64_t pid) {
  // proc(5): the 22nd field; the second, a name in brackets, may hold blanks.
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (pid <= 0 || !std::getline(file, line)) return "";
  size_t at = line.rfind(')');
  if (at == std::string::npos) return "";
  // A dead child that nobody has buried yet: the third field.
  if (line.compare(at + 2, 1, "Z") == 0) return "";
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  return at == std::string::npos ? "" : line.substr(at + 1, line.find(' ', at + 1) - at - 1);
}

std::optional<PeerIdentity> peer_of_unix_socket(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return PeerIdentity{static_cast<int64_t>(peer.uid), static_cast<int64_t>(peer.pid)};
}

std::filesystem::path unkept_folder() {
  // First what is there for each process alike: $XDG_RUNTIME_DIR hangs on who began it.
  std::error_code error;
  if (std::filesystem::is_directory("/dev/shm", error)) return "/dev/shm";
  const char* own = std::getenv("XDG_RUNTIME_DIR");
  if (own && *own == '/' && std::filesystem::is_directory(own, error)) return own;
  const auto folder = std::filesystem::temp_directory_path(error);
  return error ? std::filesystem::path() : folder;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (std::getline(file, id) && !id.empty()) return id;
  return "unknown-" + std::to_string(::getpid());
}

#endif

void close_on_exec(int fd) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags >= 0) ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

std::string machine_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || !name[0]) return "this Mac";
  const std::string full = name;
  return full.substr(0, full.find('.'));
}

}  // namespace zane::base
