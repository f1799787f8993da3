// Seals segments on a thread of its own: deflating takes longer than the loop may
// be held. The only thread of lib/journal; shares nothing with the loop but files
// that nobody writes to any more, and the two lists here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lib/journal/segment.h"

namespace zane::journal {

class Sealer {
 public:
  Sealer();
  ~Sealer() { finish(); }
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  void seal(Segment::Full full);

  // `file` is the sealed form of `log`, or empty: then `why` says what failed.
  struct Done {
    std::filesystem::path log, file;
    std::string why;
  };
  // Ends the thread after what it is at; what is not begun the next start does.
  void finish();
  // Returns when nothing waits and nothing is under way: for tests.
  void wait_until_idle();
  // What was done since the last look.
  std::vector<Done> take();
  // Whether a look is worth it, without a lock.
  [[nodiscard]] bool has_done() const { return has_done_.load(std::memory_order_acquire); }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_;
  std::deque<Segment::Full> waiting_;  // with mutex_
  std::vector<Done> done_;             // with mutex_
  bool busy_ = false;                  // with mutex_
  bool stopped_ = false;               // with mutex_
  std::atomic<bool> has_done_ = false;
  std::thread thread_;
};

}  // namespace zane::journal
