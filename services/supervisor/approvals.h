// The approvals: rows keyed by an id of ours, several per thread, kept in the
// ledger, each step on the disk and then told as one journaled event (design §6).
// Decides nothing: policy's verdicts and people's choices come in as decisions;
// what a reconnection proves is said by reconcile.h.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/crypto/ec_key.h"
#include "services/supervisor/codex_message.h"
#include "services/supervisor/ledger.h"
#include "services/supervisor/reconcile.h"
#include "zane/v1/command.pb.h"

namespace zane::supervisor {

struct Approval {
  std::string id;
  int64_t n = 0;           // in the order in which they were opened
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
  int64_t settled_ms = 0;
  // Where its latest step was told, and the latest step that carried the bytes.
  std::string told_epoch;
  int64_t told_seq = 0;
  int64_t opened_seq = 0;

  [[nodiscard]] bool settled() const { return is_settled(state); }
};

// A settled approval is kept whole for this long; an open one for ever.
inline constexpr int64_t kSettledKeptMs = int64_t{90} * 24 * 3600 * 1000;

// Where steps are told: appends one event and gives its place. `fill` sees the
// event with its place and completes it.
class Teller {
 public:
  virtual ~Teller() = default;
  virtual void tell(const std::function<void(v1::Event&)>& fill) = 0;
};

class ApprovalBook {
 public:
  // All references must outlive it. `mac_key` signs each step. Every method that
  // changes a row throws SqliteError when it can't be written, and has then
  // changed and told nothing.
  ApprovalBook(Ledger& ledger, Teller& teller, const crypto::EcKey& mac_key, const base::Clock& clock);

  // A server request of `instance`. Gives the row that is new or that it repeats,
  // and whether it is new. A request that is repeated is pending, whatever the
  // row says: a settled one opens again, under the same id.
  std::pair<Approval, bool> open(const std::string& instance, const CodexMessage& message,
                                 std::string_view raw, std::string_view shown, const std::string& trace);

  // open → deciding. Nothing changes and the reason ("closed", "digest",
  // "unknown-approval") comes back when it can't be.
  std::optional<std::string> decide(const v1::Decide& decision, const v1::Actor& actor,
                                    const std::string& rule, const std::string& cause,
                                    const std::string& trace);

  // `serverRequest/resolved`: what it means depends on what we had done.
  void resolved(const std::string& instance, const std::string& request_id, const std::string& trace);

  // A turn ended: what was still open in it can no longer be answered, and what
  // was being decided reads unknown unless Codex confirms it yet.
  void turn_ended(const std::string& thread, const std::string& turn, const std::string& trace);

  // What reconcile() found out.
  void settle(const std::vector<Settlement>& settlements);
  // Every open one of `instance`, or of any when it is "", is void.
  void orphan(const std::string& instance, const std::string& reason);

  // Tells again the steps that the journal no longer has or never got: of other
  // epochs, of places up to `pruned_through` or beyond `head`. Of settled ones
  // only what was never told.
  void tell_again(const std::string& epoch, int64_t pruned_through, int64_t head);

  [[nodiscard]] std::optional<Approval> find(const std::string& id);
  // Those whose id begins so, open ones first; at most `limit`.
  [[nodiscard]] std::vector<Approval> beginning_with(const std::string& prefix, int limit);
  [[nodiscard]] std::vector<Approval> unsettled();
  // Newest first.
  [[nodiscard]] std::vector<Approval> latest(int limit);
  [[nodiscard]] int open_count();
  // The seq before the oldest open one was told with its bytes; `otherwise` when none is open.
  [[nodiscard]] int64_t before_oldest_open(int64_t otherwise);

  void forget_old(int64_t believed_now_ms);

 private:
  enum class With { kState, kBytes };
  void step(Approval& approval, const std::string& state, const std::string& reason,
            const std::string& trace);
  void save(const Approval& approval);
  void tell(Approval& approval, With with, const std::string& trace);
  // The newest with this id of Codex's.
  std::optional<Approval> find_request(const std::string& instance, const std::string& request_id);
  int64_t next_n();
  template <typename Bind>
  std::vector<Approval> rows(const char* sql, Bind bind);

  Ledger& ledger_;
  Teller& teller_;
  const crypto::EcKey& mac_key_;
  const base::Clock& clock_;
  const std::string mac_;
  // Answers to secret questions: never on the disk (design §4). Lost with this
  // process; the request then opens anew when Codex repeats it.
  std::map<std::string, std::string> unsaved_responses_;
};

}  // namespace zane::supervisor
