// Journal and ledger of each released version, opened with today's code: everything
// is there, under its place and its id.
#include "lib/testing/released.h"

#include <map>

#include "gmock/gmock.h"
#include "lib/crypto/ec_key.h"
#include "lib/journal/journal.h"
#include "lib/json/strict.h"
#include "lib/link/statement.h"
#include "lib/testing/clock.h"
#include "services/supervisor/approvals.h"
#include "services/supervisor/ledger.h"

namespace zane::supervisor {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class ReleasedSupervisorTest : public zane::testing::ReleasedFiles, public Teller {
 protected:
  void tell(const std::function<void(v1::Event&)>& fill) override {
    v1::Event event;
    fill(event);
  }
  // The last boot that the file has seen.
  std::string boot_id() {
    journal::Db db(folder_ / "journal.db");
    auto row = db.query("SELECT boot_id FROM epochs ORDER BY n DESC LIMIT 1");
    row.step();
    return row.text(0);
  }
  int64_t count(const char* file, const char* sql) {
    journal::Db db(folder_ / file);
    auto row = db.query(sql);
    row.step();
    return row.integer(0);
  }
  const char* ledger_of_then() const {
    return std::filesystem::exists(folder_ / "ledger.db") ? "ledger.db" : "journal.db";
  }
};

TEST_P(ReleasedSupervisorTest, EveryEventIsAtItsPlace) {
  const int64_t events = count("journal.db", "SELECT count(*) FROM events");
  ASSERT_GT(events, 20);
  const auto journal = journal::open_journal(folder_ / "journal.db", boot_id(), 1);
  const auto all = journal->tail("", 10000);
  ASSERT_THAT(all, SizeIs(events));
  int64_t before = all.front().prev_seq();
  std::map<std::string, std::vector<std::string>> steps;
  std::vector<std::string> methods;
  for (const auto& event : all) {
    EXPECT_EQ(event.epoch(), journal->epoch()) << "nothing booted since";
    EXPECT_EQ(event.prev_seq(), before);
    before = event.seq();
    const auto raw = json::parse_codex_object(event.raw());
    ASSERT_TRUE(raw.ok()) << event.raw();
    if (event.kind() == "approval") steps[event.approval()].emplace_back(raw->at("state").as_string());
    if (event.thread() == found("accepted", "thread")) methods.push_back(event.method());
  }
  EXPECT_EQ(before, journal->head_seq());
  EXPECT_THAT(methods,
              AllOf(Contains("turn/started"), Contains("item/completed"), Contains("turn/completed")));
  EXPECT_THAT(steps[found("accepted", "approval")], ElementsAre("open", "deciding", "applied"));
  EXPECT_THAT(steps[found("open", "approval")], ElementsAre("open"));

  // A reader of then goes on from where it stood.
  v1::JournalRead read;
  read.set_epoch(journal->epoch());
  read.set_after_seq(all[10].seq());
  read.set_thread(found("accepted", "thread"));
  read.set_limit(1000);
  EXPECT_EQ(journal->read(read).gap(), "");
  EXPECT_GT(journal->read(read).events_size(), 0);
}

TEST_P(ReleasedSupervisorTest, OpenAndSettledApprovalsAreWhatTheyWere) {
  Ledger ledger(folder_ / "ledger.db", folder_ / "journal.db");
  const auto mac = crypto::EcKey::generate();
  const zane::testing::SetClock clock{1};
  ApprovalBook book(ledger, *this, mac, clock);
  EXPECT_EQ(book.open_count(), 1);
  for (const char* which : {"open", "accepted"}) {
    const auto approval = book.find(found(which, "approval"));
    ASSERT_TRUE(approval) << which;
    EXPECT_EQ(approval->thread, found(which, "thread"));
    EXPECT_EQ(approval->digest, found(which, "digest"));
    EXPECT_EQ(approval->digest, link::approval_digest(approval->request, approval->shown)) << "byte for byte";
    EXPECT_GT(approval->opened_ms, 1700000000000);
    EXPECT_FALSE(approval->instance.empty() || approval->request_id.empty());
  }
  const auto open = book.find(found("open", "approval"));
  EXPECT_EQ(open->state, approval_state::kOpen);
  EXPECT_THAT(book.unsettled(), SizeIs(1));
  const auto accepted = book.find(found("accepted", "approval"));
  EXPECT_EQ(accepted->state, approval_state::kApplied);
  EXPECT_EQ(accepted->choice, "accept");
  EXPECT_EQ(accepted->actor.kind(), "device");
  EXPECT_EQ(accepted->actor.id(), std::string(found_.at("device").as_string()));
}

TEST_P(ReleasedSupervisorTest, WhatWasCarriedOutIsNotForgotten) {
  const int64_t effects = count(ledger_of_then(), "SELECT count(*) FROM effects");
  ASSERT_GE(effects, 3) << "two tasks and a decision";
  { Ledger ledger(folder_ / "ledger.db", folder_ / "journal.db"); }
  EXPECT_EQ(count("ledger.db", "SELECT count(*) FROM effects"), effects);
  journal::Db db(folder_ / "ledger.db");
  auto rows = db.query("SELECT progress, result FROM effects");
  while (rows.step()) {
    EXPECT_EQ(rows.text(0), "done");
    v1::EffectResult result;
    EXPECT_TRUE(result.ParseFromString(rows.text(1)));
    EXPECT_EQ(result.state(), "done");
  }
}

// A second start takes nothing over again, and a boot begins a new epoch beyond the old places.
TEST_P(ReleasedSupervisorTest, AndSoItStays) {
  const int64_t head = journal::open_journal(folder_ / "journal.db", boot_id(), 1)->head_seq();
  for (int start = 0; start < 2; ++start) {
    Ledger ledger(folder_ / "ledger.db", folder_ / "journal.db");
    EXPECT_EQ(count("ledger.db", "SELECT count(*) FROM approvals"), 2);
  }
  const auto booted = journal::open_journal(folder_ / "journal.db", "another boot", 2);
  EXPECT_GE(booted->head_seq(), head);
}

INSTANTIATE_TEST_SUITE_P(Versions, ReleasedSupervisorTest,
                         ::testing::ValuesIn(zane::testing::ReleasedFiles::versions()),
                         [](const auto& info) { return "V" + std::to_string(info.index); });

}  // namespace
}  // namespace zane::supervisor
