#include "services/webhook/listener.h"

#include <sys/types.h>

#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http.hpp"
#include "lib/base/machine.h"
#include "lib/log/log.h"

namespace zane::webhook {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds kRequestDeadline{10};
constexpr std::chrono::seconds kPortRetry{5};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr uint32_t kHeaderBytesMax = 16 * 1024;

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

Reply refuse(int status, const std::string& code, const std::string& message) {
  return {status, "{\"error\":\"" + code + "\",\"message\":\"" + message + "\"}"};
}

// Names of this machine only: a page elsewhere that resolves its own name to
// 127.0.0.1 sends that name here.
bool is_local_host(std::string host) {
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1";
}

Headers headers_of(const Request& request) {
  Headers headers;
  for (const auto& field : request) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    headers[name] = std::string(field.value());
  }
  return headers;
}

// The hook that a target names, as Orbit reads it: without a query, and with or
// without a slash at the end. "" for any other target.
std::string hook_of(std::string_view target) {
  constexpr std::string_view prefix = "/hooks/";
  if (!target.starts_with(prefix)) return "";
  target.remove_prefix(prefix.size());
  target = target.substr(0, target.find('?'));
  if (target.ends_with('/')) target.remove_suffix(1);
  return std::string(target);
}

// Nothing when its body is to be read.
std::optional<Reply> refused_by_header(const http::request_parser<http::string_body>& parser) {
  const auto& request = parser.get();
  if (!is_local_host(std::string(request[http::field::host])))
    return refuse(421, "wrong-host", "this listener answers for localhost alone");
  if (request.find(http::field::origin) != request.end())
    return refuse(403, "no-browsers", "this listener is not for web pages");
  if (hook_of(request.target()).empty()) return refuse(404, "not-found", "post to /hooks/ and the hook's id");
  if (request.method() != http::verb::post) return refuse(405, "method", "only POST");
  if (parser.content_length().value_or(0) > kBodyBytesMax)
    return refuse(413, "too-large", "a delivery may have 960 KiB at most");
  return std::nullopt;
}

loop::Task<> reply_with(beast::tcp_stream& stream, Reply reply) {
  Response response{static_cast<http::status>(reply.status), 11};
  response.set(http::field::content_type, "application/json");
  response.keep_alive(false);
  response.body() = std::move(reply.json);
  response.prepare_payload();
  boost::system::error_code error;
  co_await http::async_write(stream, response, into(error));
  stream.socket().shutdown(Tcp::socket::shutdown_send, error);
}

// The header is looked at before the body is read: a client that waits for "100
// Continue" (RFC 9110 §10.1.1) gets it, or the refusal at once.
loop::Task<> serve(Tcp::socket socket, Listener::Intake intake) {
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(kRequestDeadline);
  beast::flat_buffer buffer;
  http::request_parser<http::string_body> parser;
  parser.body_limit(kBodyBytesMax);
  parser.header_limit(kHeaderBytesMax);
  boost::system::error_code error;
  co_await http::async_read_header(stream, buffer, parser, into(error));
  // A body that is announced as too long is a header's error already.
  if (error == http::error::body_limit)
    co_return co_await reply_with(stream, refuse(413, "too-large", "a delivery may have 960 KiB at most"));
  if (error) co_return;
  if (auto refused = refused_by_header(parser)) co_return co_await reply_with(stream, *std::move(refused));
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on{http::status::continue_, 11};
    co_await http::async_write(stream, go_on, into(error));
    if (error) co_return;
  }
  co_await http::async_read(stream, buffer, parser, into(error));
  if (error == http::error::body_limit)
    co_return co_await reply_with(stream, refuse(413, "too-large", "a delivery may have 960 KiB at most"));
  if (error) co_return;
  Request request = parser.release();
  const std::string hook = hook_of(request.target());
  const Headers headers = headers_of(request);
  co_await reply_with(stream, intake(hook, headers, std::move(request.body())));
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

Listener::Listener(loop::Io& io, int port, Intake intake)
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
  for (;;) {
    Tcp::socket socket(io_);
    boost::system::error_code error;
    co_await acceptor.tcp.async_accept(socket, into(error));
    if (error) {
      // No descriptors, or the like: it passes, and is not asked for in a circle.
      log::warn("accept_failed", {{"error", error.message()}});
      co_await loop::sleep_for(io_, kAcceptPause);
      continue;
    }
    base::close_on_exec(socket.native_handle());
    // Too many at once: the newest is dropped, its sender tries again.
    if (connections_ >= kConnectionsMax) continue;
    ++connections_;
    loop::spawn(io_, "hook_request", [](Tcp::socket s, Intake intake, int& connections) -> loop::Task<> {
      co_await serve(std::move(s), std::move(intake));
      --connections;
    }(std::move(socket), intake_, connections_));
  }
}

}  // namespace zane::webhook
