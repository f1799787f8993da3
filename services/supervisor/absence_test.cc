// Terminals and the absence of their owners.
#include "services/supervisor/absence.h"

#include "gmock/gmock.h"

namespace zane::supervisor {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AbsenceTest : public ::testing::Test {
 protected:
  // Looks every 20 s, as the loop does.
  std::vector<std::string> after(seconds time, const std::set<std::string>& with = {"a"}) {
    std::vector<std::string> gone;
    for (const auto until = now_ + time; now_ < until;) {
      now_ += seconds(20);
      gone = absence_.away(with, now_);
    }
    return gone;
  }
  Absence absence_;
  Absence::Clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(AbsenceTest, EndsAfterTenMinutesWithoutItsDevice) {
  absence_.seen("a", now_);
  EXPECT_THAT(after(minutes(10)), IsEmpty());
  EXPECT_THAT(after(seconds(20)), ElementsAre("a"));
}

// Back at minute 5, away at 9: not ended at 10.
TEST_F(AbsenceTest, EachReturnBeginsTheTenMinutesAnew) {
  absence_.seen("a", now_);
  after(minutes(5));
  absence_.seen("a", now_);
  after(minutes(4));
  EXPECT_THAT(after(minutes(6)), IsEmpty());
  EXPECT_THAT(after(minutes(1)), ElementsAre("a"));
}

// relay was never there, or forgot: the first look begins the count.
TEST_F(AbsenceTest, OneThatWasNeverSeenIsNotKeptForEver) {
  EXPECT_THAT(after(minutes(10)), IsEmpty());
  EXPECT_THAT(after(minutes(1)), ElementsAre("a"));
}

TEST_F(AbsenceTest, TheMachinesSleepIsNobodysAbsence) {
  absence_.seen("a", now_);
  after(minutes(5));
  now_ += std::chrono::hours(8);
  EXPECT_THAT(after(minutes(4)), IsEmpty());
  EXPECT_THAT(after(minutes(2)), ElementsAre("a"));
}

TEST_F(AbsenceTest, OneDevicesAbsenceIsNotAnothers) {
  for (int i = 0; i < 40; ++i) {
    absence_.seen("b", now_);
    after(seconds(20), {"a", "b"});
  }
  EXPECT_THAT(after(seconds(20), {"a", "b"}), ElementsAre("a"));
}

}  // namespace
}  // namespace zane::supervisor
