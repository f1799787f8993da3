// What a reconnection proves, and what it does not: every combination of facts.
#include "services/supervisor/reconcile.h"

#include "gtest/gtest.h"

namespace zane::supervisor {
namespace {

using namespace approval_state;

UnsettledRow row(const std::string& state = kOpen, bool grants = true) {
  return {"a", "codex-1", state, "t", "u", "i", grants, true};
}

// "" when it stays as it is.
std::string becomes(const UnsettledRow& r, const SessionFacts& facts) {
  const auto settled = reconcile({r}, facts);
  return settled.empty() ? "" : settled[0].state;
}

SessionFacts session() {
  SessionFacts facts;
  facts.instance = "codex-1";
  return facts;
}

TEST(ReconcileTest, AnotherProcessesAreVoid) {
  SessionFacts facts = session();
  facts.instance = "codex-2";
  facts.repeated.insert("a");
  EXPECT_EQ(becomes(row(), facts), kOrphaned);
  EXPECT_EQ(becomes(row(kDeciding), facts), kOrphaned);
}

// The resume failed, the connection dropped during it, the thread was beyond the bound.
TEST(ReconcileTest, AThreadThatWasNotResumedInThisSessionProvesNothing) {
  EXPECT_EQ(becomes(row(), session()), "");
  EXPECT_EQ(becomes(row(kDeciding), session()), "");
  SessionFacts facts = session();
  facts.threads["another"].waits_for_nobody = true;
  EXPECT_EQ(becomes(row(), facts), "");
}

TEST(ReconcileTest, WhatCodexRepeatsItWaitsForWhateverElseIsSeen) {
  SessionFacts facts = session();
  facts.repeated.insert("a");
  facts.threads["t"] = {true, "idle", {{"u", true}}, {{"i", Outcome::kRan}}};
  EXPECT_EQ(becomes(row(), facts), "");
  EXPECT_EQ(becomes(row(kDeciding), facts), "");
}

TEST(ReconcileTest, NotRepeatedYetIsNoProof) {
  SessionFacts facts = session();
  facts.threads["t"] = {false, "active", {{"u", false}}, {}};
  EXPECT_EQ(becomes(row(), facts), "");
  EXPECT_EQ(becomes(row(kDeciding), facts), "");
}

TEST(ReconcileTest, TheItemsEndIsTheEvidence) {
  SessionFacts facts = session();
  facts.threads["t"].items["i"] = Outcome::kRan;
  EXPECT_EQ(becomes(row(), facts), kAnsweredElsewhere);
  EXPECT_EQ(becomes(row(kDeciding, true), facts), kApplied);
  EXPECT_EQ(becomes(row(kDeciding, false), facts), kAnsweredElsewhere)
      << "we refused, and it ran all the same";
  facts.threads["t"].items["i"] = Outcome::kRefused;
  EXPECT_EQ(becomes(row(), facts), kAnsweredElsewhere);
  EXPECT_EQ(becomes(row(kDeciding, false), facts), kDeclined);
  EXPECT_EQ(becomes(row(kDeciding, true), facts), kAnsweredElsewhere);
  facts.threads["t"].items["i"] = Outcome::kUnknown;
  EXPECT_EQ(becomes(row(), facts), "");
  facts.threads["t"].items.clear();
  facts.threads["t"].items["another"] = Outcome::kRan;
  EXPECT_EQ(becomes(row(), facts), "");
}

TEST(ReconcileTest, ATurnThatEndedWithdraws) {
  SessionFacts facts = session();
  facts.threads["t"].turn_ended = {{"u", true}, {"u2", false}};
  EXPECT_EQ(becomes(row(), facts), kWithdrawn);
  EXPECT_EQ(becomes(row(kDeciding), facts), kUnknown) << "nobody may say that it was applied";
  facts.threads["t"].turn_ended = {{"u2", true}};
  EXPECT_EQ(becomes(row(), facts), "") << "another turn's end is none of this one's";
}

// Codex keeps no item of what was declined, and keeps one of whatever ran.
TEST(ReconcileTest, WhatWasDeclinedAndIsNotAmongAllItemsOfAnEndedTurnDidNotRun) {
  SessionFacts facts = session();
  auto& now = facts.threads["t"];
  now.turn_ended = {{"u", true}};
  now.items["another"] = Outcome::kRan;
  EXPECT_EQ(becomes(row(kDeciding, false), facts), kUnknown) << "not all of them were seen";
  now.read_whole.insert("u");
  EXPECT_EQ(becomes(row(kDeciding, false), facts), kDeclined);
  EXPECT_TRUE(reconcile({row(kDeciding, false)}, facts)[0].by_absence) << "looked at twice";
  // A permission, a question: they leave no item, whatever became of them.
  auto other = row(kDeciding, false);
  other.asks_for_its_item = false;
  EXPECT_EQ(becomes(other, facts), kUnknown);
  EXPECT_EQ(becomes(row(kDeciding, true), facts), kUnknown)
      << "what was granted may have been refused at the desk";
  now.items["i"] = Outcome::kUnknown;
  EXPECT_EQ(becomes(row(kDeciding, false), facts), kUnknown) << "it is there, and does not say";
}

TEST(ReconcileTest, ACodexThatWaitsForNobodyWasAnswered) {
  SessionFacts facts = session();
  facts.threads["t"].waits_for_nobody = true;
  EXPECT_EQ(becomes(row(), facts), kAnsweredElsewhere);
  EXPECT_EQ(becomes(row(kDeciding), facts), kUnknown);
}

TEST(ReconcileTest, WhatWasAnsweredAndIsUnderWayIsNotUnknownYet) {
  SessionFacts facts = session();
  facts.threads["t"] = {true, "active", {{"u", false}}, {}};
  EXPECT_EQ(becomes(row(kDeciding), facts), "") << "its item will say";
  EXPECT_EQ(becomes(row(), facts), kAnsweredElsewhere);
}

TEST(ReconcileTest, EverySettlementSaysWhy) {
  SessionFacts facts = session();
  facts.threads["t"].waits_for_nobody = true;
  std::vector<UnsettledRow> rows{row(), row(kDeciding)};
  rows[1].instance = "codex-0";
  for (const auto& settlement : reconcile(rows, facts)) EXPECT_FALSE(settlement.reason.empty());
  EXPECT_TRUE(reconcile({}, facts).empty());
}

}  // namespace
}  // namespace zane::supervisor
