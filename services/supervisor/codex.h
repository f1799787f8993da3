// Codex as supervisor holds it: the one connection, attached or started, made
// anew when lost; JSON-RPC calls with ids of our own; the state of the process.
// Does not know threads or approvals: it hands every other message on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "services/supervisor/codex_message.h"
#include "services/supervisor/codex_process.h"
#include "services/supervisor/codex_socket.h"
#include "zane/v1/event.pb.h"

namespace zane::supervisor {

// Calls of all clients that wait for Codex, at most.
inline constexpr size_t kCallsMax = 1024;
inline constexpr std::chrono::seconds kCallDeadline{120};

// What Codex answered: `bytes` are its own, of `result` or of `error`.
struct CodexReply {
  bool ok = false;
  std::string bytes;
};

class Codex {
 public:
  struct Events {
    // Notifications and server requests, in order. `raw` lives for the call.
    std::function<void(const CodexMessage&, std::string_view raw, int64_t read_ns)> on_message;
    // Connected and initialized; `same_process` as the time before.
    std::function<loop::Task<>()> on_ready;
    // The app-server that was last ready has ended; it was our own child.
    std::function<void(const std::string& how)> on_ended;
    std::function<void()> on_state;
    // Nobody listens on our own socket: whoever did has ended, and what it asked with it.
    std::function<void()> on_gone;
  };

  Codex(loop::Io& io, const base::Home& home, const config::Config& config);

  // The loop of the connection; never returns.
  loop::Task<> run(Events events);

  // One JSON-RPC request. Unavailable when Codex is not there ("codex-down"),
  // Unknown when it was sent and the connection was lost before the answer.
  loop::Task<absl::StatusOr<CodexReply>> call(std::string_view method, std::string_view params,
                                              std::chrono::milliseconds deadline = kCallDeadline);

  // The answer to a server request. False when it could not be written.
  bool respond(std::string_view id, std::string_view result);
  bool respond_error(std::string_view id, int code, std::string_view message);

  // Ready means: initialized, and nothing has ended it since.
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] v1::CodexState state() const;
  [[nodiscard]] const std::string& instance() const { return socket_.instance(); }
  // 0 while there is none.
  [[nodiscard]] int64_t pid() const { return ready_ ? socket_.peer_pid() : 0; }
  [[nodiscard]] const std::filesystem::path& socket_path() const { return socket_path_; }

  // Lets go of the connection; Codex lives on.
  void detach() { socket_.close(); }

 private:
  struct Call {
    explicit Call(loop::Io& io) : done(io) {}
    loop::Signal done;
    bool answered = false;
    CodexReply reply;
  };

  loop::Task<absl::Status> connect_or_start();
  loop::Task<absl::Status> start();
  loop::Task<absl::Status> initialize();
  loop::Task<> prepare();
  loop::Task<> probe();
  void on_raw(std::string_view raw, int64_t read_ns);
  void on_response(const CodexMessage& message, std::string_view raw);
  void set_state(const std::string& state, const std::string& message);
  void lose_calls();
  std::string loop_cure() const;
  std::chrono::milliseconds next_pause(bool was_ready);

  loop::Io& io_;
  const base::Home& home_;
  const config::Config& config_;
  std::filesystem::path socket_path_;
  CodexSocket socket_;
  Events events_;
  std::unordered_map<int64_t, std::shared_ptr<Call>> calls_;
  int64_t next_call_ = 1;
  bool ready_ = false;
  std::string session_;
  int child_ = -1;
  std::string state_ = "starting";
  std::string message_;
  std::string version_;
  std::string codex_home_;
  int64_t proof_ns_ = 0;
  int quick_ends_ = 0;
  int64_t bad_messages_ = 0;
};

}  // namespace zane::supervisor
