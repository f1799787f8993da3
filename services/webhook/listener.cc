#include "services/webhook/listener.h"

#include <sys/types.h>

#include <utility>

#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "lib/base/machine.h"
#include "lib/log/log.h"

namespace zane::webhook {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;

constexpr std::chrono::seconds kRequestDeadline{10};
constexpr std::chrono::seconds kPortRetry{5};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr size_t kReadBytes = 16 * 1024;
// What still comes once it is answered is read and let go of: closed on it, the kernel
// would send a reset that can overtake the answer.
constexpr std::chrono::seconds kDrainDeadline{2};
constexpr size_t kDrainBytesMax = 16 * 1024 * 1024;

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

loop::Task<> serve(Tcp::socket socket, const Exchange::Intake& intake) {
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(kRequestDeadline);
  Exchange exchange(intake);
  std::string buffer(kReadBytes, '\0');
  boost::system::error_code error;
  while (!exchange.over()) {
    const size_t bytes = co_await stream.async_read_some(asio::buffer(buffer), into(error));
    if (error) co_return;
    const std::string out = exchange.take(std::string_view(buffer).substr(0, bytes));
    if (!out.empty()) co_await asio::async_write(stream, asio::buffer(out), into(error));
    if (error) co_return;
  }
  stream.socket().shutdown(Tcp::socket::shutdown_send, error);
  stream.expires_after(kDrainDeadline);
  for (size_t drained = 0; !error && drained < kDrainBytesMax;)
    drained += co_await stream.async_read_some(asio::buffer(buffer), into(error));
}

}  // namespace

class Acceptor {
 public:
  explicit Acceptor(loop::Io& io) : tcp(io) {}
  boost::system::error_code open(int port) {
    boost::system::error_code error;
    const Tcp::endpoint where(asio::ip::address_v4::loopback(), static_cast<uint16_t>(port));
    if (tcp.is_open()) tcp.close(error);
    tcp.open(where.protocol(), error);
    if (!error) base::close_on_exec(tcp.native_handle());
    if (!error) tcp.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) tcp.bind(where, error);
    // More than we serve at once: what the kernel drops from a short queue, its sender
    // takes for connected, and waits.
    if (!error) tcp.listen(Tcp::socket::max_listen_connections, error);
    return error;
  }
  Tcp::acceptor tcp;
};

Listener::Listener(loop::Io& io, int port, Exchange::Intake intake)
    : io_(io), port_(port), intake_(std::move(intake)) {}

loop::Task<> Listener::run() {
  Acceptor acceptor(io_);
  for (;;) {
    const auto error = acceptor.open(port_);
    if (!error) break;
    const std::string trouble = "can't listen on 127.0.0.1:" + std::to_string(port_) + ": " +
                                error.message() + ": set `port` under [webhook] in zane.toml to a free one";
    if (trouble != trouble_) log::error("listener_down", {{"error", trouble}});
    trouble_ = trouble;
    co_await loop::sleep_for(io_, kPortRetry);
  }
  trouble_.clear();
  log::info("listening", {{"port", port_}});
  co_await accept_all(acceptor);
}

loop::Task<> Listener::accept_all(Acceptor& acceptor) {
  // Said once as long as it lasts.
  bool said = false;
  for (;;) {
    Tcp::socket socket(io_);
    boost::system::error_code error;
    co_await acceptor.tcp.async_accept(socket, into(error));
    if (error) {
      // No descriptors, or the like: it passes, and is not asked for in a circle.
      if (!std::exchange(said, true)) log::warn("accept_failed", {{"error", error.message()}});
      co_await loop::sleep_for(io_, kAcceptPause);
      continue;
    }
    said = false;
    base::close_on_exec(socket.native_handle());
    // Too many at once: the newest is dropped, its sender tries again.
    if (connections_ >= kConnectionsMax) continue;
    ++connections_;
    loop::spawn(io_, "hook_request",
                [](Tcp::socket s, const Exchange::Intake& intake, int& connections) -> loop::Task<> {
                  co_await serve(std::move(s), intake);
                  --connections;
                }(std::move(socket), intake_, connections_));
  }
}

}  // namespace zane::webhook
