// Moves SQLite's write-ahead log into its file on a thread and a connection of
// its own: a checkpoint syncs the disk, twice, and the loop is not to wait for
// that. The only thread of lib/journal; shares nothing with the loop but the file.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "lib/journal/sqlite.h"

namespace zane::journal {

// Pages of the log (4 KiB each) between two checkpoints: SQLite's own default.
inline constexpr int kCheckpointPages = 1000;
// A log that is written to without a pause is never quite empty, and so never
// begun anew. At this length (32 MiB) the loop itself takes the little that is left.
inline constexpr int kLogPagesMax = 8192;

class Checkpointer {
 public:
  // Takes over `db`'s checkpoints; `db`, of `file`, must outlive it.
  Checkpointer(Db& db, std::filesystem::path file);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  void grown(int pages);
  void run();

  Db& db_;
  const std::filesystem::path file_;
  // The loop's: the length of the log at which the next checkpoint is due.
  int due_pages_ = kCheckpointPages;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;   // with mutex_
  bool stopped_ = false;  // with mutex_
  std::thread thread_;
};

}  // namespace zane::journal
