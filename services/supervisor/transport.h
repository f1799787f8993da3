// The seam under Codex: one connection to an app-server as a thing that can be
// refused, fall silent, drop, repeat and cut. codex_socket.h is the real one;
// tests have one that is scripted (testing/scripted_transport.h). On the loop.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/loop/loop.h"

namespace zane::supervisor {

// One message of Codex's, at most; of a longer one the head is kept and the rest
// is let go of, so that it costs itself and not the connection.
inline constexpr size_t kCodexMessageBytesMax = 64 * 1024 * 1024;
// What waits to be written to a Codex that does not read.
inline constexpr size_t kCodexOutboxBytesMax = 16 * 1024 * 1024;

struct Incoming {
  // Lives for the call. Of a message that was `cut`: its first bytes.
  std::string_view raw;
  bool cut = false;
  // Steady clock, when the message was complete.
  int64_t read_ns = 0;
};

class Transport {
 public:
  using OnMessage = std::function<void(const Incoming&)>;
  virtual ~Transport() = default;

  //   NotFound            nobody listens there;
  //   DeadlineExceeded    somebody does, and says nothing: a Codex that hangs;
  //   FailedPrecondition  somebody does who is no app-server;
  //   Unavailable         we could not even try: descriptors, rights, a full queue.
  // Errors name the cure.
  virtual loop::Task<absl::Status> connect(const std::filesystem::path& path) = 0;

  // Reads until the connection ends and says why. Once per connection.
  virtual loop::Task<absl::Status> run(OnMessage on_message) = 0;

  // Queues one message. False when the outbox is full or the connection is down.
  virtual bool send(std::string message) = 0;

  // While set, nothing is read: what Codex says waits in the kernel and in Codex.
  virtual void hold(bool held) = 0;
  [[nodiscard]] virtual bool held() const = 0;

  virtual void close() = 0;

  // Which process is at the other end and which bind of its socket: the same
  // text if and only if it is the same app-server.
  [[nodiscard]] virtual const std::string& instance() const = 0;
  // The process that listens at the other end; -1 when the kernel does not say.
  [[nodiscard]] virtual int64_t peer_pid() const = 0;
};

}  // namespace zane::supervisor
