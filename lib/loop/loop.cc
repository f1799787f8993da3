#include "lib/loop/loop.h"

#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "boost/asio/co_spawn.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/signal_set.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/log/log.h"

namespace zane::loop {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kStopMax{4};

}  // namespace

void spawn(Io& io, std::string_view name, Task<> task) {
  asio::co_spawn(io, std::move(task), [name = std::string(name)](std::exception_ptr thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      log::error("coroutine_died", {{"name", name}, {"error", e.what()}});
    }
    std::abort();
  });
}

Task<> sleep_for(Io& io, std::chrono::nanoseconds time) {
  Timer timer(io, std::chrono::duration_cast<Timer::duration>(time));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void run_until_signal(Io& io, const std::function<void()>& on_stop) {
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int number) {
    if (error) return;
    log::info("stopping", {{"signal", number}});
    // Whatever a library waits for: launchd would kill after 20 s, and nothing of
    // ours needs a longer end than this.
    std::thread([] {
      std::this_thread::sleep_for(kStopMax);
      log::warn("stop_forced");
      std::_Exit(0);
    }).detach();
    on_stop();
    io.stop();
  });
  log::info("ready");
  io.run();
}

void Signal::raise() {
  raised_ = true;
  timer_.cancel();
}

Task<> Signal::wait() { co_await wait_for(std::chrono::hours(24 * 365)); }

Task<bool> Signal::wait_for(std::chrono::nanoseconds time) {
  if (!raised_) {
    timer_.expires_after(std::chrono::duration_cast<Timer::duration>(time));
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  const bool was = raised_;
  raised_ = false;
  co_return was;
}

Task<std::chrono::nanoseconds> Signal::wait_step(std::chrono::nanoseconds time) {
  const auto began = Timer::clock_type::now();
  (void)co_await wait_for(time);
  co_return std::min<std::chrono::nanoseconds>(time, Timer::clock_type::now() - began);
}

Task<bool> Signal::wait_awake(std::chrono::nanoseconds time) {
  auto left = time;
  while (left.count() > 0) {
    const auto step = step_of(time, left);
    if (co_await wait_for(step)) co_return true;
    left -= step;
  }
  co_return false;
}

}  // namespace zane::loop
