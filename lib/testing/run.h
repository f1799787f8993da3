// Runs an event loop until something has come true, or the test has waited too
// long. For tests alone.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>

#include "lib/loop/loop.h"

namespace zane::testing {

// Far beyond what anything takes; reached only by what would never happen.
inline constexpr std::chrono::seconds kPatience{20};

template <typename Condition>
void run_until(loop::Io& io, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error("waited in vain");
    io.restart();
    io.run_one_for(std::chrono::milliseconds(100));
  }
}

// Everything that is ready now, and nothing that is not.
inline void run_ready(loop::Io& io) {
  io.restart();
  while (io.poll() > 0) io.restart();
}

// The process stands still, as one that is stopped does: its loop runs nothing meanwhile.
inline void stand_still(std::chrono::nanoseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

template <typename T>
T run(loop::Io& io, loop::Task<T> task) {
  const auto result = std::make_shared<std::optional<T>>();
  loop::spawn(io, "test", [](loop::Task<T> t, std::shared_ptr<std::optional<T>> out) -> loop::Task<> {
    out->emplace(co_await std::move(t));
  }(std::move(task), result));
  run_until(io, [&] { return result->has_value(); });
  return std::move(**result);
}

}  // namespace zane::testing
