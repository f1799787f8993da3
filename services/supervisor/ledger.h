// data/ledger.db: what must never be lost. Approvals and the ledger of effects
// (design §4): small, every write on the disk before it returns, apart from the
// journal, whose loss costs history and nothing of this. On the loop.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "lib/journal/sqlite.h"

namespace zane::supervisor {

class Ledger {
 public:
  // `old_journal`: a 0.1 journal.db, whose approvals and effects are taken over
  // once. Throws SqliteError.
  Ledger(const std::filesystem::path& file, const std::filesystem::path& old_journal);

  journal::Db& db() { return db_; }

  // How many synced writes the file has seen; 0 when there is none, or it can't be read.
  [[nodiscard]] static int64_t writes_in(const std::filesystem::path& file);
  // Called after each synced write with their number.
  void on_written(std::function<void(int64_t writes)> told) { on_written_ = std::move(told); }

  // One transaction, on the disk on return. When it throws nothing was written.
  template <typename Write>
  void write(Write write) {
    in_transaction(journal::Db::Sync::kFull, write);
    on_written_(writes());
  }
  // The same, but a power loss may take it back.
  template <typename Write>
  void write_soon(Write write) {
    in_transaction(journal::Db::Sync::kLazy, write);
  }

  // The wall clock as far as it is believed, for forgetting what is old: a clock
  // that jumps ahead is followed by an hour at each call and no faster, one that
  // jumps back not at all. Called every few minutes.
  int64_t forgetting_time(int64_t now_ms);

  [[nodiscard]] int64_t fact(const char* name);
  void set_fact(const char* name, int64_t value);

 private:
  template <typename Write>
  void in_transaction(journal::Db::Sync sync, Write& write) {
    db_.begin(sync);
    try {
      write(db_);
      db_.commit();
    } catch (...) {
      db_.roll_back();
      throw;
    }
  }
  void take_over(const std::filesystem::path& old_journal);
  [[nodiscard]] int64_t writes();

  journal::Db db_;
  std::function<void(int64_t)> on_written_ = [](int64_t) {};
};

}  // namespace zane::supervisor
