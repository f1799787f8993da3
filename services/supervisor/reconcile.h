// What a (re)connection to Codex proves about the approvals that are not settled.
// One pure function: rows in, settlements out; what is not proven stays as it is
// (design §5). The facts are of one session and of no other.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace zane::supervisor {

// States, as the statement on the link spells them.
namespace approval_state {
inline constexpr char kOpen[] = "open";
inline constexpr char kDeciding[] = "deciding";
inline constexpr char kApplied[] = "applied";
inline constexpr char kDeclined[] = "declined";
inline constexpr char kWithdrawn[] = "withdrawn";
inline constexpr char kAnsweredElsewhere[] = "answered-elsewhere";
inline constexpr char kOrphaned[] = "orphaned";
inline constexpr char kUnknown[] = "unknown";
}  // namespace approval_state

inline bool is_settled(const std::string& state) {
  return state != approval_state::kOpen && state != approval_state::kDeciding;
}

struct UnsettledRow {
  std::string approval;
  std::string instance;
  std::string state;  // open or deciding
  std::string thread, turn, item;
  bool grants = false;  // what was decided, when deciding
  // What it asks for leaves an item if it runs, and none if it does not.
  bool asks_for_its_item = false;
};

// What became of an item, in Codex's own word; "" while it runs or is not known.
enum class Outcome { kUnknown, kRan, kRefused };

struct ThreadNow {
  // Whether Codex said, twice and after the thread was resumed, that it waits for
  // nobody. One look proves nothing: the request may be on its way.
  bool waits_for_nobody = false;
  // Codex's status type: "idle", "active", …
  std::string status;
  // Of the turns that were looked at: ended?
  std::map<std::string, bool> turn_ended;
  // Of the items that have ended.
  std::map<std::string, Outcome> items = {};
  // Turns of which every item that Codex keeps was seen.
  std::set<std::string> read_whole = {};
};

struct SessionFacts {
  std::string instance;
  // Threads whose resume succeeded in this session.
  std::map<std::string, ThreadNow> threads;
  // Approvals whose request was repeated in this session.
  std::set<std::string> repeated;
};

struct Settlement {
  std::string approval;
  std::string state;
  std::string reason;
  // It follows from what was not seen: another look first, as Codex writes a moment after
  // it speaks.
  bool by_absence = false;
};

std::vector<Settlement> reconcile(const std::vector<UnsettledRow>& rows, const SessionFacts& facts);

}  // namespace zane::supervisor
