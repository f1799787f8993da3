// What a new approval should come to before a person is asked. This is where a
// rule file will be read and matched; with none, the word is always: ask.
#pragma once

#include "zane/v1/approval.pb.h"

namespace zane::policy {

class Rules {
 public:
  // Pure. Never accepts by default: no rule, and a doubt, mean ASK.
  [[nodiscard]] v1::Verdict evaluate(const v1::ApprovalQuestion&) const {
    v1::Verdict verdict;
    verdict.set_kind(v1::Verdict::KIND_ASK);
    verdict.set_reason("no rule matches: a person is asked");
    return verdict;
  }
};

}  // namespace zane::policy
