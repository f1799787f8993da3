// What flows stays below what Orbit allows, whatever is asked for.
#include "services/relay/allowance.h"

#include "gtest/gtest.h"

namespace zane::relay {
namespace {

using std::chrono::seconds;

// Writes as fast as it may for a while; gives bytes and frames.
std::pair<double, double> written(size_t frame_bytes, seconds time) {
  Allowance allowance;
  Allowance::Clock::time_point now{seconds(1)};
  const auto until = now + time;
  double frames = 0;
  while (now < until) {
    const auto wait = allowance.wait(now);
    if (wait.count() > 0) {
      now += wait + std::chrono::nanoseconds(1);
      continue;
    }
    allowance.spend(frame_bytes, now);
    ++frames;
  }
  return {frames * static_cast<double>(frame_bytes), frames};
}

TEST(AllowanceTest, LargeAndSmallFramesStayBelowOrbitsBounds) {
  // 64 MiB and 16 MiB/s; 4,000 frames and 2,000/s.
  for (const size_t bytes : {size_t{100}, size_t{128 * 1024}, size_t{1024 * 1024}}) {
    const auto [all_bytes, frames] = written(bytes, seconds(20));
    EXPECT_LT(all_bytes, 64e6 + 20 * 16e6) << bytes;
    EXPECT_LT(frames, 4000 + 20 * 2000) << bytes;
    EXPECT_TRUE(all_bytes > 20 * 8e6 || frames > 20 * 1000) << "and it flows";
  }
}

TEST(AllowanceTest, AFirstFrameNeverWaits) {
  Allowance allowance;
  EXPECT_EQ(allowance.wait(Allowance::Clock::time_point{seconds(1)}).count(), 0);
}

}  // namespace
}  // namespace zane::relay
