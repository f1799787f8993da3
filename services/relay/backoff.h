// How long to wait before the next attempt: doubling, with jitter, begun anew
// only after a quiet period. Pure; randomness comes in.
#pragma once

#include <algorithm>
#include <chrono>

namespace zane::relay {

class Backoff {
 public:
  using ms = std::chrono::milliseconds;
  static constexpr ms kFirst{500};
  static constexpr ms kLongest{60000};
  // A connection that lived this long was a good one.
  static constexpr ms kQuiet{30000};

  // `random`: 0 to 1. Half the step is fixed, half is chance, so that many Macs
  // do not come back at the same moment.
  ms next(ms lived, double random) {
    if (lived >= kQuiet) step_ = kFirst;
    const ms wait = step_ / 2 + std::chrono::duration_cast<ms>(step_ / 2 * random);
    step_ = std::min(step_ * 2, kLongest);
    return wait;
  }

 private:
  ms step_ = kFirst;
};

}  // namespace zane::relay
