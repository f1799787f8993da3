// The WebSocket to `codex app-server` over its Unix socket. Knows frames, not
// meanings. One per connection; on the loop.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "lib/loop/loop.h"

namespace zane::supervisor {

// One message of Codex's, at most: a thread read whole can be long. Beyond it
// the connection is given up and made anew; the turn goes on in Codex.
inline constexpr size_t kCodexMessageBytesMax = 64 * 1024 * 1024;
// What waits to be written to a Codex that does not read.
inline constexpr size_t kCodexOutboxBytesMax = 16 * 1024 * 1024;

class CodexSocket {
 public:
  // `read_ns`: steady clock, when the message was complete.
  using OnMessage = std::function<void(std::string_view raw, int64_t read_ns)>;

  explicit CodexSocket(loop::Io& io);
  ~CodexSocket();

  // NotFound when nobody listens there. Errors name the cure.
  loop::Task<absl::Status> connect(const std::filesystem::path& path);

  // Reads until the connection ends and says why. Once per connection.
  loop::Task<absl::Status> run(OnMessage on_message);

  // Queues one message. False when the outbox is full or the socket is down.
  bool send(std::string message);

  // Which process is at the other end and which bind of its socket: the same
  // text if and only if it is the same app-server.
  [[nodiscard]] const std::string& instance() const { return instance_; }

  // The process that listens at the other end; -1 when the kernel does not say.
  [[nodiscard]] int64_t peer_pid() const { return peer_pid_; }

  void close();

 private:
  struct Stream;
  loop::Task<> write();

  loop::Io& io_;
  // Shared with the coroutines that still run on it when a new one is made.
  std::shared_ptr<Stream> stream_;
  std::deque<std::string> outbox_;
  size_t outbox_bytes_ = 0;
  loop::Signal to_write_;
  std::string instance_;
  int64_t peer_pid_ = -1;
  std::shared_ptr<bool> open_;
};

}  // namespace zane::supervisor
