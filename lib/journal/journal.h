// The record of everything that is told outwards: append, commit, then publish.
// `(epoch, seq)` is given out here and nowhere else, and never twice (design
// §4). Owned by supervisor, on its loop. Its loss costs history and nothing else:
// approvals and effects have a file of their own (services/supervisor/ledger.h).
//
// Events lie in segments, files that are only ever appended to (segment.h), in a
// folder beside a small database that knows the epochs. Forgetting takes whole
// segments away.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/journal/sealer.h"
#include "lib/journal/segment.h"
#include "lib/journal/sqlite.h"
#include "lib/journal/summaries.h"
#include "zane/v1/event.pb.h"

namespace zane::journal {

// Bounds of one read: events and bytes given, bytes looked through for them.
inline constexpr int kPageEventsMax = 1000;
inline constexpr int64_t kPageBytesMax = 512 * 1024;
inline constexpr int64_t kLookedBytesMax = 512 * 1024;

// A longer event is told without its bytes: an Envelope holds 2 MiB, and a bus
// socket that is sent a longer one drops the connection, each time anew.
inline constexpr size_t kToldBytesMax = 1024 * 1024;

// What is kept in memory while the disk takes nothing; beyond it the caller stops
// reading from Codex.
inline constexpr size_t kUncommittedBytesMax = 32 * 1024 * 1024;

// Bytes walked back through for an item, or for the last events of a thread.
inline constexpr int64_t kBackBytesMax = 2 * 1024 * 1024;

// The bytes of an event that leave_out_if_long() is about.
size_t told_bytes(const v1::Event& event);
// Empties an event that is longer than that, and says how long it is.
void leave_out_if_long(v1::Event& event);

enum class Level { kThread, kList };

struct Retention {
  int64_t keep_ms;
  int64_t keep_bytes;
};

class Journal {
 public:
  // `file`: the database; the segments' folder has its name without the suffix. A
  // new epoch when `boot_id` differs from the last one's, or when anything is
  // missing at the end (a damaged file is moved aside, never deleted). `log_bytes`:
  // a shorter kLogBytesMax, for tests.
  Journal(const std::filesystem::path& file, const std::string& boot_id, int64_t now_ms,
          int64_t log_bytes = kLogBytesMax);
  ~Journal();

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
    uncommitted_bytes_ += told_bytes(event);
    auto& kept = appended_.emplace_back(now_ms, std::move(event));
    Segment::add_record(records_, now_ms, kept.second);
  }

  // Called with the last seq of each commit, before anybody is given its events.
  void on_committed(std::function<void(int64_t seq)> told) { on_committed_ = std::move(told); }

  // Writes what was appended, and gives what may now be published, in order. While
  // the disk takes nothing (weather) it gives nothing, keeps it all, and the next
  // commit tries again; trouble() says why.
  std::vector<v1::Event> commit();
  [[nodiscard]] size_t uncommitted() const { return appended_.size(); }
  [[nodiscard]] size_t uncommitted_bytes() const { return uncommitted_bytes_; }
  // "" when the last commit succeeded.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // A page after `after_seq`; of one thread, or of the list level. Deltas of an item
  // that follow each other are one (merge.h). It may be empty and yet not at the
  // head: its through_seq is where to go on.
  v1::JournalPage read(const v1::JournalRead& request);

  // Where a new stream of `thread` begins: before its latest turn's start; with
  // no thread: at the head (the caller lowers it for open approvals).
  [[nodiscard]] int64_t stream_start(const std::string& thread) const;

  // Up to here events are gone; readers find `pruned` there.
  [[nodiscard]] int64_t pruned_through() const { return segments_.front()->first_seq() - 1; }

  // The latest event of an item with one of these methods, not yet committed ones
  // included; looks back kBackBytesMax.
  std::optional<v1::Event> latest(const std::string& thread, const std::string& item,
                                  std::initializer_list<std::string_view> methods);
  // The last events of a thread, or of all when it is "", oldest first; as far back.
  std::vector<v1::Event> tail(const std::string& thread, int count);

  // Forgets the oldest segment if it is too old, or if all are too much. True when
  // there may be more to forget: call it again, after others had their turn.
  bool prune_slice(const Retention& keep, int64_t now_ms);

  // Bytes of all segments.
  [[nodiscard]] int64_t bytes() const;
  [[nodiscard]] size_t segments() const { return segments_.size(); }
  // Takes in what the sealer has done: commit() and prune_slice() do it too.
  void look_at_sealed();
  // Waits until all that is full is sealed: for tests.
  void finish_sealing();

 private:
  v1::Event next() const;
  void begin_epoch(const std::string& boot_id, int64_t now_ms);
  [[nodiscard]] bool open_segments(int64_t now_ms);
  [[nodiscard]] bool has_hole(std::map<int64_t, Summaries::Row>& read);
  [[nodiscard]] bool take_over_table(int64_t now_ms);
  static void seal_now(Segment& full);
  void begin_log(int64_t first_seq);
  bool rotate();
  void move_aside(size_t count, int64_t now_ms, const std::string& why);
  void forget_turns();

  Db db_;
  Summaries summaries_{db_};
  const std::filesystem::path folder_;
  const int64_t log_bytes_;
  std::string epoch_;
  int64_t head_ = 0;
  int64_t epoch_first_ = 1;
  int64_t committed_ = 0;
  int64_t now_ms_ = 0;
  // Oldest first, without a hole; the last is the log that is written to.
  std::deque<std::unique_ptr<Segment>> segments_;
  // The latest of each thread in all of them.
  std::map<std::string, int64_t> turn_starts_;
  Sealer sealer_;
  // Where they stay until they are written.
  std::deque<std::pair<int64_t, v1::Event>> appended_;
  // Their bytes.
  Segment::Records records_;
  // After a new log could not be begun: the length at which it is tried again.
  int64_t rotate_at_ = 0;
  size_t uncommitted_bytes_ = 0;
  std::string trouble_;
  std::function<void(int64_t)> on_committed_ = [](int64_t) {};
};

// Opens the file, moving a damaged one aside first.
std::unique_ptr<Journal> open_journal(const std::filesystem::path& file, const std::string& boot_id,
                                      int64_t now_ms, int64_t log_bytes = kLogBytesMax);

}  // namespace zane::journal
