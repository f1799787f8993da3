// A clock that tells what the test says. For tests alone.
#pragma once

#include "lib/base/clock.h"

namespace zane::testing {

class SetClock final : public base::Clock {
 public:
  explicit SetClock(int64_t now) : now(now) {}
  [[nodiscard]] int64_t now_ms() const override { return now; }
  int64_t now;
};

}  // namespace zane::testing
