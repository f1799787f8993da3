// supervisor: owns Codex's connection, the journal and the open approvals.
// Outwards it journals first, then publishes; inwards it carries out effects
// that come with policy's key, and answers questions. It takes no decision.
// Stations 2 and 5 of docs/paths.md.
#pragma once

#include "lib/bus/bus.h"
#include "services/supervisor/approvals.h"
#include "services/supervisor/codex.h"
#include "services/supervisor/effects.h"
#include "services/supervisor/processes.h"
#include "services/supervisor/threads.h"
#include "zane/v1/admin.pb.h"

namespace zane::supervisor {

class Service {
 public:
  // All references outlive it. Throws SqliteError when the journal can't be written.
  Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
          const base::Clock& clock);

  // Spawns the loops: Codex's connection, upkeep.
  void run();
  void stop() { codex_.detach(); }

  // For the admin server, on the loop.
  loop::Task<absl::StatusOr<v1::CommandAnswer>> order(std::string method, std::string params, int64_t uid,
                                                      std::string command_id);
  loop::Task<v1::StatusReply> status();
  ApprovalBook& approvals() { return approvals_; }
  journal::Journal& journal() { return *journal_; }
  loop::Io& io() { return node_.io(); }
  void audit(const std::string& what, const std::string& who, const std::string& detail, int64_t count = 1);
  // Called with each published event until the returned token is dropped.
  using Listener = std::function<void(const std::shared_ptr<const v1::Event>&)>;
  std::shared_ptr<Listener> listen(Listener listener);

 private:
  // Outwards.
  void on_codex(const CodexMessage& message, std::string_view raw, int64_t read_ns);
  void on_notification(const CodexMessage& message, std::string_view raw, int64_t read_ns);
  void on_request(const CodexMessage& message, std::string_view raw);
  void repeat_decision(const Approval& approval);
  loop::Task<> on_codex_ready();
  loop::Task<> ask_policy(Approval approval);
  std::string shown_with(const CodexMessage& message);
  void schedule_flush();
  void flush();
  void publish_state();

  // Inwards.
  void on_bus(const bus::Peer& peer, v1::Envelope request);
  loop::Task<> on_effect(bus::Peer peer, v1::Envelope request);
  loop::Task<> on_question(bus::Peer peer, v1::Envelope request);
  void end_client(const std::string& client);
  loop::Task<v1::Part> part_of(std::string name, bus::Client& client);

  loop::Task<> upkeep();

  bus::Node& node_;
  const config::Config& config_;
  const base::Clock& clock_;
  const std::string mac_;
  std::unique_ptr<journal::Journal> journal_;
  Codex codex_;
  ApprovalBook approvals_;
  Processes processes_;
  Threads threads_;
  Effects effects_;
  bus::Publisher publisher_;
  bus::Inbox inbox_;
  bus::RefusalMonitor refusals_;
  bus::Client policy_;
  bus::Client relay_;
  bus::Client webhook_;
  std::vector<std::weak_ptr<Listener>> listeners_;
  std::vector<std::string> repeated_;
  std::string instance_;
  loop::Timer flush_due_;
  loop::Timer::time_point flushed_at_{};
  bool flush_scheduled_ = false;
  const int64_t started_ms_;
};

}  // namespace zane::supervisor
