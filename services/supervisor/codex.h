// Codex as supervisor holds it: the one connection for events, attached or
// started, made anew when lost; the state of the process. Does not know threads
// or approvals: it hands every message on. Bulk reads have a connection of their
// own (bulk.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/base/home.h"
#include "lib/config/config.h"
#include "services/supervisor/codex_host.h"
#include "services/supervisor/rpc.h"
#include "zane/v1/event.pb.h"

namespace zane::supervisor {

// What takes how long; tests have shorter ones.
struct CodexTimes {
  // A start that takes longer has failed; 0.3 s is usual.
  std::chrono::milliseconds start{20000};
  std::chrono::milliseconds connect_poll{50};
  std::chrono::milliseconds first_pause{200};
  std::chrono::milliseconds longest_pause{30000};
  // After a connection that was good, to a process that lives.
  std::chrono::milliseconds longest_pause_cut{1000};
  std::chrono::milliseconds initialize{15000};
  std::chrono::milliseconds call{120000};
  // No call to one that hangs waits longer.
  std::chrono::milliseconds call_to_stuck{60000};
  std::chrono::milliseconds probe{5000};
  std::chrono::milliseconds patience{5000};
  // A process that lived so long did not crash at its start.
  std::chrono::milliseconds good_life{60000};
};

// One connection to one app-server. Whoever waits for something in it looks
// afterwards whether it still lives: what a reconnection proves is about the
// connection it was learned in and no other (design §5).
struct Session {
  std::string id;
  std::string instance;
  bool alive = true;
};

class Codex {
 public:
  struct Events {
    // Notifications and server requests, in order. `raw` lives for the call.
    std::function<void(const CodexMessage&, const Incoming&)> on_message;
    // Connected and initialized.
    std::function<loop::Task<>(std::shared_ptr<const Session>)> on_ready;
    // The session that was ready is over.
    std::function<void()> on_lost;
    // The process that listened on our own socket has certainly ended, and what
    // it asked with it.
    std::function<void(const std::string& how)> on_ended;
    std::function<void()> on_state;
  };

  // All references outlive it.
  Codex(loop::Io& io, const base::Home& home, const config::Config& config, Transport& transport,
        CodexHost& host, CodexTimes times = {});

  // The loop of the connection; never returns.
  loop::Task<> run(Events events);

  // One JSON-RPC request on the connection for events: see Rpc::call. Before
  // Codex is ready it is Unavailable. Without a deadline: CodexTimes::call.
  loop::Task<absl::StatusOr<CodexReply>> call(
      std::string_view method, std::string_view params,
      std::optional<std::chrono::milliseconds> deadline = std::nullopt, Rpc::Late late = nullptr);

  // Whether Codex is ready, after a moment's patience: one that is being attached
  // or started is there soon, one that hangs or crashes is not waited for.
  loop::Task<bool> ready_soon();

  bool respond(std::string_view id, std::string_view result) { return rpc_.respond(id, result); }
  bool respond_error(std::string_view id, int code, std::string_view message) {
    return rpc_.respond_error(id, code, message);
  }
  // While set, nothing more is read of what Codex says.
  void hold(bool held);

  // Null unless initialized and nothing has ended it since.
  [[nodiscard]] const std::shared_ptr<Session>& session() const { return session_; }
  [[nodiscard]] bool ready() const { return session_ != nullptr; }
  [[nodiscard]] v1::CodexState state() const;
  [[nodiscard]] std::string instance() const { return session_ ? session_->instance : ""; }
  // 0 while there is none.
  [[nodiscard]] int64_t pid() const { return session_ ? transport_.peer_pid() : 0; }
  [[nodiscard]] const std::filesystem::path& socket_path() const { return socket_path_; }
  [[nodiscard]] const std::string& home_folder() const { return codex_home_; }

  // Lets go of the connection; Codex lives on.
  void detach();

 private:
  loop::Task<absl::Status> connect_or_start();
  loop::Task<absl::Status> start();
  loop::Task<> prepare(int64_t connection);
  loop::Task<> look_at_account(std::shared_ptr<const Session> session);
  loop::Task<absl::Status> initialize();
  loop::Task<> probe();
  void on_incoming(const Incoming& incoming);
  void over();
  void set_state(const std::string& state, const std::string& message);
  std::string hangs() const;
  std::string loop_cure() const;
  std::chrono::milliseconds next_pause(bool only_cut) const;

  loop::Io& io_;
  const base::Home& home_;
  const config::Config& config_;
  Transport& transport_;
  CodexHost& host_;
  const CodexTimes times_;
  const std::filesystem::path socket_path_;
  Rpc rpc_;
  Events events_;
  std::shared_ptr<Session> session_;
  // Counts connections, so that what belongs to one leaves the next alone.
  int64_t connection_ = 0;
  bool prepared_ = false;
  bool detached_ = false;
  int child_ = -1;
  std::string state_ = "starting";
  std::string message_;
  std::string version_;
  std::string codex_home_;
  int64_t proof_ns_ = 0;
  // In a row, without a good connection between.
  int failures_ = 0;
  // In a row, without a process between that had a good life.
  int starts_ = 0;
  int64_t started_ns_ = 0;
  int missed_probes_ = 0;
  // Changes of Transport::hold: of a time in which there was one silence says nothing.
  int64_t holds_ = 0;
  bool logged_out_ = false;
  int64_t bad_messages_ = 0;
};

// What a client says first on a connection.
std::string initialize_params();

}  // namespace zane::supervisor
