// policy: the gate. Every order from a phone, the console or a hook comes here,
// is checked, judged, audited and, if allowed, written anew as an Effect for
// supervisor. The only process that says yes or no. Station 6 of the approval's
// journey in docs/paths.md.
#pragma once

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/policy/audit.h"
#include "services/policy/command_check.h"
#include "services/policy/evaluation.h"
#include "services/policy/judge.h"
#include "services/policy/kept.h"
#include "services/policy/order.h"
#include "services/policy/own_methods.h"
#include "services/policy/pairing.h"
#include "services/policy/rules.h"
#include "services/policy/store.h"
#include "services/policy/under_way.h"

namespace zane::policy {

class Service {
 public:
  // All references outlive it.
  Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
          const crypto::EcKey& link_key, const Rules& rules, const base::Clock& clock);
  void run();

 private:
  void on_bus(const bus::Peer& peer, v1::Envelope request);
  loop::Task<> on_signed_command(bus::Peer peer, v1::Envelope request);
  loop::Task<> on_console_command(bus::Peer peer, v1::Envelope request);
  loop::Task<> on_task_request(bus::Peer peer, v1::Envelope request);
  void on_pair(const bus::Peer& peer, const v1::Envelope& request);
  void on_approval_question(const bus::Peer& peer, const v1::Envelope& request);
  void on_audit_note(const bus::Peer& peer, const v1::Envelope& request);

  // Refuses what could be good at another time: written down before it is told.
  loop::Task<> refuse_for_good(bus::Peer peer, v1::Envelope request, Command command, std::string reason,
                               std::string message);
  // kAgain: it was under way before, in another process. kOnlyWhatBecame: nothing is begun.
  enum class Asking { kCarryOut, kAgain, kOnlyWhatBecame };
  loop::Task<> on_order(bus::Peer peer, v1::Envelope request, Command command, Asking asking);
  loop::Task<v1::CommandAnswer> carry_out(Order order, Asking asking = Asking::kCarryOut);

  void answer(const bus::Peer& peer, const v1::Envelope& request, v1::CommandAnswer answer);
  v1::CommandAnswer sign(v1::CommandAnswer answer, const std::string& digest) const;
  loop::Task<> upkeep();

  bus::Node& node_;
  const config::Config& config_;
  const crypto::EcKey& mac_key_;
  const base::Clock& clock_;
  const std::string mac_;
  Kept kept_;
  Store& store_;
  Audit audit_;
  Pairing pairing_;
  bus::Inbox inbox_;
  bus::RefusalMonitor refusals_;
  bus::Client supervisor_;
  OwnMethods own_;
  Judge judge_;
  UnderWay under_way_;
  Evaluation evaluation_;
  const int64_t started_ms_;
};

}  // namespace zane::policy
