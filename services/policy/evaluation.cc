#include "services/policy/evaluation.h"

#include <algorithm>

namespace zane::policy {
namespace {

constexpr size_t kJudgedMax = 4096;

}  // namespace

loop::Task<> Evaluation::judge(v1::ApprovalQuestion question, std::string trace) {
  if (std::find(judged_.begin(), judged_.end(), question.approval()) != judged_.end()) co_return;
  judged_.push_back(question.approval());
  if (judged_.size() > kJudgedMax) judged_.pop_front();
  // What could not be sent whole can't be judged: a person is asked.
  const Verdict verdict =
      question.left_out_bytes() > 0
          ? Verdict{Verdict::Kind::kAsk, "", "too large for the rules: a person is asked", ""}
          : rules_.evaluate(question);
  AuditRecord record;
  record.what = question.method();
  record.decision = verdict.kind == Verdict::Kind::kAccept    ? "accept"
                    : verdict.kind == Verdict::Kind::kDecline ? "decline"
                                                              : "ask";
  record.who = "rule/" + verdict.rule;
  record.reason = verdict.reason;
  record.about = question.approval();
  record.trace = trace;
  const bool decides = verdict.kind != Verdict::Kind::kAsk;
  const bool kept = audit_.note(record, decides ? Durability::kNow : Durability::kSoon);
  if (!decides) co_return;
  // What a rule decides is written down first, or not decided.
  if (!kept) co_return put_back(question.approval());
  Order order;
  order.id = question.approval();
  order.key = "rule/" + question.approval();
  order.actor.set_kind("rule");
  order.actor.set_id(verdict.rule);
  order.actor.set_name(verdict.reason);
  order.role = Role::kApprover;
  order.client = "rule";
  order.method = "zane/approval/decide";
  order.params = {
      {"approval", question.approval()}, {"digest", question.digest()}, {"choice", verdict.choice}};
  order.trace = trace;
  const auto outcome = co_await carry_out_(order);
  if (outcome.state() == "done" || outcome.reason() == "closed" || outcome.reason() == "digest")
    failures_ = 0;
  else
    put_back(question.approval());
}

void Evaluation::put_back(const std::string& approval) {
  std::erase(judged_, approval);
  if (std::exchange(again_soon_, true)) return;
  loop::spawn(node_.io(), "evaluate_again", judge_again());
}

loop::Task<> Evaluation::judge_again() {
  co_await loop::sleep_for(node_.io(), again_after_ * (1 << std::min(failures_++, 6)));
  again_soon_ = false;
  co_await judge_open();
}

loop::Task<> Evaluation::judge_open() {
  std::string after;
  for (;;) {
    v1::Envelope question = node_.envelope();
    question.mutable_question()->mutable_open_approvals()->set_after(after);
    const auto open = co_await supervisor_.ask(std::move(question));
    if (!open.ok() || open->answer().open_approvals().approvals().empty()) co_return;
    for (const auto& id : open->answer().open_approvals().approvals()) {
      after = id;
      v1::Envelope about = node_.envelope();
      about.mutable_question()->mutable_approval()->set_approval(id);
      const auto told = co_await supervisor_.ask(std::move(about));
      if (!told.ok() || told->answer().approval().approval().empty()) continue;
      const auto& facts = told->answer().approval();
      v1::ApprovalQuestion asked;
      asked.set_approval(id);
      asked.set_thread(facts.thread());
      asked.set_method(facts.method());
      asked.set_digest(facts.digest());
      asked.set_request(facts.request());
      asked.set_shown(facts.shown());
      if (facts.request().empty()) asked.set_left_out_bytes(1);
      co_await judge(std::move(asked), "");
    }
  }
}

}  // namespace zane::policy
