// How much may be written to Orbit now. Orbit closes the link of a Mac that sends
// more than it allows (orbit/src/link.ts: 16 MiB/s after 64 MiB, 2,000 frames/s
// after 4,000); relay keeps well below, so that one stream costs its own delay and
// nobody's link. A token bucket for bytes and one for frames. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace zane::relay {

class Allowance {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kBytesPerSecond = 12.0 * 1024 * 1024;
  static constexpr double kBytesBurst = 24.0 * 1024 * 1024;
  static constexpr double kFramesPerSecond = 1500;
  static constexpr double kFramesBurst = 1500;

  // What is written counts, urgent or not.
  void spend(size_t bytes, Clock::time_point now) {
    refill(now);
    bytes_ -= static_cast<double>(bytes);
    frames_ -= 1;
  }
  // How long what flows has to wait; zero when it need not.
  [[nodiscard]] std::chrono::nanoseconds wait(Clock::time_point now) {
    refill(now);
    const double seconds = std::max({0.0, -bytes_ / kBytesPerSecond, (1 - frames_) / kFramesPerSecond});
    return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  }

 private:
  void refill(Clock::time_point now) {
    const double seconds =
        last_ == Clock::time_point{} ? 0 : std::chrono::duration<double>(now - last_).count();
    last_ = now;
    bytes_ = std::min(kBytesBurst, bytes_ + seconds * kBytesPerSecond);
    frames_ = std::min(kFramesBurst, frames_ + seconds * kFramesPerSecond);
  }
  double bytes_ = kBytesBurst;
  double frames_ = kFramesBurst;
  Clock::time_point last_{};
};

}  // namespace zane::relay
