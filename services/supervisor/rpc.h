// JSON-RPC over one connection to Codex: calls with ids of our own, answers to
// its requests. Does not know what is said. On the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "services/supervisor/codex_message.h"
#include "services/supervisor/transport.h"

namespace zane::supervisor {

// Calls that wait for Codex on one connection, at most.
inline constexpr size_t kCallsMax = 1024;

// What Codex answered: `bytes` are its own, of `result` or of `error`.
struct CodexReply {
  bool ok = false;
  std::string bytes;
};

class Rpc {
 public:
  // `transport` outlives it.
  Rpc(loop::Io& io, Transport& transport) : io_(io), transport_(transport) {}

  //   Unavailable        it could not be sent: nothing has happened;
  //   ResourceExhausted  too many calls wait: nothing has happened;
  //   Unknown            sent, and the connection or the time ran out;
  //   OutOfRange         answered, but the answer is too long to be kept.
  // `late` gets the answer that comes after it was told Unknown, on the same connection.
  using Late = std::function<void(const absl::StatusOr<CodexReply>&)>;
  loop::Task<absl::StatusOr<CodexReply>> call(std::string_view method, std::string_view params,
                                              std::chrono::milliseconds deadline, Late late = nullptr);

  // The answer to a server request. False when it could not be written.
  bool respond(std::string_view id, std::string_view result);
  bool respond_error(std::string_view id, int code, std::string_view message);

  // An answer has come. False when nobody is to have it (any more).
  bool on_response(const CodexMessage& message, const Incoming& incoming);

  // The connection is gone: whoever waits hears it now.
  void lose_calls();
  // Whoever has waited for so long hears that Codex does not answer.
  void give_up(std::chrono::milliseconds waited);

 private:
  struct Call {
    explicit Call(loop::Io& io) : done(io) {}
    loop::Signal done;
    absl::StatusOr<CodexReply> reply = absl::UnknownError("");
    bool answered = false;
    // Set once nobody waits any more but this.
    Late late;
    int64_t asked_ns = base::steady_ns();
  };

  loop::Io& io_;
  Transport& transport_;
  std::unordered_map<int64_t, std::shared_ptr<Call>> calls_;
  int64_t next_call_ = 1;
};

}  // namespace zane::supervisor
