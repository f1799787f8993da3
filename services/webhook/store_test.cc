// Deliveries on the disk: each once, and each with its result.
#include "services/webhook/store.h"

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::webhook {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { reopen(); }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<Store>(temp_ / "webhook.db");
  }
  using Added = Store::Added;
  using Began = Store::Began;
  std::string next(const std::string& hook = "h") {
    const auto ids = store_->waiting(hook);
    return ids.empty() ? "" : ids.front();
  }
  int64_t count(const char* sql) {
    journal::Db db(temp_ / "webhook.db");
    auto row = db.query(sql);
    row.step();
    return row.integer(0);
  }
  zane::testing::TempFolder temp_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ADeliveryWaitsUntilItIsSettledOverRestartsToo) {
  const std::string body("\0\xff{}", 4);
  EXPECT_EQ(store_->add({"d1", "h", body, "t1", "text/plain"}, "mac:1", 1000), Added::kFresh);
  reopen();
  const auto waiting = store_->find_waiting("d1");
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->id, "d1");
  EXPECT_EQ(waiting->hook, "h");
  EXPECT_EQ(waiting->body, body);
  EXPECT_EQ(waiting->trace, "t1");
  EXPECT_EQ(waiting->content_type, "text/plain");
  store_->settle("d1", "started thread x", Began::kTask);
  reopen();
  EXPECT_EQ(next(), "");
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'd1' AND result = 'started thread x'"), 1);
  EXPECT_EQ(count("SELECT sum(length(body)) FROM deliveries"), 0) << "what started needs no body";
}

TEST_F(StoreTest, TheOldestWaitsInFront) {
  store_->add({"late", "h", "", "", ""}, "mac:1", 2000);
  store_->add({"early", "h", "", "", ""}, "mac:2", 1000);
  EXPECT_EQ(next(), "early");
  store_->settle("early", "x", Began::kNothing);
  EXPECT_EQ(next(), "late");
}

TEST_F(StoreTest, OneHooksDeliveriesDoNotWaitForAnothers) {
  store_->add({"a", "h", "", "", ""}, "mac:1", 1000);
  store_->add({"b", "h2", "", "", ""}, "mac:2", 2000);
  EXPECT_EQ(next("h2"), "b");
  EXPECT_THAT(store_->waiting_hooks(), ::testing::UnorderedElementsAre("h", "h2"));
  store_->settle("a", "x", Began::kNothing);
  EXPECT_THAT(store_->waiting_hooks(), ::testing::ElementsAre("h2"));
}

TEST_F(StoreTest, WhatWaitsAndWhatStartedIsNotTakenAgain) {
  EXPECT_EQ(store_->add({"d1", "h", "", "", ""}, "mac:1", 1000), Added::kFresh);
  EXPECT_EQ(store_->add({"d2", "h", "", "", ""}, "mac:1", 1001), Added::kWaiting)
      << "another id of Orbit's makes it no other delivery";
  EXPECT_EQ(store_->add({"d1", "h", "", "", ""}, "mac:1", 1001), Added::kWaiting) << "nor does the same";
  EXPECT_EQ(store_->add({"d3", "h2", "", "", ""}, "mac:1", 1002), Added::kFresh);
  EXPECT_EQ(store_->add({"d4", "h", "", "", ""}, "mac:2", 1003), Added::kFresh);
  store_->settle("d1", "started t", Began::kTask);
  reopen();
  EXPECT_EQ(store_->add({"d5", "h", "", "", ""}, "mac:1", 2000), Added::kStarted);
}

// GitHub's Redeliver sends the same bytes; whoever stored them may send them in a year.
TEST_F(StoreTest, WhatStartedIsRememberedForGoodAndWhatDidNotMayComeAgain) {
  store_->add({"done", "h", "", "", ""}, "mac:1", 1000);
  store_->add({"refused", "h", "", "", ""}, "mac:2", 1000);
  store_->add({"waits", "h", "", "", ""}, "mac:3", 1000);
  store_->settle("done", "started t", Began::kTask);
  store_->settle("refused", "refused: there is no folder", Began::kNothing);
  EXPECT_EQ(store_->add({"refused", "h", "", "", ""}, "mac:2", 1001), Added::kWaiting)
      << "the very same hand-over, once more";
  EXPECT_EQ(store_->add({"again", "h", "", "", ""}, "mac:2", 1001), Added::kFresh);
  store_->forget_old(1001 + kRememberMs);
  EXPECT_EQ(store_->add({"years later", "h", "", "", ""}, "mac:1", 1000 + 30 * kRememberMs), Added::kStarted);
  EXPECT_EQ(next(), "waits") << "what still waits is never forgotten";
}

TEST_F(StoreTest, TriesAreCountedOverRestartsAndWhatWasSetAsideIsTold) {
  store_->add({"bad", "h", "body", "t", ""}, "mac:1", 1000);
  EXPECT_EQ(store_->tried("bad"), 1);
  reopen();
  EXPECT_EQ(store_->tried("bad"), 2);
  EXPECT_EQ(store_->count_waiting("h"), 1);
  store_->settle("bad", "failed: why", Began::kNothing, Store::SetAside::kYes);
  reopen();
  EXPECT_EQ(store_->count_waiting("h"), 0);
  EXPECT_EQ(store_->count_set_aside(1000), 1);
  EXPECT_EQ(store_->count_set_aside(1000 + kSetAsideSeenMs), 0) << "not for ever";
  const auto row = store_->latest(1).front();
  EXPECT_TRUE(row.set_aside && row.can_be_sent_again);
  EXPECT_EQ(row.tries, 2);
}

TEST_F(StoreTest, WhatStartedNothingCanBeSentAgainUnderANewIdAndNothingElseCan) {
  store_->add({"bad", "h", "body", "t", "text/plain"}, "mac:1", 1000);
  EXPECT_EQ(store_->send_again("bad", "x", 1001).status().code(), absl::StatusCode::kAlreadyExists);
  store_->settle("bad", "failed: why", Began::kNothing, Store::SetAside::kYes);
  EXPECT_EQ(*store_->send_again("bad", "new", 1001), "h");
  EXPECT_EQ(next(), "new");
  EXPECT_EQ(store_->find_waiting("new")->body, "body");
  EXPECT_EQ(store_->find_waiting("new")->content_type, "text/plain");
  EXPECT_EQ(store_->count_set_aside(1001), 0) << "somebody has looked";
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'bad' AND result = 'failed: why (sent again as "
                  "new)'"),
            1);
  store_->settle("new", "started t", Began::kTask);
  for (const auto& [id, code] :
       std::vector<std::pair<std::string, absl::StatusCode>>{{"new", absl::StatusCode::kFailedPrecondition},
                                                             {"bad", absl::StatusCode::kFailedPrecondition},
                                                             {"none", absl::StatusCode::kNotFound}})
    EXPECT_EQ(store_->send_again(id, "y", 1002).status().code(), code) << id;
  store_->add_settled("forged", "h", "refused: no signature fits", 1003);
  EXPECT_EQ(store_->send_again("forged", "y", 1004).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(next(), "");
}

TEST_F(StoreTest, WhatMayHaveStartedIsADuplicateAndAPersonCanSendItAgain) {
  store_->add({"d1", "h", "body", "", ""}, "mac:1", 1000);
  store_->settle("d1", "unknown: lost", Began::kPerhaps, Store::SetAside::kYes);
  reopen();
  EXPECT_EQ(store_->add({"d2", "h", "body", "", ""}, "mac:1", 1001), Added::kPerhaps);
  EXPECT_TRUE(store_->latest(1)[0].can_be_sent_again);
  ASSERT_TRUE(store_->send_again("d1", "d3", 1002).ok());
  EXPECT_EQ(store_->find_waiting("d3")->body, "body");
  // Refused, it is no less of a perhaps; started, it is one no more.
  store_->settle("d3", "refused: no folder", Began::kNothing);
  EXPECT_EQ(store_->add({"d4", "h", "body", "", ""}, "mac:1", 1003), Added::kPerhaps);
  ASSERT_TRUE(store_->send_again("d3", "d5", 1004).ok());
  store_->settle("d5", "started t", Began::kTask);
  store_->add({"d6", "h2", "body", "", ""}, "mac:1", 1005);
  EXPECT_EQ(store_->add({"d7", "h", "body", "", ""}, "mac:1", 1006), Added::kStarted);
  store_->may_have_begun("d5");
  EXPECT_EQ(store_->add({"d7", "h", "body", "", ""}, "mac:1", 1006), Added::kStarted) << "it is known";
  EXPECT_FALSE(store_->send_again("d5", "d8", 1007).ok());
}

// Another copy of it started meanwhile: then this one does not.
TEST_F(StoreTest, WhatStartedByAnotherWayIsNotSentAgain) {
  store_->add({"first", "h", "body", "", ""}, "mac:1", 1000);
  store_->settle("first", "refused: no folder", Began::kNothing);
  store_->add({"second", "h", "body", "", ""}, "mac:1", 1001);
  EXPECT_EQ(store_->earlier_result("h", "mac:1"), "refused: no folder");
  store_->settle("second", "started t", Began::kTask);
  EXPECT_EQ(store_->send_again("first", "y", 1002).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(store_->latest(2).back().can_be_sent_again);
}

TEST_F(StoreTest, WhatIsSignedButLateNeverWaitsNotForAMoment) {
  journal::Db other(temp_ / "webhook.db");
  other
      .query(
          "CREATE TRIGGER waits AFTER INSERT ON deliveries WHEN NEW.result = '' BEGIN SELECT RAISE(FAIL, "
          "'it waits'); END")
      .run();
  EXPECT_NO_THROW(store_->add_kept({"late", "h", "body", "", ""}, "id:1", "refused: too late", 1000));
  EXPECT_TRUE(store_->latest(1)[0].can_be_sent_again);
}

TEST_F(StoreTest, WhatIsSignedButLateIsKeptAndDoesNotWait) {
  store_->add_kept({"late", "h", "body", "", ""}, "id:1", "refused: the timestamp is in the future", 1000);
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(store_->latest(1).front().can_be_sent_again);
  EXPECT_EQ(*store_->send_again("late", "new", 1001), "h");
  EXPECT_EQ(next(), "new");
}

TEST_F(StoreTest, KeptBodiesAreBoundedOldestFirst) {
  const std::string body(kKeptBytesMax / 4, 'x');
  for (int i = 0; i < 6; ++i) {
    const std::string id = "d" + std::to_string(i);
    store_->add({id, "h", body, "", ""}, "mac:" + id, 1000 + i);
    if (i < 5) store_->settle(id, "refused: x", Began::kNothing);
  }
  store_->forget_old(2000);
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE length(body) > 0 AND result <> ''"), 4);
  EXPECT_EQ(count("SELECT length(body) FROM deliveries WHERE id = 'd0'"), 0);
  EXPECT_EQ(store_->find_waiting("d5")->body.size(), body.size()) << "what waits keeps its body";
}

// The file as 0.1 left it: with its one table and without a version.
TEST_F(StoreTest, AFileOf01IsTakenOver) {
  store_.reset();
  for (const char* part : {"", "-wal", "-shm"})
    std::filesystem::remove((temp_ / "webhook.db").string() + part);
  {
    journal::Db db(temp_ / "webhook.db");
    db.run(
        "CREATE TABLE deliveries (id TEXT PRIMARY KEY, hook TEXT NOT NULL, dedupe TEXT, body BLOB NOT NULL, "
        "trace "
        "TEXT NOT NULL, result TEXT NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (hook, dedupe));"
        "INSERT INTO deliveries VALUES ('s', 'h', 'mac:1', '', '', 'started t', 5), ('r', 'h', 'mac:2', '', "
        "'', "
        "'refused: x', 6), ('w', 'h', 'mac:3', 'body', 't', '', 7), ('n', 'h', NULL, '', '', 'refused: y', "
        "8)");
  }
  reopen();
  EXPECT_EQ(store_->find_waiting(next())->body, "body");
  EXPECT_EQ(store_->add({"x", "h", "", "", ""}, "mac:1", 9), Added::kStarted);
  EXPECT_EQ(store_->add({"y", "h", "", "", ""}, "mac:2", 9), Added::kFresh);
  EXPECT_EQ(store_->latest(10).size(), 5u);
}

TEST_F(StoreTest, AFileOfANewerZaneIsRefusedUntouched) {
  store_.reset();
  {
    journal::Db db(temp_ / "webhook.db");
    db.run("PRAGMA user_version = 99");
  }
  try {
    Store store(temp_ / "webhook.db");
    FAIL() << "it was opened";
  } catch (const journal::SqliteError& e) {
    EXPECT_EQ(e.trouble(), journal::Trouble::kNewer);
    EXPECT_NE(std::string(e.what()).find("update Zane"), std::string::npos);
  }
}

TEST_F(StoreTest, ARefusedOneIsSeenAndStartsNothing) {
  store_->add_settled("r1", "h", "refused: no", 1000);
  EXPECT_EQ(next(), "");
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE result = 'refused: no'"), 1);
  // A refused one keeps the good one's place free.
  EXPECT_EQ(store_->add({"d1", "h", "", "", ""}, "mac:1", 1001), Added::kFresh);
}

// A forger who knows a delivery's id must not make the good one unseen.
TEST_F(StoreTest, ARefusedOneDoesNotTakeAGoodOnesId) {
  store_->add_settled("d1", "h", "refused: no", 1000);
  EXPECT_EQ(store_->add({"d1", "h", "body", "", ""}, "mac:1", 1001), Added::kFresh);
  EXPECT_EQ(next(), "d1");
}

TEST_F(StoreTest, RefusedOnesAreBoundedAndGoodOnesKept) {
  store_->add({"d1", "h", "", "", ""}, "mac:1", 1);
  store_->settle("d1", "done", Began::kTask);
  for (int i = 0; i < 1010; ++i) store_->add_settled("r" + std::to_string(i), "h", "refused: no", 1000 + i);
  EXPECT_LE(count("SELECT count(*) FROM deliveries WHERE dedupe IS NULL"), 1001);
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'r1009'"), 1) << "the newest are seen";
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'r0'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'd1'"), 1);
}

}  // namespace
}  // namespace zane::webhook
