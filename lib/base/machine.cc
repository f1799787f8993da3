#include "lib/base/machine.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

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

#else

std::optional<PeerIdentity> peer_of_unix_socket(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return PeerIdentity{static_cast<int64_t>(peer.uid), static_cast<int64_t>(peer.pid)};
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (std::getline(file, id) && !id.empty()) return id;
  return "unknown-" + std::to_string(::getpid());
}

#endif

std::string machine_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || !name[0]) return "this Mac";
  const std::string full = name;
  return full.substr(0, full.find('.'));
}

}  // namespace zane::base
