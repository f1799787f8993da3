#include "services/policy/thread_rights.h"

#include "services/policy/task.h"

namespace zane::policy {

bool acts_in_thread(std::string_view method) {
  return method == "turn/start" || method == "turn/steer" || method == "thread/resume" ||
         method == "thread/compact/start";
}

ThreadRight right_in(const v1::ThreadFacts& facts, const std::vector<std::string>& folders, Looked& looked) {
  if (!facts.powers_known())
    return {Role::kOwner, "nobody can say what a turn in this thread may do: it was last set elsewhere"};
  if (facts.approval_policy() != "on-request" && facts.approval_policy() != "untrusted")
    return {Role::kOwner, "this thread runs commands without asking"};
  if (!facts.reviewer().empty() && facts.reviewer() != "user")
    return {Role::kOwner, "somebody else than a person answers this thread's approvals"};
  if (facts.profile() != kAskProfile && facts.profile() != kReadOnlyProfile)
    return {Role::kOwner, "this thread is not in Zane's sandbox"};
  if (!is_within(looked.at(facts.cwd()), folders))
    return {Role::kOwner, "`" + facts.cwd() + "` is not among the `folders` under [policy] in zane.toml"};
  for (const auto& root : facts.writable_roots())
    if (!is_within(looked.at(root), folders))
      return {Role::kOwner, "`" + root + "` is not among the `folders` under [policy] in zane.toml"};
  return {Role::kOperator, ""};
}

}  // namespace zane::policy
