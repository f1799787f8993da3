// The audit log as its writers see it: who ordered what, and what came of it. What
// costs its sender nothing is counted, not written line by line. On the loop.
#pragma once

#include <map>
#include <string>

#include "lib/base/clock.h"
#include "lib/loop/loop.h"
#include "services/policy/kept.h"
#include "services/policy/order.h"
#include "zane/v1/command.pb.h"

namespace zane::policy {

[[nodiscard]] AuditRecord record_of(const Order& order, const std::string& decision,
                                    const std::string& reason);

class Audit {
 public:
  // References outlive it.
  Audit(Kept& kept, const base::Clock& clock) : kept_(kept), clock_(clock) {}

  // False while the disk takes nothing.
  bool note(const AuditRecord& record, Durability durability = Durability::kNow);
  // The outcome; the intent was written before. What only reads is not written at
  // all, a keystroke neither: the terminal's own beginning is.
  void outcome(const Order& order, const v1::CommandAnswer& outcome);
  // Refusals that cost their sender nothing: the first of a kind is written, those
  // that follow are counted and told now and then, whoever sends how many.
  void refusal(const AuditRecord& record);
  // Tells them; never returns.
  loop::Task<> tell_refusals(loop::Io& io);

 private:
  Kept& kept_;
  const base::Clock& clock_;
  std::map<std::string, AuditRecord> counted_;
};

}  // namespace zane::policy
