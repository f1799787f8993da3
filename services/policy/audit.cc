#include "services/policy/audit.h"

#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::policy {
namespace {

constexpr std::chrono::seconds kRefusalsToldEvery{10};
// Kinds of refusals that are told apart between two tellings.
constexpr size_t kRefusalsCountedMax = 64;

// What a person sees an order being about.
std::string about(const boost::json::object& params) {
  for (const char* key : {"approval", "threadId", "cwd", "processHandle"})
    if (const auto text = json::string_at(params, key)) return std::string(*text);
  return "";
}

}  // namespace

AuditRecord record_of(const Order& order, const std::string& decision, const std::string& reason) {
  AuditRecord record;
  record.what = order.method;
  record.decision = decision;
  record.who = order.actor.kind() + "/" + order.actor.id();
  record.reason = reason;
  record.about = about(order.params);
  record.command = order.id;
  record.trace = order.trace;
  return record;
}

bool Audit::note(const AuditRecord& record, Durability durability) {
  return kept_.written([&] { kept_.store().audit(record, clock_.now_ms(), durability); });
}

void Audit::outcome(const Order& order, const v1::CommandAnswer& outcome) {
  const bool was_refused = outcome.state() == "refused";
  const auto record = record_of(order, was_refused ? "refused" : "allowed",
                                outcome.reason().empty() ? outcome.state() : outcome.reason());
  const bool light = weight_of(order.method, order.params) != Weight::kOrder;
  if (was_refused && light)
    refusal(record);
  else if (!light || order.method == "zane/attach")
    (void)note(record, Durability::kSoon);
  if (was_refused && !light)
    log::warn("order_refused", {{"method", order.method},
                                {"who", record.who},
                                {"reason", outcome.reason()},
                                {"command", order.id},
                                {"trace", order.trace}});
  else if (!light)
    log::info("order", {{"method", order.method},
                        {"who", record.who},
                        {"state", outcome.state()},
                        {"command", order.id},
                        {"trace", order.trace}});
}

void Audit::refusal(const AuditRecord& record) {
  const std::string kind = record.what + "/" + record.who + "/" + record.reason;
  const bool room = counted_.size() < kRefusalsCountedMax || counted_.contains(kind);
  const auto [counted, fresh] = counted_.try_emplace(room ? kind : "others", record);
  if (!fresh) {
    ++counted->second.count;
    return;
  }
  counted->second.count = 0;
  log::warn("order_refused", {{"method", record.what},
                              {"who", record.who},
                              {"reason", record.reason},
                              {"command", record.command},
                              {"trace", record.trace}});
  (void)note(record, Durability::kSoon);
}

loop::Task<> Audit::tell_refusals(loop::Io& io) {
  for (;;) {
    co_await loop::sleep_for(io, kRefusalsToldEvery);
    for (const auto& [kind, record] : std::exchange(counted_, {}))
      if (record.count > 0) (void)note(record, Durability::kSoon);
  }
}

}  // namespace zane::policy
