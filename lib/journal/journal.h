// The record of everything that is told outwards: append, commit, then publish.
// `(epoch, seq)` is given out here and nowhere else, and never twice (design
// §4). Owned by supervisor, on its loop. Its loss costs history and nothing else:
// approvals and effects have a file of their own (services/supervisor/ledger.h).
#pragma once

#include <filesystem>
#include <functional>
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

// What is kept in memory while the disk takes nothing; beyond it the caller stops
// reading from Codex.
inline constexpr size_t kUncommittedBytesMax = 32 * 1024 * 1024;

// Events forgotten at a time: some milliseconds of work.
inline constexpr int64_t kPruneEvents = 2000;
// A file longer than this is not read through at every start.
inline constexpr int64_t kCheckedBytesMax = 64 * 1024 * 1024;

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
  // The last event that is written.
  [[nodiscard]] int64_t head_seq() const { return committed_; }

  // Gives an event its place; it is kept in memory until commit(). `fill` sees the
  // event with its epoch, seq and prev_seq and completes it.
  template <typename Fill>
  void append(Level level, int64_t now_ms, Fill fill) {
    v1::Event event = next();
    fill(event);
    event.set_list_level(level == Level::kList);
    head_ = event.seq();
    uncommitted_bytes_ += event.raw().size() + event.request().size() + event.shown().size();
    appended_.emplace_back(now_ms, std::move(event));
  }

  // Called with the last seq of each commit, before anybody is given its events.
  void on_committed(std::function<void(int64_t seq)> told) { on_committed_ = std::move(told); }

  // Writes what was appended, and gives what may now be published, in order. While
  // the disk takes nothing (weather) it gives nothing, keeps it all, and the next
  // commit tries again; trouble() says why. Any other SqliteError is thrown.
  std::vector<v1::Event> commit();
  [[nodiscard]] size_t uncommitted() const { return appended_.size(); }
  [[nodiscard]] size_t uncommitted_bytes() const { return uncommitted_bytes_; }
  // "" when the last commit succeeded.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // For tests: the disk's tricks are played on it.
  Db& db() { return db_; }

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

  // Forgets a bounded number of events that are older or too much, oldest first;
  // `pruned` gaps tell readers. True when there is more to forget: call it again,
  // after others had their turn. Sizes are the file's own.
  bool prune_slice(const Retention& keep, int64_t now_ms);

 private:
  v1::Event next() const;
  void insert(int64_t now_ms, const v1::Event& event);
  void begin_epoch(const std::string& boot_id, int64_t now_ms);
  [[nodiscard]] int64_t used_bytes();

  Db db_;
  Checkpointer checkpointer_;
  std::string epoch_;
  int64_t head_ = 0;
  int64_t epoch_first_ = 1;
  int64_t committed_ = 0;
  int64_t pruned_through_ = 0;
  std::vector<std::pair<int64_t, v1::Event>> appended_;
  size_t uncommitted_bytes_ = 0;
  std::string trouble_;
  std::function<void(int64_t)> on_committed_ = [](int64_t) {};
};

// Opens the file, moving a damaged one aside first.
std::unique_ptr<Journal> open_journal(const std::filesystem::path& file, const std::string& boot_id,
                                      int64_t now_ms);

}  // namespace zane::journal
