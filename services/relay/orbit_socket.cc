#include "services/relay/orbit_socket.h"

#include <algorithm>
#include <cstdlib>

#include "boost/asio/any_completion_handler.hpp"
#include "boost/asio/bind_executor.hpp"
#include "boost/asio/connect.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/ssl.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core.hpp"
#include "boost/beast/http.hpp"
#include "boost/beast/websocket.hpp"
#include "boost/beast/websocket/ssl.hpp"
#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/link/frame.h"
#include "lib/log/log.h"

namespace zane::relay {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kConnectDeadline{15};
constexpr std::chrono::seconds kPingEvery{15};
// Two pings unanswered: the other end is gone, whatever TCP believes.
constexpr std::chrono::seconds kSilenceMax{35};
constexpr std::string_view kPing = "ping";
constexpr std::string_view kPong = "pong";

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// Either kind of stream behind one type, so that Beast's WebSocket (by far the
// most expensive template of the tree) is compiled once.
class AnyStream {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = Tcp::socket;
  using Tls = asio::ssl::stream<Tcp::socket>;
  using Done = asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;

  explicit AnyStream(Tcp::socket socket) : plain_(std::make_unique<Tcp::socket>(std::move(socket))) {}
  AnyStream(Tcp::socket socket, asio::ssl::context& context)
      : tls_(std::make_unique<Tls>(std::move(socket), context)) {}

  executor_type get_executor() { return lowest_layer().get_executor(); }
  Tcp::socket& lowest_layer() { return tls_ ? tls_->next_layer() : *plain_; }
  Tls* tls() { return tls_.get(); }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& b) { read(first(b), erase(std::move(handler))); }, token,
        buffers);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& b) { write(first(b), erase(std::move(handler))); }, token,
        buffers);
  }

 private:
  // One buffer at a time: "some" may be less than all.
  template <typename Buffers>
  static auto first(const Buffers& buffers) {
    auto it = asio::buffer_sequence_begin(buffers);
    const auto end = asio::buffer_sequence_end(buffers);
    while (it != end && asio::buffer_size(*it) == 0) ++it;
    using One = std::decay_t<decltype(*it)>;
    return it == end ? One() : One(*it);
  }
  template <typename Handler>
  Done erase(Handler handler) {
    const auto executor = asio::get_associated_executor(handler, get_executor());
    return Done(asio::bind_executor(executor, std::move(handler)));
  }
  void read(asio::mutable_buffer buffer, Done done) {
    tls_ ? tls_->async_read_some(buffer, std::move(done)) : plain_->async_read_some(buffer, std::move(done));
  }
  void write(asio::const_buffer buffer, Done done) {
    tls_ ? tls_->async_write_some(buffer, std::move(done))
         : plain_->async_write_some(buffer, std::move(done));
  }

  std::unique_ptr<Tcp::socket> plain_;
  std::unique_ptr<Tls> tls_;
};

// Beast asks these of a stream; the connection is simply dropped, and a lost
// closing handshake is judged by the WebSocket's own close reason.
void beast_close_socket(AnyStream& stream) {
  boost::system::error_code ignored;
  stream.lowest_layer().close(ignored);
}
template <typename Handler>
void async_teardown(beast::role_type, AnyStream& stream, Handler&& handler) {
  boost::system::error_code error;
  stream.lowest_layer().close(error);
  asio::post(stream.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error));
}

std::unique_ptr<LinkError> weather(std::string message) {
  return std::make_unique<LinkError>(LinkError{LinkEnd::kWeather, std::move(message)});
}

struct Proxy {
  std::string host;
  std::string port;
  std::string authorization;
};

// HTTPS_PROXY as curl reads it: http://[user:password@]host:port. NO_PROXY is
// honoured for exact hosts and domain suffixes.
std::optional<Proxy> proxy_for(const OrbitAddress& address) {
  const char* given = std::getenv("HTTPS_PROXY") ? std::getenv("HTTPS_PROXY") : std::getenv("https_proxy");
  if (!given || !*given || !address.tls) return std::nullopt;
  const char* except = std::getenv("NO_PROXY") ? std::getenv("NO_PROXY") : std::getenv("no_proxy");
  std::string rest = except ? except : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    std::string name = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    while (name.starts_with('.') || name.starts_with(' ')) name.erase(0, 1);
    const bool same = address.host == name || (!name.empty() && address.host.ends_with("." + name));
    if (same || name == "*") return std::nullopt;
  }
  std::string text = given;
  if (const size_t scheme = text.find("://"); scheme != std::string::npos) text.erase(0, scheme + 3);
  text = text.substr(0, text.find('/'));
  Proxy proxy;
  if (const size_t at = text.rfind('@'); at != std::string::npos) {
    // RFC 7617; a password with special characters must already be plain here.
    std::string base64 = crypto::to_base64url(text.substr(0, at));
    for (char& c : base64) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (base64.size() % 4 != 0) base64 += '=';
    proxy.authorization = "Basic " + base64;
    text.erase(0, at + 1);
  }
  const size_t colon = text.rfind(':');
  proxy.host = text.substr(0, colon);
  proxy.port = colon == std::string::npos ? "8080" : text.substr(colon + 1);
  return proxy;
}

loop::Task<std::unique_ptr<LinkError>> open_tunnel(Tcp::socket& socket, const Proxy& proxy,
                                                   const OrbitAddress& to) {
  namespace http = beast::http;
  const std::string target = to.host + ":" + to.port;
  http::request<http::empty_body> request{http::verb::connect, target, 11};
  request.set(http::field::host, target);
  if (!proxy.authorization.empty()) request.set(http::field::proxy_authorization, proxy.authorization);
  boost::system::error_code error;
  co_await http::async_write(socket, request, into(error));
  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> response;
  response.skip(true);
  if (!error) co_await http::async_read_header(socket, buffer, response, into(error));
  if (error) co_return weather("the proxy " + proxy.host + " broke off: " + error.message());
  if (response.get().result() != http::status::ok)
    co_return weather("the proxy " + proxy.host + " answered " + std::to_string(response.get().result_int()) +
                      ": check HTTPS_PROXY");
  co_return nullptr;
}

}  // namespace

struct OrbitSocket::Stream {
  explicit Stream(loop::Io& io)
      : context(asio::ssl::context::tls_client), resolver(io), connecting(io), deadline(io) {}
  asio::ssl::context context;
  Tcp::resolver resolver;
  // Until `ws` has taken it over: here, and not with a coroutine that may end first.
  Tcp::socket connecting;
  loop::Timer deadline;
  std::unique_ptr<websocket::stream<AnyStream>> ws;
  beast::flat_buffer buffer;
};

namespace {

bool is_host(std::string_view host, std::string_view marks) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || marks.find(c) != std::string_view::npos;
  });
}

bool is_port(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string::npos;
  return digits && std::stoi(text) >= 1 && std::stoi(text) <= 65535;
}

// By its number: `127.example` is a name like any other.
bool is_loopback(const std::string& host) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return host == "localhost" || (!error && address.is_loopback());
}

}  // namespace

absl::StatusOr<OrbitAddress> parse_orbit_url(const std::string& url) {
  OrbitAddress address;
  std::string rest;
  if (url.starts_with("https://")) {
    rest = url.substr(8);
  } else if (url.starts_with("http://")) {
    rest = url.substr(7);
    address.tls = false;
  } else {
    return absl::InvalidArgumentError(
        "`orbit.url` must begin with https:// (or http:// for this machine alone)");
  }
  rest = rest.substr(0, rest.find('/'));
  const size_t colon = rest.rfind(':');
  const bool has_port = colon != std::string::npos && rest.find(']', colon) == std::string::npos;
  address.host = has_port ? rest.substr(0, colon) : rest;
  address.port = has_port ? rest.substr(colon + 1) : address.tls ? "443" : "80";
  const bool bracketed = address.host.starts_with('[') && address.host.ends_with(']');
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if (!is_host(address.host, bracketed ? ":." : "-._") || !is_port(address.port))
    return absl::InvalidArgumentError("`orbit.url` must be https://, a host's name and at most a port");
  if (!address.tls && !is_loopback(address.host))
    return absl::InvalidArgumentError("`orbit.url` is plain http to another machine: use https://");
  return address;
}

OrbitSocket::OrbitSocket(loop::Io& io) : io_(io), to_write_(io) {}
OrbitSocket::~OrbitSocket() { close(); }

loop::Task<std::unique_ptr<LinkError>> OrbitSocket::connect(Target target) {
  close();
  stream_ = std::make_shared<Stream>(io_);
  const auto stream = stream_;
  const auto& address = target.address;
  boost::system::error_code error;

  stream->context.set_verify_mode(asio::ssl::verify_peer);
  stream->context.set_default_verify_paths(error);
  if (!target.ca_file.empty()) {
    stream->context.load_verify_file(target.ca_file, error);
    if (error) co_return weather("can't read `orbit.ca_file` " + target.ca_file + ": " + error.message());
  }
  Tcp::socket& socket = stream->connecting;
  stream->deadline.expires_after(kConnectDeadline);
  stream->deadline.async_wait([weak = std::weak_ptr<Stream>(stream)](boost::system::error_code e) {
    const auto alive = weak.lock();
    if (e || !alive) return;
    alive->resolver.cancel();
    boost::system::error_code ignored;
    if (alive->ws)
      alive->ws->next_layer().lowest_layer().close(ignored);
    else
      alive->connecting.close(ignored);
  });
  const auto proxy = proxy_for(address);
  const auto found = co_await stream->resolver.async_resolve(proxy ? proxy->host : address.host,
                                                             proxy ? proxy->port : address.port, into(error));
  if (!error) co_await asio::async_connect(socket, found, into(error));
  if (error) {
    stream->deadline.cancel();
    co_return weather("can't reach " + (proxy ? proxy->host : address.host) + ": " + error.message());
  }
  base::close_on_exec(socket.native_handle());
  socket.set_option(Tcp::no_delay(true), error);
  if (proxy)
    if (auto failed = co_await open_tunnel(socket, *proxy, address)) {
      stream->deadline.cancel();
      co_return failed;
    }

  stream->ws = address.tls
                   ? std::make_unique<websocket::stream<AnyStream>>(std::move(socket), stream->context)
                   : std::make_unique<websocket::stream<AnyStream>>(std::move(socket));
  auto& ws = *stream->ws;
  if (auto* tls = ws.next_layer().tls()) {
    SSL_set_tlsext_host_name(tls->native_handle(), address.host.c_str());
    tls->set_verify_callback(asio::ssl::host_name_verification(address.host));
    co_await tls->async_handshake(asio::ssl::stream_base::client, into(error));
    if (error) {
      stream->deadline.cancel();
      const bool certificate = SSL_get_verify_result(tls->native_handle()) != X509_V_OK;
      if (!certificate) co_return weather("TLS with " + address.host + " failed: " + error.message());
      co_return std::make_unique<LinkError>(
          LinkError{LinkEnd::kBadCertificate,
                    "the certificate of " + address.host + " is not trusted: " +
                        X509_verify_cert_error_string(SSL_get_verify_result(tls->native_handle())) +
                        ": if it is your own CA, name it as `ca_file` under [orbit]"});
    }
  }
  ws.read_message_max(link::kFrameBytesMax);
  ws.auto_fragment(false);
  websocket::permessage_deflate deflate;
  deflate.client_enable = true;
  deflate.server_enable = true;
  deflate.compLevel = 1;
  deflate.memLevel = 8;
  ws.set_option(deflate);
  ws.set_option(websocket::stream_base::decorator([&](websocket::request_type& request) {
    request.set(beast::http::field::authorization, "Bearer " + target.token);
    request.set(beast::http::field::user_agent, "zane-relay/" ZANE_RELEASE);
  }));
  websocket::response_type response;
  co_await ws.async_handshake(response, address.host + ":" + address.port, target.path, into(error));
  stream->deadline.cancel();
  if (error == websocket::error::upgrade_declined) {
    const unsigned status = response.result_int();
    const bool refused = status == 401 || status == 403 || status == 404;
    co_return std::make_unique<LinkError>(LinkError{
        refused ? LinkEnd::kRefused : LinkEnd::kWeather,
        "Orbit answered " + std::to_string(status) +
            (refused ? ": it does not know this Mac, or this Mac's clock is wrong by minutes: set the "
                       "clock to network time; else run `script/run` again, or register its link key "
                       "with your Orbit"
                     : ": it is tried again")});
  }
  if (error) co_return weather("no WebSocket with " + address.host + ": " + error.message());
  open_ = std::make_shared<bool>(true);
  urgent_ = {};
  flow_ = {};
  allowance_ = {};
  heard_ns_ = base::steady_ns();
  silent_ = false;
  co_return nullptr;
}

loop::Task<LinkError> OrbitSocket::run(OnFrame on_frame) {
  const auto open = open_;
  const auto stream = stream_;
  loop::spawn(io_, "orbit_write", write());
  loop::spawn(io_, "orbit_heartbeat", heartbeat());
  boost::system::error_code error;
  while (*open) {
    co_await stream->ws->async_read(stream->buffer, into(error));
    if (error) break;
    heard_ns_ = base::steady_ns();
    const auto data = stream->buffer.cdata();
    const std::string_view frame(static_cast<const char*>(data.data()), data.size());
    if (frame != kPong) on_frame(frame);
    stream->buffer.consume(stream->buffer.size());
  }
  *open = false;
  to_write_.raise();
  // TLS ends as "stream truncated" or a reset: the WebSocket's own reason counts.
  switch (static_cast<unsigned>(stream->ws->reason().code)) {
    case 4002:
      co_return LinkError{LinkEnd::kReplaced, "another relay of this Mac connected"};
    case 4010:
      co_return LinkError{LinkEnd::kNoCommonVersion, "Orbit and this Mac have no protocol version in common"};
    case 4003:
      co_return LinkError{LinkEnd::kWeather, "Orbit heard nothing from this Mac for too long"};
    case 4009:
      co_return LinkError{LinkEnd::kWeather, "Orbit closed the link: too much, too fast"};
    case 4011:
      co_return LinkError{LinkEnd::kWeather,
                          "Orbit could not read a frame of this Mac's: update the older of the two"};
    case 4012:
      co_return LinkError{LinkEnd::kRefused, "Orbit no longer knows this Mac's link key: register it again"};
    default:
      co_return LinkError{LinkEnd::kWeather,
                          silent_ ? "Orbit did not answer a ping in time" : error.message()};
  }
}

loop::Task<> OrbitSocket::write() {
  const auto open = open_;
  const auto stream = stream_;
  while (*open) {
    const auto now = Allowance::Clock::now();
    const bool urgent = !urgent_.frames.empty();
    if (!urgent && flow_.frames.empty()) {
      co_await to_write_.wait();
      continue;
    }
    if (!urgent)
      if (const auto wait = allowance_.wait(now); wait.count() > 0) {
        // Something urgent ends the wait.
        co_await to_write_.wait_for(wait);
        continue;
      }
    Queue& queue = urgent ? urgent_ : flow_;
    const std::string frame = std::move(queue.frames.front());
    queue.frames.pop_front();
    allowance_.spend(frame.size(), now);
    stream->ws->binary(false);
    boost::system::error_code error;
    co_await stream->ws->async_write(asio::buffer(frame), into(error));
    if (*open) queue.bytes -= frame.size();
    if (error) break;
  }
}

loop::Task<> OrbitSocket::heartbeat() {
  const auto open = open_;
  while (*open) {
    co_await loop::sleep_for(io_, kPingEvery);
    if (!*open) co_return;
    if (base::steady_ns() - heard_ns_ > std::chrono::nanoseconds(kSilenceMax).count()) {
      silent_ = true;
      close();
      co_return;
    }
    send(std::string(kPing));
  }
}

bool OrbitSocket::send(std::string frame, Kind kind) {
  Queue& queue = kind == Kind::kUrgent ? urgent_ : flow_;
  if (!is_open() || queue.bytes + frame.size() > kOutboxBytesMax) return false;
  queue.bytes += frame.size();
  queue.frames.push_back(std::move(frame));
  to_write_.raise();
  return true;
}

void OrbitSocket::close() {
  if (!is_open()) return;
  *open_ = false;
  boost::system::error_code ignored;
  stream_->ws->next_layer().lowest_layer().close(ignored);
  to_write_.raise();
}

}  // namespace zane::relay
