// The time of day, behind a seam: policy's expiry checks and tests need a clock
// that can be wrong. Timers use the loop's steady clock instead.
#pragma once

#include <chrono>
#include <cstdint>

namespace zane::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970, as the machine believes.
  [[nodiscard]] virtual int64_t now_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] int64_t now_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

// Nanoseconds of the steady clock; comparable between processes of one machine.
inline int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace zane::base
