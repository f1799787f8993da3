#include "lib/journal/checkpointer.h"

#include <memory>
#include <utility>

#include "lib/log/log.h"

namespace zane::journal {

Checkpointer::Checkpointer(Db& db, std::filesystem::path file) : db_(db), file_(std::move(file)) {
  db_.on_log_grown([this](int pages) { grown(pages); });
  thread_ = std::thread([this] { run(); });
}

Checkpointer::~Checkpointer() {
  db_.on_log_grown(nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Checkpointer::grown(int pages) {
  if (pages >= kLogPagesMax) return db_.checkpoint();
  // Shorter than it was: SQLite has begun the log anew.
  if (pages < due_pages_ - kCheckpointPages) due_pages_ = kCheckpointPages;
  if (pages < due_pages_) return;
  due_pages_ = pages + kCheckpointPages;
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

void Checkpointer::run() {
  std::unique_ptr<Db> db;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || stopped_; });
    if (stopped_) return;
    wanted_ = false;
    lock.unlock();
    try {
      if (!db) db = std::make_unique<Db>(file_);
      db->checkpoint();
    } catch (const SqliteError& e) {
      // The log grows to its bound, where the loop meets the same trouble and ends.
      log::warn("checkpoint_failed", {{"file", file_.string()}, {"error", e.what()}});
    }
    lock.lock();
  }
}

}  // namespace zane::journal
