// One file of the journal. It is written as a log of records,
//
//   uint32 length of what follows the CRC | uint32 CRC-32 of it | int64 at_ms | Event
//
// (integers of the machine's own order: the file never leaves it), and later
// sealed: its blocks deflated, a SegmentIndex, a SegmentSummary, then
//
//   uint32 length of the summary | uint32 CRC-32 of it | "ZANESEG1"
//
// Sealing makes a new file beside the log, syncs it and takes the log away. Of a sealed
// one only the summary is in memory: a start reads the ends of as many files as there
// its database has no copy of (summaries.h), and the logs. Owned by Journal; a sealed file and a log that is
// no longer written to can be read by any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lib/journal/summaries.h"
#include "zane/v1/journal.pb.h"

namespace zane::journal {

// A block: as many events, or about as many bytes.
inline constexpr int64_t kBlockEvents = 256;
inline constexpr int64_t kBlockBytes = 64 * 1024;
// A log that is longer is sealed, and another begun.
inline constexpr int64_t kLogBytesMax = 4 * 1024 * 1024;

// `number` is errno of a call that failed, or 0: the file is not what it should be.
class SegmentError : public std::runtime_error {
 public:
  SegmentError(int number, const std::string& text) : std::runtime_error(text), number(number) {}
  const int number;
};

// Owns a descriptor.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

uint32_t hash_of(std::string_view thread);

// Events of a block in order; false ends the walk.
using Taker = std::function<bool(int64_t at_ms, v1::Event event)>;

class Segment {
 public:
  // A new log for events from `first_seq` on.
  static std::unique_ptr<Segment> begin(const std::filesystem::path& folder, int64_t first_seq);
  // Reads a sealed one's summary, or a log through. What follows a log's last whole
  // record is cut off (the file as it was is kept as NAME.torn, the latest such); `torn`
  // says whether there was something.
  static std::unique_ptr<Segment> open(const std::filesystem::path& file, bool& torn);
  // A sealed one whose end was read before: the file is not opened until it is read. Null
  // where the row does not fit it.
  static std::unique_ptr<Segment> known(const std::filesystem::path& file, int64_t first_seq,
                                        Summaries::Row row);
  // Reads the end of the file itself, where known() had been believed; false where there is
  // nothing to gain. Throws SegmentError.
  bool reread();

  // One write of `records`, made with add_record(), whose events live on; either all
  // of it is in the file or nothing. Throws SegmentError.
  struct Records {
    std::string bytes;
    struct Record {
      size_t bytes;
      int64_t at_ms;
      const v1::Event* event;
    };
    std::vector<Record> each;
  };
  static void add_record(Records& records, int64_t at_ms, v1::Event& event);
  void append(const Records& records);
  // A log, and that there is one, is on the disk itself on return. Throws SegmentError.
  void sync_all() const;

  // Its blocks, oldest first; a sealed one's are read anew. Throws SegmentError.
  using Index = std::shared_ptr<const v1::SegmentIndex>;
  [[nodiscard]] Index index();
  // Whether its blocks may hold events of `thread`; of the list level, if that is "".
  [[nodiscard]] bool may_hold(const std::string& thread, uint32_t hash) const;
  // The events of one of its blocks. Throws SegmentError.
  void read(const v1::SegmentBlock& block, const Taker& take) const;

  [[nodiscard]] const v1::SegmentSummary& summary() const { return summary_; }
  // Of a sealed one: what known() takes.
  [[nodiscard]] Summaries::Row row() const;
  [[nodiscard]] int64_t first_seq() const { return first_seq_; }
  // The one before the first, while it has none.
  [[nodiscard]] int64_t last_seq() const { return summary_.last_seq(); }
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  [[nodiscard]] bool sealed() const { return sealed_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // A log that is not written to any more, for sealing: a copy.
  struct Full {
    std::filesystem::path log;
    v1::SegmentIndex index;
    v1::SegmentSummary summary;
  };
  [[nodiscard]] Full full() const { return {path_, index_, summary_}; }
  // Writes the sealed form of a log beside it and gives its path. Any thread.
  static std::filesystem::path seal(const Full& full);
  // From now on the sealed file is read, and the log gone.
  void sealed_as(const std::filesystem::path& file);

 private:
  Segment(std::filesystem::path path, int64_t first_seq, bool sealed);
  void read_summary(const File& file);
  [[nodiscard]] Index read_index() const;
  [[nodiscard]] bool read_log();
  void note(size_t record_bytes, int64_t at_ms, const v1::Event& event);
  [[nodiscard]] std::string stored(const v1::SegmentBlock& block) const;

  std::filesystem::path path_;
  int64_t first_seq_;
  bool sealed_;
  // Its summary is a copy's.
  bool from_row_ = false;
  // Of a log.
  File file_;
  int64_t bytes_ = 0;
  v1::SegmentSummary summary_;
  // Of a log; empty for a sealed one.
  v1::SegmentIndex index_;
};

}  // namespace zane::journal
