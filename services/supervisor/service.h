// supervisor: owns Codex's connections, the journal, the ledger and the open
// approvals. Wires its parts: what Codex says goes through here to them; inward.h
// has what the bus and the console ask. It takes no decision. Stations 2 and 5 of
// docs/paths.md.
#pragma once

#include <deque>

#include "lib/journal/weather.h"
#include "services/supervisor/bulk.h"
#include "services/supervisor/catch_up.h"
#include "services/supervisor/codex_process.h"
#include "services/supervisor/codex_socket.h"
#include "services/supervisor/effects.h"
#include "services/supervisor/follow.h"
#include "services/supervisor/inward.h"
#include "services/supervisor/outward.h"
#include "services/supervisor/restored.h"
#include "services/supervisor/settle.h"

namespace zane::supervisor {

// Codex's messages that wait because they can't be written down now; beyond it
// nothing more is read from Codex.
inline constexpr size_t kDeferredBytesMax = 16 * 1024 * 1024;

class Service {
 public:
  // All references outlive it. Throws SqliteError when its files can't be opened.
  Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
          const base::Clock& clock);

  // Spawns the loops: Codex's connections, upkeep.
  void run();
  void stop();

  // For the admin server, on the loop.
  Inward& inward() { return inward_; }
  ApprovalBook& approvals() { return approvals_; }
  journal::Journal& journal() { return *journal_; }
  Outward& outward() { return outward_; }
  loop::Io& io() { return node_.io(); }

 private:
  struct Deferred {
    CodexMessage message;
    std::string raw;
    int64_t read_ns;
  };

  void on_codex(const CodexMessage& message, const Incoming& incoming);
  // False when it could not be written down: nothing has happened, try again.
  bool take(const CodexMessage& message, const Incoming& incoming);
  void on_notification(const CodexMessage& message, const Incoming& incoming);
  void on_request(const CodexMessage& message, const Incoming& incoming);
  void on_process_output(const CodexMessage& message, const Incoming& incoming);
  void on_disk(const std::string& trouble);
  void defer(const CodexMessage& message, const Incoming& incoming);
  loop::Task<> take_deferred();
  loop::Task<> on_codex_ready(std::shared_ptr<const Session> session);
  void on_codex_lost();
  void end_of_terminals();
  void repeat_decision(const Approval& approval);
  std::string shown_with(const CodexMessage& message);
  loop::Task<> upkeep();

  bus::Node& node_;
  const config::Config& config_;
  const base::Clock& clock_;
  loop::Signal trouble_came_;
  journal::Weather weather_;
  journal::Mark journal_mark_;
  journal::Mark ledger_mark_;
  journal::Found ledger_found_;
  const std::unique_ptr<Ledger> owned_ledger_;
  Ledger& ledger_;
  journal::ForgettingClock forgetting_{ledger_.db()};
  bool older_journal_ = false;
  std::unique_ptr<journal::Journal> journal_;
  CodexSocket socket_;
  CodexSocket bulk_socket_;
  LocalCodexHost host_;
  Codex codex_;
  Bulk bulk_;
  Outward outward_;
  ApprovalBook approvals_;
  Processes processes_;
  Powers powers_;
  Effects effects_;
  CatchUp catch_up_;
  Follow follow_;
  Settle settle_;
  Inward inward_;
  std::deque<Deferred> deferred_;
  size_t deferred_bytes_ = 0;
};

}  // namespace zane::supervisor
