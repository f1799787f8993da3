// The one event loop of a service: an Asio io_context on the main thread.
// Every callback and coroutine runs there; nothing of ours needs a lock.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>

#include "boost/asio/awaitable.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/steady_timer.hpp"

namespace zane::loop {

using Io = boost::asio::io_context;
template <typename T = void>
using Task = boost::asio::awaitable<T>;
using Timer = boost::asio::steady_timer;

// Starts a coroutine that nobody waits for. An exception that leaves it is our
// bug: it is logged with `name` and ends the process, and launchd begins anew.
void spawn(Io& io, std::string_view name, Task<> task);

Task<> sleep_for(Io& io, std::chrono::nanoseconds time);

// Runs until SIGINT or SIGTERM, then `on_stop` once, then the loop ends; the process
// itself at the latest four seconds later. Logs `ready` once a signal would be heard.
void run_until_signal(Io& io, const std::function<void()>& on_stop);

// A time to wait is counted in so many steps: of what passes while the process or the
// machine stands still one is taken at most, for what was waited for may have come
// meanwhile and was not looked at.
inline constexpr int kSteps = 8;
// The next of them, when `left` is left of `time`.
inline std::chrono::nanoseconds step_of(std::chrono::nanoseconds time, std::chrono::nanoseconds left) {
  return std::min(left, time / kSteps + std::chrono::nanoseconds(1));
}

// Wakes whoever waits, or lets the next wait pass at once. One waiter.
class Signal {
 public:
  explicit Signal(Io& io) : timer_(io, Timer::time_point::max()) {}
  void raise();
  Task<> wait();
  // False when `time` passed first.
  Task<bool> wait_for(std::chrono::nanoseconds time);
  // As wait_for, and gives the part of `time` that was waited: never more than that.
  Task<std::chrono::nanoseconds> wait_step(std::chrono::nanoseconds time);
  // As wait_for, by steps.
  Task<bool> wait_awake(std::chrono::nanoseconds time);

 private:
  Timer timer_;
  bool raised_ = false;
};

}  // namespace zane::loop
