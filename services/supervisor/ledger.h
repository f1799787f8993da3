// data/ledger.db: what must never be lost. Approvals and the ledger of effects
// (design §4): small, every write on the disk before it returns, apart from the
// journal, whose loss costs history and nothing of this. On the loop.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lib/journal/facts.h"
#include "lib/journal/sqlite.h"

namespace zane::supervisor {

// policy asks what became of an order for as long as it knows of one (48 h), and a
// little longer where its clock lags.
inline constexpr int64_t kOrdersLiveMs = int64_t{3} * 24 * 3600 * 1000;

class Ledger {
 public:
  // `old_journal`: a 0.1 journal.db, whose approvals and effects are taken over
  // once. Throws SqliteError.
  Ledger(const std::filesystem::path& file, const std::filesystem::path& old_journal);

  journal::Db& db() { return db_; }

  // This file has forgotten what was done: it was damaged, or an older copy was put back.
  void has_forgotten(int64_t now_ms);
  // As long as orders of that time are asked for: "never carried out" is not said of one.
  // By a clock that was ahead when it was written down that would be years: it is from
  // now on, then. Throws SqliteError.
  [[nodiscard]] bool may_have_forgotten(int64_t now_ms);

  // One transaction, on the disk on return. When it throws nothing was written.
  template <typename Write>
  void write(Write write) {
    db_.transaction(journal::Db::Sync::kFull, [&] { write(db_); });
  }
  // The same, but a power loss may take it back.
  template <typename Write>
  void write_soon(Write write) {
    db_.transaction(journal::Db::Sync::kLazy, [&] { write(db_); });
  }

 private:
  void take_over(const std::filesystem::path& old_journal);

  journal::Db db_;
};

}  // namespace zane::supervisor
