// The baseline: the least that could stand between Codex and a local reader. One
// loop, one message at a time, nothing stored, nothing looked at. WebSocket from
// Codex's Unix socket in, plain length and bytes on a Unix socket out.
//
//   bare_relay CODEX_SOCKET OUT_SOCKET PROMPT
//
// Waits for one reader on OUT_SOCKET, then starts a turn with PROMPT, and ends
// when that turn is over.
#include <iostream>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core/buffers_to_string.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/websocket.hpp"
#include "boost/json.hpp"
#include "lib/loop/loop.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bj = boost::json;
using Local = asio::local::stream_protocol;
using WebSocket = beast::websocket::stream<Local::socket>;
using zane::loop::Task;

constexpr auto kAwait = asio::use_awaitable;

Task<std::string> next(WebSocket& codex) {
  beast::flat_buffer buffer;
  co_await codex.async_read(buffer, kAwait);
  co_return beast::buffers_to_string(buffer.cdata());
}

Task<bj::object> call(WebSocket& codex, int id, std::string_view method, bj::object params) {
  const std::string text =
      bj::serialize(bj::object{{"id", id}, {"method", method}, {"params", std::move(params)}});
  co_await codex.async_write(asio::buffer(text), kAwait);
  for (;;) {
    const bj::value message = bj::parse(co_await next(codex));
    const auto* answered = message.as_object().if_contains("id");
    if (answered && *answered == id) co_return message.at("result").as_object();
  }
}

Task<> forward(WebSocket& codex, Local::socket& out) {
  beast::flat_buffer buffer;
  for (bool over = false; !over;) {
    co_await codex.async_read(buffer, kAwait);
    const auto length = static_cast<uint32_t>(buffer.size());
    const std::array<asio::const_buffer, 2> parts = {asio::buffer(&length, sizeof length),
                                                     asio::const_buffer(buffer.cdata())};
    co_await asio::async_write(out, parts, kAwait);
    const std::string_view raw(static_cast<const char*>(buffer.cdata().data()), buffer.size());
    over = raw.find("\"turn/completed\"") != std::string_view::npos;
    buffer.consume(buffer.size());
  }
}

Task<> relay(zane::loop::Io& io, std::string codex_path, Local::acceptor& acceptor, std::string prompt) {
  Local::socket out = co_await acceptor.async_accept(kAwait);
  WebSocket codex(io);
  co_await codex.next_layer().async_connect(Local::endpoint(codex_path), kAwait);
  co_await codex.async_handshake("localhost", "/", kAwait);
  (void)co_await call(codex, 1, "initialize", {});
  const bj::object made = co_await call(codex, 2, "thread/start", {{"cwd", "/"}});
  const bj::array input{bj::object{{"type", "text"}, {"text", prompt}}};
  (void)co_await call(codex, 3, "turn/start", {{"threadId", made.at("thread").at("id")}, {"input", input}});
  co_await forward(codex, out);
  io.stop();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bare_relay CODEX_SOCKET OUT_SOCKET PROMPT\n";
    return 64;
  }
  zane::loop::Io io(1);
  Local::acceptor acceptor(io, Local::endpoint(argv[2]));
  std::cout << "ready" << std::endl;
  zane::loop::spawn(io, "relay", relay(io, argv[1], acceptor, argv[3]));
  io.run();
  return 0;
}
