// What a new approval should come to before a person is asked. This is where a
// rule file will be read and matched; with none, the word is always: ask.
#pragma once

#include <string>

#include "zane/v1/approval.pb.h"

namespace zane::policy {

struct Verdict {
  enum class Kind { kAsk, kAccept, kDecline };
  Kind kind = Kind::kAsk;
  std::string rule;    // the one that fired, "" for none
  std::string reason;  // for people
  std::string choice;  // for accept and decline: one of those offered
};

// Pure. Never accepts by default: no rule, and a doubt, mean ask.
class Rules {
 public:
  virtual ~Rules() = default;
  [[nodiscard]] virtual Verdict evaluate(const v1::ApprovalQuestion& question) const = 0;
};

class NoRules final : public Rules {
 public:
  [[nodiscard]] Verdict evaluate(const v1::ApprovalQuestion&) const override {
    return {Verdict::Kind::kAsk, "", "no rule matches: a person is asked", ""};
  }
};

}  // namespace zane::policy
