// The record of everything that is told outwards: append, commit, then publish.
// `(epoch, seq)` is given out here and nowhere else, and never twice (design
// §4). Owned by supervisor, on its loop. The same file holds supervisor's own
// tables, so that a step of an approval and its event are one transaction.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/journal/checkpointer.h"
#include "lib/journal/sqlite.h"
#include "zane/v1/event.pb.h"

namespace zane::journal {

// Bounds of one read.
inline constexpr int kPageEventsMax = 1000;
inline constexpr int64_t kPageBytesMax = 512 * 1024;

// A longer event is told without its bytes: an Envelope holds 2 MiB, and a bus
// socket that is sent a longer one drops the connection, each time anew.
inline constexpr size_t kToldBytesMax = 1024 * 1024;

// Empties an event that is longer than that, and says how long it is.
void leave_out_if_long(v1::Event& event);

enum class Level { kThread, kList };

struct Retention {
  int64_t keep_ms;
  int64_t keep_bytes;
};

class Journal {
 public:
  // A new epoch when `boot_id` differs from the last one's or the file is lost
  // or damaged (a damaged one is moved aside, never deleted).
  Journal(const std::filesystem::path& file, const std::string& boot_id, int64_t now_ms);

  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  [[nodiscard]] int64_t head_seq() const { return head_; }

  // Puts an event into the open transaction (opening one if need be). `fill`
  // sees the event with its epoch, seq and prev_seq and completes it.
  template <typename Fill>
  void append(Level level, int64_t now_ms, Fill fill) {
    open_transaction();
    v1::Event event = next();
    fill(event);
    insert(level, now_ms, std::move(event));
  }

  // For other tables of this file: their writes join the open transaction.
  Db& db_in_transaction();
  Db& db() { return db_; }

  // The open transaction is to be on the disk before commit() returns.
  void sync_at_commit() { sync_ = Db::Sync::kFull; }

  // Commits, and gives what may now be published, in order.
  std::vector<v1::Event> commit();
  [[nodiscard]] bool has_uncommitted() const { return open_; }
  [[nodiscard]] size_t uncommitted() const { return appended_.size(); }

  // A page after `after_seq`; of one thread, or of the list level.
  v1::JournalPage read(const v1::JournalRead& request);

  // Where a new stream of `thread` begins: before its latest turn's start; with
  // no thread: at the head (the caller lowers it for open approvals).
  [[nodiscard]] int64_t stream_start(const std::string& thread);

  // Up to here events are gone; readers find `pruned` there.
  [[nodiscard]] int64_t pruned_through() const { return pruned_through_; }

  // The latest event of an item with one of these methods.
  std::optional<v1::Event> latest(const std::string& thread, const std::string& item,
                                  std::initializer_list<std::string_view> methods);
  // The last events of a thread, or of all when it is "", oldest first.
  std::vector<v1::Event> tail(const std::string& thread, int count);

  // Forgets what is older or too much; `pruned` gaps tell readers.
  void prune(const Retention& keep, int64_t now_ms);

 private:
  void open_transaction();
  v1::Event next() const;
  void insert(Level level, int64_t now_ms, v1::Event event);
  void begin_epoch(const std::string& boot_id, int64_t now_ms);

  Db db_;
  Checkpointer checkpointer_;
  std::string epoch_;
  int64_t head_ = 0;
  int64_t epoch_first_ = 1;
  int64_t pruned_through_ = 0;
  bool open_ = false;
  Db::Sync sync_ = Db::Sync::kLazy;
  std::vector<v1::Event> appended_;
};

// Opens the file, moving a damaged one aside first.
std::unique_ptr<Journal> open_journal(const std::filesystem::path& file, const std::string& boot_id,
                                      int64_t now_ms);

}  // namespace zane::journal
