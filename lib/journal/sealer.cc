#include "lib/journal/sealer.h"

#include "lib/journal/segment.h"

namespace zane::journal {

Sealer::Sealer() : thread_([this] { run(); }) {}

void Sealer::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Sealer::seal(Segment::Full full) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(full));
  }
  changed_.notify_one();
}

void Sealer::wait_until_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return stopped_ || (waiting_.empty() && !busy_); });
}

std::vector<Sealer::Done> Sealer::take() {
  const std::lock_guard lock(mutex_);
  has_done_.store(false, std::memory_order_release);
  return std::exchange(done_, {});
}

void Sealer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    const Segment::Full full = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    Done done{full.log, {}, ""};
    try {
      done.file = Segment::seal(full);
    } catch (const std::exception& e) {
      done.why = e.what();
    }
    lock.lock();
    done_.push_back(std::move(done));
    has_done_.store(true, std::memory_order_release);
    busy_ = false;
    idle_.notify_all();
  }
}

}  // namespace zane::journal
