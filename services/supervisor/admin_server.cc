#include "services/supervisor/admin_server.h"

#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "boost/asio/co_spawn.hpp"
#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/thread_pool.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/base/machine.h"
#include "lib/log/log.h"
#include "services/supervisor/admin_methods.h"

namespace zane::supervisor {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

// With nobody connected gRPC ends after this.
constexpr std::chrono::seconds kQuiet{5};
constexpr std::chrono::milliseconds kShutdownMax{200};
// While somebody is connected it is looked whether they still are.
constexpr std::chrono::seconds kLook{1};
// gRPC aborts when it is made without them.
constexpr int kDescriptorsOfGrpc = 24;

bool has_descriptors() {
  std::vector<int> taken;
  for (int n = 0; n < kDescriptorsOfGrpc; ++n)
    if (const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0); fd >= 0) taken.push_back(fd);
  for (const int fd : taken) ::close(fd);
  return taken.size() == kDescriptorsOfGrpc;
}

}  // namespace

struct AdminServer::Impl {
  Impl(loop::Io& loop_io, const base::Home& home, Service& supervisor)
      : io(loop_io),
        path(home.socket("admin.sock")),
        service(supervisor),
        acceptor(loop_io),
        news(loop_io),
        methods(supervisor) {}

  loop::Task<> accept();
  void admit(Local::socket socket);
  loop::Task<> serve();
  void hand_over(Local::socket socket);
  void let_go_of_ended();
  template <typename Work>
  loop::Task<> elsewhere(Work work);
  void begin();

  loop::Io& io;
  const std::filesystem::path path;
  Service& service;
  Local::acceptor acceptor;
  // Of each connection that gRPC has a descriptor: gRPC does not say when one ends.
  std::vector<int> held;
  // Those that come until it is there.
  std::vector<Local::socket> waiting;
  loop::Signal news;
  AdminMethods methods;
  // Made and ended on `worker`, each of which takes some 20 ms; `serve` alone looks at it,
  // in between.
  std::unique_ptr<grpc::Server> server;
  asio::thread_pool worker{1};
};

AdminServer::AdminServer(loop::Io& io, const base::Home& home, Service& service)
    : impl_(std::make_unique<Impl>(io, home, service)) {}
AdminServer::~AdminServer() { stop(); }

absl::Status AdminServer::start() {
  boost::system::error_code error;
  // The service lock is held: what lies there is a dead process's.
  ::unlink(impl_->path.c_str());
  impl_->acceptor.open(Local(), error);
  if (!error) base::close_on_exec(impl_->acceptor.native_handle());
  if (!error) impl_->acceptor.bind(Local::endpoint(impl_->path.string()), error);
  if (!error) impl_->acceptor.listen(16, error);
  if (error)
    return absl::PermissionDeniedError("can't listen on `" + impl_->path.string() + "`: " + error.message() +
                                       ": check who owns $ZANE_HOME/run");
  ::chmod(impl_->path.c_str(), 0600);
  loop::spawn(impl_->io, "admin_accept", impl_->accept());
  loop::spawn(impl_->io, "admin_serve", impl_->serve());
  return absl::OkStatus();
}

void AdminServer::Impl::begin() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.RegisterService(&methods);
  builder.SetMaxReceiveMessageSize(1024 * 1024);
  server = builder.BuildAndStart();
  // "" is set by gRPC itself.
  if (server) server->GetHealthCheckService()->SetServingStatus(v1::Admin::service_full_name(), true);
}

// The loop goes on meanwhile.
template <typename Work>
loop::Task<> AdminServer::Impl::elsewhere(Work work) {
  co_await asio::co_spawn(
      worker,
      [work]() -> loop::Task<> {
        work();
        co_return;
      },
      asio::use_awaitable);
}

loop::Task<> AdminServer::Impl::serve() {
  while (acceptor.is_open()) {
    if (waiting.empty()) {
      co_await news.wait();
      continue;
    }
    if (!has_descriptors()) {
      log::warn("console_refused", {{"why", "too few descriptors are left"}});
      waiting.clear();
      continue;
    }
    co_await elsewhere([this] { begin(); });
    if (!server) {
      log::error("grpc_did_not_start", {{"cure", "restart the supervisor"}});
      waiting.clear();
      continue;
    }
    using Clock = loop::Timer::clock_type;
    for (auto quiet_since = Clock::now(); Clock::now() - quiet_since < kQuiet;) {
      for (auto& socket : std::exchange(waiting, {})) hand_over(std::move(socket));
      co_await news.wait_for(held.empty() ? kQuiet : kLook);
      if (!acceptor.is_open()) co_return;
      let_go_of_ended();
      // A call that was left alone ends by itself, in minutes: ending waits for it.
      if (!held.empty() || !waiting.empty() || methods.busy()) quiet_since = Clock::now();
    }
    co_await elsewhere([this] {
      server->Shutdown(std::chrono::system_clock::now() + kShutdownMax);
      server.reset();
    });
  }
}

loop::Task<> AdminServer::Impl::accept() {
  // Said once as long as it lasts.
  bool said = false;
  while (acceptor.is_open()) {
    Local::socket socket(io);
    boost::system::error_code error;
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      if (!std::exchange(said, true)) log::warn("admin_accept_failed", {{"error", error.message()}});
      co_await loop::sleep_for(io, std::chrono::milliseconds(100));
      continue;
    }
    said = false;
    admit(std::move(socket));
  }
}

void AdminServer::Impl::admit(Local::socket socket) {
  const auto peer = base::peer_of_unix_socket(socket.native_handle());
  if (!peer || peer->uid != static_cast<int64_t>(::getuid())) {
    service.inward().audit("console-refused", peer ? "uid " + std::to_string(peer->uid) : "unknown",
                           "another user of this machine connected to the admin socket");
    return;
  }
  let_go_of_ended();
  if (held.size() + waiting.size() >= kAdminConnectionsMax)
    return log::warn("console_refused", {{"why", "too many connections to admin.sock"}});
  waiting.push_back(std::move(socket));
  news.raise();
}

void AdminServer::Impl::hand_over(Local::socket socket) {
  boost::system::error_code error;
  // A blocking descriptor makes every gRPC call time out.
  socket.native_non_blocking(true, error);
  base::close_on_exec(socket.native_handle());
  const int second = ::fcntl(socket.native_handle(), F_DUPFD_CLOEXEC, 0);
  if (second < 0) return;
  const int fd = socket.release(error);
  if (error) {
    ::close(second);
    return;
  }
  held.push_back(second);
  grpc::AddInsecureChannelFromFd(server.get(), fd);
}

// What is sent is gRPC's, and may lie there unread: only the end is looked for.
void AdminServer::Impl::let_go_of_ended() {
  std::erase_if(held, [](int fd) {
    pollfd look{fd, 0, 0};
    if (::poll(&look, 1, 0) <= 0 || (look.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0) return false;
    ::close(fd);
    return true;
  });
}

void AdminServer::stop() {
  if (!impl_->acceptor.is_open()) return;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  ::unlink(impl_->path.c_str());
  for (const int fd : std::exchange(impl_->held, {})) ::close(fd);
  impl_->methods.end_streams();
  impl_->methods.end_calls();
  // What is being made or ended there is done in a moment: it waits for no call now.
  impl_->worker.join();
  if (!impl_->server) return;
  impl_->server->Shutdown(std::chrono::system_clock::now() + kShutdownMax);
  impl_->server.reset();
}

}  // namespace zane::supervisor
