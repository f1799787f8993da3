#include "console/admin_client.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "console/print.h"

namespace zane::console {

std::string home_folder() {
  if (const char* home = std::getenv("ZANE_HOME"); home && *home) return home;
  const char* user_home = std::getenv("HOME");
  const std::string base = user_home ? user_home : ".";
#ifdef __APPLE__
  return base + "/Library/Application Support/Zane";
#else
  return base + "/.zane";
#endif
}

namespace {

// gRPC takes a URI: what means something in one is written as an escape.
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("/-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", byte);
    out += code;
  }
  return out;
}

// -1 when the kernel will not tell.
int64_t peer_of(int fd) {
#ifdef __APPLE__
  pid_t pid = 0;
  socklen_t length = sizeof pid;
  return ::getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) == 0 ? pid : -1;
#else
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : -1;
#endif
}

// Whole, also where the home is given from here: gRPC and the URI want it so.
std::string socket_path() {
  std::error_code ignored;
  return std::filesystem::absolute(home_folder(), ignored).string() + "/run/admin.sock";
}

}  // namespace

std::unique_ptr<v1::Admin::Stub> connect() {
  grpc::ChannelArguments arguments;
  // A hundred approvals with their texts are more than gRPC's own 4 MiB.
  arguments.SetMaxReceiveMessageSize(32 * 1024 * 1024);
  return v1::Admin::NewStub(grpc::CreateCustomChannel("unix://" + escaped(socket_path()),
                                                      grpc::InsecureChannelCredentials(), arguments));
}

bool somebody_listens() { return listener_pid(socket_path()) != 0; }

int64_t listener_pid(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return 0;
  // One that is stopped takes no connection off its queue: a full one is not waited for.
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  int64_t pid = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    pid = peer_of(fd);
  else if (errno == EAGAIN || errno == EINPROGRESS)
    pid = -1;
  ::close(fd);
  return pid;
}

namespace {

// A call took too long: is it supervisor, or what it asked?
std::string why_late() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(3));
  v1::StatusReply reply;
  if (!connect()->Status(&context, v1::StatusRequest(), &reply).ok()) {
    // Without a pid no command is named that would end something else.
    const int64_t pid = listener_pid(socket_path());
    const std::string number = std::to_string(pid);
    return "supervisor" + (pid > 0 ? " (pid " + number + ")" : "") +
           " runs and does not answer: it is stopped" +
           (pid > 0 ? " (`kill -CONT " + number + "` lets it go on)" : "") +
           ", has no descriptors left, or hangs; if it stays so, end it" +
           (pid > 0 ? " with `kill -9 " + number + "`" : "") + ": launchd or `script/run` starts it again";
  }
  std::string why = "no answer in time";
  for (const auto& part : reply.parts())
    if (part.state() != "ready" && part.state() != "off")
      why += "; " + part.name() + " is " + part.state() + ": " + part.message();
  return why + "; try again";
}

}  // namespace

int explain(const grpc::Status& status) {
  if (status.ok()) return kExitOk;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      if (!somebody_listens())
        std::cerr << "zane: supervisor is not running for `" << harmless(home_folder(), 1000)
                  << "` (or it runs as another user): start it with `script/run`, or set ZANE_HOME\n";
      else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
        std::cerr << "zane: " << harmless(why_late(), 2000) << "\n";
      else
        std::cerr << "zane: " << harmless(status.error_message(), 2000) << "\n";
      return kExitNotRunning;
    case grpc::StatusCode::INVALID_ARGUMENT:
      std::cerr << "zane: " << harmless(status.error_message(), 2000) << "\n";
      return kExitUsage;
    default:
      std::cerr << "zane: " << harmless(status.error_message(), 2000) << "\n";
      return kExitRefused;
  }
}

}  // namespace zane::console
