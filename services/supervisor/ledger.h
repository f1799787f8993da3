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

class Ledger {
 public:
  // `old_journal`: a 0.1 journal.db, whose approvals and effects are taken over
  // once. Throws SqliteError.
  Ledger(const std::filesystem::path& file, const std::filesystem::path& old_journal);

  journal::Db& db() { return db_; }

  // This file may have forgotten what was done (it was damaged, or an older copy was put
  // back): until then "never carried out" is not said of an order. 0 for never.
  [[nodiscard]] int64_t forgotten_until() { return journal::fact(db_, "forgotten_until_ms"); }
  void set_forgotten_until(int64_t until_ms);

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
