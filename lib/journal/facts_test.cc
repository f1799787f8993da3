// A clock that jumps does not make a store forget.
#include "lib/journal/facts.h"

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::journal {
namespace {

constexpr int64_t kHourMs = int64_t{3600} * 1000;

class FactsTest : public ::testing::Test {
 protected:
  FactsTest() { db_.run("CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"); }
  zane::testing::TempFolder temp_;
  Db db_{temp_ / "facts.db"};
};

TEST_F(FactsTest, OneIsKeptByItsName) {
  EXPECT_EQ(fact(db_, "a"), 0);
  db_.transaction(Db::Sync::kFull, [&] { set_fact(db_, "a", 5); });
  db_.transaction(Db::Sync::kFull, [&] { set_fact(db_, "a", 6); });
  EXPECT_EQ(fact(db_, "a"), 6);
  EXPECT_EQ(fact(db_, "b"), 0);
}

TEST_F(FactsTest, AClockThatJumpsAheadIsFollowedByAnHour) {
  const int64_t now = 1000 * kHourMs;
  EXPECT_EQ(forgetting_time(db_, now), now);
  EXPECT_EQ(forgetting_time(db_, now + 1000), now + 1000);
  EXPECT_EQ(forgetting_time(db_, now + 48 * kHourMs), now + 1000 + kHourMs);
  EXPECT_EQ(forgetting_time(db_, now + 2000), now + 1000 + kHourMs) << "and one that jumps back not at all";
}

TEST_F(FactsTest, SyncedTransactionsAreCountedAndTold) {
  std::vector<int64_t> told;
  db_.on_synced([&](int64_t count) { told.push_back(count); });
  db_.transaction(Db::Sync::kFull, [&] { set_fact(db_, "a", 5); });
  db_.transaction(Db::Sync::kLazy, [&] { set_fact(db_, "a", 6); });
  EXPECT_THROW(db_.transaction(Db::Sync::kFull, [] { throw std::runtime_error("x"); }), std::runtime_error);
  db_.transaction(Db::Sync::kFull, [] {});
  EXPECT_EQ(told, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(Db::synced_in(temp_ / "facts.db"), 2);
  EXPECT_EQ(Db::synced_in(temp_ / "none.db"), 0);
}

}  // namespace
}  // namespace zane::journal
