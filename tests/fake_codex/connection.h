// One client of the fake: a WebSocket over a Unix socket, text frames in both
// directions. Knows frames, not meanings. On the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/websocket.hpp"
#include "lib/loop/loop.h"

namespace zane::fake_codex {

// What waits for a client that does not read; beyond it the client is dropped.
inline constexpr size_t kOutboxBytesMax = 256 * 1024 * 1024;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Local = boost::asio::local::stream_protocol;
  using OnText = std::function<void(const std::shared_ptr<Connection>&, std::string_view)>;

  Connection(loop::Io& io, Local::socket socket) : io_(io), ws_(std::move(socket)), changed_(io) {}

  // Until the client goes away.
  loop::Task<> run(OnText on_text);

  // Queued; the text is shared by all clients that get it.
  void send(std::shared_ptr<const std::string> text);

  // From now on nothing this client says is taken notice of.
  void stop_listening() { listens_ = false; }

  // All is with the kernel, or the client is gone.
  [[nodiscard]] bool idle() const { return !open_ || (outbox_.empty() && !is_writing_); }

 private:
  loop::Task<> write();

  loop::Io& io_;
  boost::beast::websocket::stream<Local::socket> ws_;
  std::deque<std::shared_ptr<const std::string>> outbox_;
  size_t outbox_bytes_ = 0;
  loop::Signal changed_;
  bool open_ = true;
  bool listens_ = true;
  bool is_writing_ = false;
};

}  // namespace zane::fake_codex
