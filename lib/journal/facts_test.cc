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

TEST_F(FactsTest, AClockThatJumpsAheadIsFollowedSlowly) {
  const int64_t now = 1000 * kHourMs;
  ForgettingClock clock(db_);
  int64_t steady_ms = 5;
  const auto time = [&](int64_t wall_ms, int64_t later_ms) {
    steady_ms += later_ms;
    return clock.time_ms(wall_ms, steady_ms * 1'000'000) - now;
  };
  EXPECT_EQ(time(now, 0), 0);
  EXPECT_EQ(time(now + 1000, 1000), 1000);
  const int64_t ahead = now + 48 * kHourMs;
  EXPECT_EQ(time(ahead, 0), 1000) << "asked again and again it goes no faster";
  EXPECT_EQ(time(ahead + kHourMs, kHourMs), 1000 + 4 * kHourMs);
  ForgettingClock after_a_start(db_);
  EXPECT_EQ(after_a_start.time_ms(ahead + kHourMs, 7) - now, 1000 + 4 * kHourMs + 10 * 60 * 1000);
}

// What is written now would be forgotten at once by a clock that stays ahead.
TEST_F(FactsTest, AClockThatIsSetRightIsFollowedAtOnce) {
  const int64_t now = 1000 * kHourMs;
  ForgettingClock clock(db_);
  EXPECT_EQ(clock.time_ms(now + 100 * kHourMs, 1), now + 100 * kHourMs);
  EXPECT_EQ(clock.time_ms(now, 2), now);
}

TEST_F(FactsTest, SyncedTransactionsAreCountedAndTold) {
  std::vector<int64_t> told;
  db_.on_synced([&](int64_t count) { told.push_back(count); });
  db_.transaction(Db::Sync::kFull, [&] { set_fact(db_, "a", 5); });
  db_.transaction(Db::Sync::kLazy, [&] { set_fact(db_, "a", 6); });
  EXPECT_THROW(db_.transaction(Db::Sync::kFull, [] { throw std::runtime_error("x"); }), std::runtime_error);
  db_.transaction(Db::Sync::kFull, [] {});
  EXPECT_EQ(told, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(db_.synced_before(), 0);
  EXPECT_EQ(Db(temp_ / "facts.db").synced_before(), 2);
}

}  // namespace
}  // namespace zane::journal
