// How far the journal and the ledger had come, kept outside $ZANE_HOME: so that an
// older copy of them, put back while the machine runs, is known for one, and no
// (epoch, seq) is given out twice (design §4). A boot begins a new epoch anyway, so the
// mark need not outlive one; lost, it costs the same. On the loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "lib/journal/journal.h"

namespace zane::supervisor {

class Mark {
 public:
  // The mark of this home in `folder`; "" or a folder that can't be written to means
  // that nothing is remembered: each start is then taken for the first.
  Mark(const std::filesystem::path& folder, const std::filesystem::path& home);
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  // Random; another one after each loss and each renewal. With the boot's id it names
  // the stretch of time in which one epoch goes on.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int64_t seq() const { return seq_; }
  [[nodiscard]] int64_t ledger_writes() const { return ledger_writes_; }

  // Before an event of this seq is told to anybody.
  void reached_seq(int64_t seq);
  // When this many synced writes are in the ledger.
  void reached_ledger(int64_t writes);
  // What was reached counts no more: a new name.
  void renew();

 private:
  void open(const std::filesystem::path& folder, const std::filesystem::path& home);
  bool read();
  void write();
  std::filesystem::path file_;
  int fd_ = -1;
  std::string name_;
  int64_t seq_ = 0;
  int64_t ledger_writes_ = 0;
};

// The journal, in a new epoch when it or the ledger is behind the mark.
struct Restored {
  bool journal = false;
  bool ledger = false;
};
std::unique_ptr<journal::Journal> open_journal(Mark& mark, const std::filesystem::path& data,
                                               const std::string& boot_id, int64_t now_ms,
                                               Restored& restored);

}  // namespace zane::supervisor
