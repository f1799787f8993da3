#include "services/supervisor/admin_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/base/machine.h"
#include "lib/log/log.h"
#include "services/supervisor/admin_methods.h"

namespace zane::supervisor {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

struct AdminServer::Impl {
  Impl(loop::Io& loop_io, const base::Home& home, Service& supervisor)
      : io(loop_io),
        path(home.socket("admin.sock")),
        service(supervisor),
        acceptor(loop_io),
        methods(supervisor) {}

  loop::Task<> accept();
  void admit(Local::socket socket);
  bool begin();

  loop::Io& io;
  const std::filesystem::path path;
  Service& service;
  Local::acceptor acceptor;
  AdminMethods methods;
  std::unique_ptr<grpc::Server> server;
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
  return absl::OkStatus();
}

// With the first who connects: gRPC's own timers wake the machine six times a
// second, whether anybody asks or not.
bool AdminServer::Impl::begin() {
  if (server) return true;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.RegisterService(&methods);
  builder.SetMaxReceiveMessageSize(1024 * 1024);
  server = builder.BuildAndStart();
  if (!server) {
    log::error("grpc_did_not_start", {{"cure", "restart the supervisor"}});
    return false;
  }
  // "" is set by gRPC itself.
  server->GetHealthCheckService()->SetServingStatus(v1::Admin::service_full_name(), true);
  return true;
}

loop::Task<> AdminServer::Impl::accept() {
  while (acceptor.is_open()) {
    Local::socket socket(io);
    boost::system::error_code error;
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      log::warn("admin_accept_failed", {{"error", error.message()}});
      co_await loop::sleep_for(io, std::chrono::milliseconds(100));
      continue;
    }
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
  if (!begin()) return;
  boost::system::error_code error;
  // A blocking descriptor makes every gRPC call time out.
  socket.native_non_blocking(true, error);
  base::close_on_exec(socket.native_handle());
  const int fd = socket.release(error);
  if (!error) grpc::AddInsecureChannelFromFd(server.get(), fd);
}

void AdminServer::stop() {
  if (!impl_->acceptor.is_open()) return;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  ::unlink(impl_->path.c_str());
  if (!impl_->server) return;
  impl_->methods.end_streams();
  impl_->methods.end_calls();
  impl_->server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  impl_->server.reset();
}

}  // namespace zane::supervisor
