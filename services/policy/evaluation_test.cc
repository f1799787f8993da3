// A rule's verdict, the way of a person's answer: the real bus, supervisor and the
// carrying out by a script.
#include "services/policy/evaluation.h"

#include "gmock/gmock.h"
#include "lib/bus/keys.h"
#include "lib/testing/clock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using zane::testing::run;
using zane::testing::run_until;

class ByMethod final : public Rules {
 public:
  [[nodiscard]] Verdict evaluate(const v1::ApprovalQuestion& question) const override {
    if (question.method() == "good") return {Verdict::Kind::kAccept, "r1", "it only reads", "accept"};
    if (question.method() == "bad") return {Verdict::Kind::kDecline, "r2", "it publishes", "decline"};
    return {};
  }
};

class EvaluationTest : public ::testing::Test {
 protected:
  EvaluationTest() {
    EXPECT_TRUE(bus::ensure_keys(home_).ok());
    policy_node_ = node(bus::kPolicy);
    supervisor_node_ = node(bus::kSupervisor);
    supervisor_inbox_ = std::make_unique<bus::Inbox>(
        *supervisor_node_, [this](const bus::Peer& peer, v1::Envelope request) { on_ask(peer, request); });
    supervisor_ = std::make_unique<bus::Client>(*policy_node_, bus::kSupervisor);
    kept_ = std::make_unique<Kept>(io_, home_.data("policy.db"), temp_ / "",
                                   journal::Mark::House{home_.root(), "key"}, mac_key_, clock_);
    audit_ = std::make_unique<Audit>(*kept_, clock_);
    evaluation_ = std::make_unique<Evaluation>(*policy_node_, *supervisor_, rules_, *audit_,
                                               [this](Order order) -> loop::Task<v1::CommandAnswer> {
                                                 orders_.push_back(order);
                                                 v1::CommandAnswer answer;
                                                 answer.set_state(comes_to_.empty() ? "done" : "refused");
                                                 answer.set_reason(comes_to_);
                                                 co_return answer;
                                               });
  }
  std::unique_ptr<bus::Node> node(std::string_view service) {
    return std::make_unique<bus::Node>(io_, home_, *bus::load_keys(home_, service));
  }
  // What supervisor has open: id → method; two at a time.
  void on_ask(const bus::Peer& peer, const v1::Envelope& request) {
    v1::Envelope answer = supervisor_node_->envelope();
    const auto& question = request.question();
    if (question.has_open_approvals()) {
      auto* ids = answer.mutable_answer()->mutable_open_approvals();
      for (auto next = open_.upper_bound(question.open_approvals().after());
           next != open_.end() && ids->approvals_size() < 2; ++next)
        ids->add_approvals(next->first);
    } else {
      const std::string& id = question.approval().approval();
      auto* facts = answer.mutable_answer()->mutable_approval();
      facts->set_approval(id);
      facts->set_method(open_.at(id));
      facts->set_digest("digest of " + id);
      if (!too_large_.contains(id)) facts->set_request("{}");
    }
    supervisor_inbox_->reply(peer, request, std::move(answer));
  }
  static v1::ApprovalQuestion question(const std::string& id, const std::string& method) {
    v1::ApprovalQuestion made;
    made.set_approval(id);
    made.set_method(method);
    made.set_digest("digest of " + id);
    made.set_request("{}");
    return made;
  }
  void judge(const std::string& id, const std::string& method) {
    run(io_, done(evaluation_->judge(question(id, method), "trace")));
  }
  void judge_open() { run(io_, done(evaluation_->judge_open())); }
  static loop::Task<bool> done(loop::Task<> task) {
    co_await std::move(task);
    co_return true;
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    for (const auto& order : orders_) found.push_back(order.id);
    return found;
  }

  zane::testing::TempFolder temp_;
  const base::Home home_ = *base::Home::open((temp_ / "home").string());
  const crypto::EcKey mac_key_ = crypto::EcKey::generate();
  zane::testing::SetClock clock_{1'700'000'000'000};
  loop::Io io_{1};
  std::unique_ptr<bus::Node> policy_node_, supervisor_node_;
  std::unique_ptr<bus::Inbox> supervisor_inbox_;
  std::unique_ptr<bus::Client> supervisor_;
  const ByMethod rules_;
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<Evaluation> evaluation_;
  std::map<std::string, std::string> open_;
  std::set<std::string> too_large_;
  std::vector<Order> orders_;
  std::string comes_to_;
};

TEST_F(EvaluationTest, AVerdictIsAnOrderOfItsRuleWithAnAuditRecord) {
  judge("a1", "good");
  judge("a2", "bad");
  ASSERT_THAT(ids(), ElementsAre("a1", "a2"));
  const Order& first = orders_[0];
  EXPECT_EQ(first.key, "rule/a1") << "at most once, over restarts too";
  EXPECT_EQ(first.method, "zane/approval/decide");
  EXPECT_EQ(first.actor.kind() + "/" + first.actor.id() + "/" + first.actor.name(), "rule/r1/it only reads");
  EXPECT_EQ(boost::json::serialize(first.params),
            R"({"approval":"a1","digest":"digest of a1","choice":"accept"})");
  EXPECT_EQ(orders_[1].params.at("choice").as_string(), "decline");
  EXPECT_THAT(kept_->store().audit_tail(10), Contains(HasSubstr("rule/r1")));
}

TEST_F(EvaluationTest, WithoutAVerdictAPersonIsAsked) {
  judge("a1", "else");
  auto large = question("a2", "good");
  large.set_left_out_bytes(1);
  run(io_, done(evaluation_->judge(large, "")));
  EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(EvaluationTest, WhatOpenedMeanwhileIsJudgedOnceAndAllOfIt) {
  for (const char* id : {"a1", "a2", "a3", "a4", "a5"}) open_[id] = "good";
  open_["a3"] = "else";
  too_large_ = {"a4"};
  judge("a1", "good");
  judge_open();
  judge_open();
  judge("a5", "good");
  EXPECT_THAT(ids(), ElementsAre("a1", "a2", "a5"));
}

TEST_F(EvaluationTest, WhatCouldNotBeCarriedOutIsTriedAgainAndWhatIsSettledIsNot) {
  open_ = {{"a1", "good"}};
  comes_to_ = "codex-down";
  judge("a1", "good");
  comes_to_ = "closed";
  run_until(io_, [&] { return orders_.size() == 2; });
  judge_open();
  EXPECT_THAT(ids(), ElementsAre("a1", "a1"));
}

TEST_F(EvaluationTest, WhatCantBeWrittenDownIsNotDecidedYet) {
  open_ = {{"a1", "good"}};
  kept_->store().db().query("ALTER TABLE audit RENAME TO audit_away").run();
  judge("a1", "good");
  EXPECT_THAT(orders_, IsEmpty());
  EXPECT_NE(kept_->trouble(), "");
  kept_->store().db().query("ALTER TABLE audit_away RENAME TO audit").run();
  run_until(io_, [&] { return !orders_.empty(); });
  EXPECT_THAT(ids(), ElementsAre("a1"));
}

}  // namespace
}  // namespace zane::policy
