// Inwards: policy's effects, everyone's questions, the console's orders. Says who
// may send what (envelope.proto) and answers; the deeds are effects.h's. On the
// loop.
#pragma once

#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/supervisor/absence.h"
#include "services/supervisor/effects.h"
#include "services/supervisor/follow.h"
#include "services/supervisor/outward.h"
#include "services/supervisor/status.h"

namespace zane::supervisor {

// What Inward serves; all of it outlives it.
struct InwardOn {
  bus::Node& node;
  const std::string mac;
  Codex& codex;
  Bulk& bulk;
  journal::Journal& journal;
  Outward& outward;
  ApprovalBook& approvals;
  Processes& processes;
  Powers& powers;
  Effects& effects;
  Follow& follow;
  const journal::Weather& weather;
  const base::Clock& clock;
};

class Inward {
 public:
  explicit Inward(InwardOn on);

  // For the console.
  loop::Task<absl::StatusOr<v1::CommandAnswer>> order(std::string method, std::string params, int64_t uid,
                                                      std::string command_id);
  loop::Task<v1::StatusReply> status();
  Status& notices() { return status_; }
  bus::Client& webhook() { return webhook_; }
  [[nodiscard]] v1::Envelope envelope() const { return on_.node.envelope(); }
  void audit(const std::string& what, const std::string& who, const std::string& detail, int64_t count = 1);

  // An approval has opened: policy is told. What its rules decide comes as an effect.
  void tell_policy(const Approval& approval);
  // A client's own message; lost when relay is not there.
  void tell_client(const std::string& client, std::string raw);

 private:
  void on_bus(const bus::Peer& peer, v1::Envelope request);
  loop::Task<> on_effect(bus::Peer peer, v1::Envelope request);
  loop::Task<> on_question(bus::Peer peer, v1::Envelope request);
  loop::Task<v1::ThreadFacts> facts_of(std::string thread);
  void end_client(const std::string& client);
  loop::Task<> end_absent();

  InwardOn on_;
  Absence absence_;
  bus::Inbox inbox_;
  bus::RefusalMonitor refusals_;
  bus::Client policy_;
  bus::Client relay_;
  bus::Client webhook_;
  Status status_;
};

}  // namespace zane::supervisor
