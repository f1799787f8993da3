// After a (re)connection: which of the open approvals does Codex still wait for?
// Gathers what this session shows (requests repeated, threads resumed, statuses
// read, items ended), asks reconcile(), and looks again as long as something is
// neither repeated nor settled. On the loop.
#pragma once

#include <set>
#include <string>

#include "services/supervisor/approvals.h"
#include "services/supervisor/bulk.h"
#include "services/supervisor/follow.h"

namespace zane::supervisor {

class Settle {
 public:
  // References outlive it. `told`: after each settlement.
  Settle(loop::Io& io, Codex& codex, Bulk& bulk, ApprovalBook& approvals, const Follow& follow,
         std::function<void()> told)
      : io_(io), codex_(codex), bulk_(bulk), approvals_(approvals), follow_(follow), told_(std::move(told)) {}

  // A session begins: nothing is known of it yet.
  void begin(std::shared_ptr<const Session> session);
  // Codex has sent (again) the request of this approval, in this session.
  void repeated(const std::string& approval) { facts_.repeated.insert(approval); }

  // One look at every thread with an open approval; true when nothing is left over.
  loop::Task<bool> look(std::shared_ptr<const Session> session);
  // Looks until nothing is left over or the session is over.
  loop::Task<> keep_looking(std::shared_ptr<const Session> session);

 private:
  loop::Task<> look_at(std::shared_ptr<const Session> session, std::string thread,
                       std::vector<std::string> turns);
  loop::Task<std::optional<bool>> waits(std::string thread, std::string& status);

  loop::Io& io_;
  Codex& codex_;
  Bulk& bulk_;
  ApprovalBook& approvals_;
  const Follow& follow_;
  std::function<void()> told_;
  SessionFacts facts_;
  // Of this session, with what it seemed to be: at one look nothing said what became of them.
  std::set<std::string> doubted_;
};

}  // namespace zane::supervisor
