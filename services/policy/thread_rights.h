// Who may act in a thread: not only the order counts, also what a turn in that
// thread may do (design §7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/policy/folders.h"
#include "services/policy/roles.h"
#include "zane/v1/event.pb.h"

namespace zane::policy {

// Whether this method lets something happen in the thread it names.
bool acts_in_thread(std::string_view method);

struct ThreadRight {
  Role role = Role::kOwner;
  std::string why;  // for people, when it is owner
};

// The role that acting in this thread needs. What is not known needs owner.
// `folders`: where devices below owner may start tasks. The thread's own are looked
// at through `looked`.
ThreadRight right_in(const v1::ThreadFacts& facts, const std::vector<std::string>& folders, Looked& looked);

}  // namespace zane::policy
