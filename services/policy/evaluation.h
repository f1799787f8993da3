// A rule's verdict on each approval that opens, also on those that opened while
// policy was not there. It goes the way of a person's answer. Station 2 of the
// approval's journey in docs/paths.md.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "lib/bus/bus.h"
#include "services/policy/audit.h"
#include "services/policy/order.h"
#include "services/policy/rules.h"
#include "zane/v1/approval.pb.h"

namespace zane::policy {

class Evaluation {
 public:
  using CarryOut = std::function<loop::Task<v1::CommandAnswer>(Order)>;
  // References outlive it.
  // `again_after`: what could not be decided is tried again, ever more rarely up to 64
  // times that.
  Evaluation(bus::Node& node, bus::Client& supervisor, const Rules& rules, Audit& audit, CarryOut carry_out,
             std::chrono::milliseconds again_after = std::chrono::seconds(5))
      : node_(node),
        supervisor_(supervisor),
        rules_(rules),
        audit_(audit),
        carry_out_(std::move(carry_out)),
        again_after_(again_after) {}

  // Each approval is judged once.
  loop::Task<> judge(v1::ApprovalQuestion question, std::string trace);
  // All that supervisor has open.
  loop::Task<> judge_open();

 private:
  // It is still to be decided: by whoever looks next.
  void put_back(const std::string& approval);
  loop::Task<> judge_again();

  bus::Node& node_;
  bus::Client& supervisor_;
  const Rules& rules_;
  Audit& audit_;
  const CarryOut carry_out_;
  const std::chrono::milliseconds again_after_;
  int failures_ = 0;
  bool again_soon_ = false;
  // Approvals that the rules have been asked about, newest last.
  std::deque<std::string> judged_;
};

}  // namespace zane::policy
