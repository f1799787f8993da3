// Trouble that passes: told from its first moment, with its latest reason.
#include "lib/journal/weather.h"

#include "gmock/gmock.h"
#include "lib/journal/sqlite.h"
#include "lib/testing/clock.h"

namespace zane::journal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(WeatherTest, IsToldFromItsFirstMomentWithItsLatestReasonAndCure) {
  zane::testing::SetClock clock{1000000};
  Weather weather(clock, "nothing is lost");
  EXPECT_TRUE(weather.written("can't write", [] {}));
  EXPECT_EQ(weather.text(), "");
  constexpr int kBusy = 5, kFull = 13;
  EXPECT_FALSE(weather.written("can't write", [] { throw SqliteError(kBusy, "database is locked"); }));
  clock.now += 3000;
  EXPECT_FALSE(weather.written("can't write", [] { throw SqliteError(kFull, "database or disk is full"); }));
  clock.now += 2000;
  EXPECT_TRUE(weather.read("can't write", [] {})) << "and that proves nothing";
  EXPECT_FALSE(weather.fine());
  EXPECT_THAT(weather.why("can't write"), AllOf(HasSubstr("is full"), HasSubstr("make room")));
  EXPECT_THAT(weather.text(), AllOf(HasSubstr("can't write for 5 s: "), HasSubstr("is full"),
                                    Not(HasSubstr("locked")), HasSubstr("nothing is lost")));
}

TEST(WeatherTest, OneThatIsOverLeavesTheOthers) {
  zane::testing::SetClock clock{1000000};
  Weather weather(clock, "");
  weather.begins("a", "why a");
  weather.begins("b", "why b");
  EXPECT_TRUE(weather.written("a", [] {}));
  EXPECT_EQ(weather.why("a"), "");
  EXPECT_EQ(weather.why("b"), "why b");
  weather.ends("b");
  EXPECT_TRUE(weather.fine());
}

}  // namespace
}  // namespace zane::journal
