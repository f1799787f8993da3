// The open approvals: rows keyed by an id of ours, several per thread, kept in
// the journal's file, each step one journaled event (design §6). Decides
// nothing: policy's verdicts and people's choices come in as decisions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/crypto/ec_key.h"
#include "lib/journal/journal.h"
#include "services/supervisor/codex_message.h"
#include "zane/v1/command.pb.h"

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

struct Approval {
  std::string id;
  std::string instance;    // which app-server process asked
  std::string request_id;  // its JSON-RPC id, raw; unique only within instance
  std::string state = approval_state::kOpen;
  std::string thread, turn, item, method;
  std::string digest;
  std::string request;  // raw bytes as Codex sent them
  std::string shown;    // raw bytes of the item that is shown with it, if any
  // Once decided:
  std::string choice;
  std::string response;
  bool grants = false;
  v1::Actor actor;
  std::string cause;
  std::string reason;
  std::string rule;
  int64_t opened_ms = 0;
  int64_t opened_seq = 0;

  [[nodiscard]] bool settled() const {
    return state != approval_state::kOpen && state != approval_state::kDeciding;
  }
};

// Settled rows are kept this long, for `zane approvals --all` and late phones.
inline constexpr int kSettledRowsMax = 1000;

class ApprovalBook {
 public:
  // All references must outlive it. `mac_key` signs each step.
  ApprovalBook(journal::Journal& journal, const crypto::EcKey& mac_key, const base::Clock& clock);

  // A server request of `instance`. Gives the row that is new or that it
  // repeats, and whether it is new.
  std::pair<Approval, bool> open(const std::string& instance, const CodexMessage& message,
                                 std::string_view raw, std::string_view shown, const std::string& trace);

  // open → deciding, to be synced at commit. Nothing changes and the reason
  // ("closed", "digest", "unknown-approval") comes back when it can't be.
  std::optional<std::string> decide(const v1::Decide& decision, const v1::Actor& actor,
                                    const std::string& rule, const std::string& cause,
                                    const std::string& trace);

  // `serverRequest/resolved`: what it means depends on what we had done.
  void resolved(const std::string& instance, const std::string& request_id, const std::string& trace);

  // A turn ended: what was still open in it can no longer be answered, and what
  // was being decided reads unknown unless Codex confirms it yet.
  void turn_ended(const std::string& thread, const std::string& turn, const std::string& trace);

  // A connection was made: what an earlier process asked is void; returns the
  // ids that this process has yet to repeat.
  std::vector<std::string> attached(const std::string& instance);
  // Of those, the ones it did not repeat were settled while nobody looked.
  void not_repeated(const std::vector<std::string>& ids, const std::vector<std::string>& repeated);
  // Codex's process has ended.
  void orphan(const std::string& instance, const std::string& reason);

  [[nodiscard]] std::optional<Approval> find(const std::string& id);
  [[nodiscard]] std::vector<Approval> list(bool settled_too);
  [[nodiscard]] int open_count();
  // The seq before the oldest open one began; `otherwise` when none is open.
  [[nodiscard]] int64_t before_oldest_open(int64_t otherwise);

 private:
  void step(Approval& approval, const std::string& state, const std::string& reason,
            const std::string& trace);
  void save(const Approval& approval);
  std::optional<Approval> find_request(const std::string& instance, const std::string& request_id);
  template <typename Bind>
  std::vector<Approval> rows(const char* sql, Bind bind);

  journal::Journal& journal_;
  const crypto::EcKey& mac_key_;
  const base::Clock& clock_;
  const std::string mac_;
  // Answers to secret questions: never on the disk (design §4). Lost with this
  // process; the request then opens anew when Codex repeats it.
  std::map<std::string, std::string> unsaved_responses_;
};

}  // namespace zane::supervisor
