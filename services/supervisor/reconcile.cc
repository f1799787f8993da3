#include "services/supervisor/reconcile.h"

#include <optional>

namespace zane::supervisor {
namespace {

using namespace approval_state;

// The item has ended: that is the evidence, whoever answered.
std::optional<Settlement> by_item(const UnsettledRow& row, Outcome outcome) {
  if (outcome == Outcome::kUnknown) return std::nullopt;
  const bool ran = outcome == Outcome::kRan;
  if (row.state == kDeciding && row.grants == ran)
    return Settlement{row.approval, ran ? kApplied : kDeclined, "seen at its item after a reconnection"};
  return Settlement{
      row.approval, kAnsweredElsewhere,
      ran ? "answered at the desk or by another program while Zane looked away; it ran"
          : "answered at the desk or by another program while Zane looked away; it was refused"};
}

// `kept`: Codex keeps an item of it, or it can't be told. What ran is kept, what was
// refused is not.
std::optional<Settlement> by_turn(const UnsettledRow& row, bool kept) {
  if (row.state == kDeciding && !row.grants && !kept)
    return Settlement{row.approval, kDeclined, "the turn ended, and what was declined did not run", true};
  if (row.state == kDeciding)
    return Settlement{row.approval, kUnknown,
                      "the turn ended while the decision was on its way to Codex; look at the item", true};
  return Settlement{row.approval, kWithdrawn, "the turn ended before it was answered"};
}

std::optional<Settlement> by_waiting(const UnsettledRow& row, bool turn_runs) {
  // Answered by us, and under way: its item will say.
  if (row.state == kDeciding && turn_runs) return std::nullopt;
  if (row.state == kDeciding)
    return Settlement{row.approval, kUnknown,
                      "Codex no longer waits for it, and the item does not say what became of the decision",
                      true};
  return Settlement{row.approval, kAnsweredElsewhere,
                    "Codex no longer waits for it: answered at the desk or by another program"};
}

std::optional<Settlement> judge(const UnsettledRow& row, const SessionFacts& facts) {
  if (row.instance != facts.instance)
    return Settlement{row.approval, kOrphaned,
                      "the Codex process that asked has ended; resume the thread to go on"};
  // What Codex repeats it waits for.
  if (facts.repeated.contains(row.approval)) return std::nullopt;
  const auto thread = facts.threads.find(row.thread);
  if (thread == facts.threads.end()) return std::nullopt;
  const ThreadNow& now = thread->second;
  if (const auto item = now.items.find(row.item); item != now.items.end())
    if (auto settled = by_item(row, item->second)) return settled;
  const auto turn = now.turn_ended.find(row.turn);
  if (turn != now.turn_ended.end() && turn->second)
    return by_turn(
        row, !row.asks_for_its_item || !now.read_whole.contains(row.turn) || now.items.contains(row.item));
  return now.waits_for_nobody ? by_waiting(row, turn != now.turn_ended.end()) : std::nullopt;
}

}  // namespace

std::vector<Settlement> reconcile(const std::vector<UnsettledRow>& rows, const SessionFacts& facts) {
  std::vector<Settlement> settlements;
  for (const auto& row : rows)
    if (auto settled = judge(row, facts)) settlements.push_back(*std::move(settled));
  return settlements;
}

}  // namespace zane::supervisor
