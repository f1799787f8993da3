#include "services/supervisor/ledger.h"

#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

// Version 1: the two tables as 0.1 had them in journal.db, and where each step
// of an approval was told.
constexpr char kStep1[] = R"(
CREATE TABLE approvals (
  id TEXT PRIMARY KEY, n INTEGER NOT NULL UNIQUE, instance TEXT NOT NULL, request_id TEXT NOT NULL, state TEXT NOT NULL,
  thread TEXT NOT NULL, turn TEXT NOT NULL, item TEXT NOT NULL, method TEXT NOT NULL, digest TEXT NOT NULL,
  request BLOB NOT NULL, shown BLOB NOT NULL, choice TEXT NOT NULL, response BLOB NOT NULL, grants INTEGER NOT NULL,
  actor BLOB NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL,
  opened_ms INTEGER NOT NULL, settled_ms INTEGER NOT NULL DEFAULT 0,
  told_epoch TEXT NOT NULL DEFAULT '', told_seq INTEGER NOT NULL DEFAULT 0, opened_seq INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX approvals_of_state ON approvals (state);
CREATE INDEX approvals_of_request ON approvals (instance, request_id);
CREATE TABLE effects (
  command_id TEXT PRIMARY KEY, progress TEXT NOT NULL, result BLOB NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX effects_by_age ON effects (at_ms);
CREATE TABLE threads (thread TEXT PRIMARY KEY, facts BLOB NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
)";

}  // namespace

Ledger::Ledger(const std::filesystem::path& file, const std::filesystem::path& old_journal) : db_(file) {
  int64_t version = 0;
  {
    auto row = db_.query("PRAGMA user_version");
    row.step();
    version = row.integer(0);
  }
  // Another Zane's, perhaps a newer one's, which is not touched.
  if (version >= 1) {
    db_.migrate({kStep1});
    return;
  }
  db_.transaction(journal::Db::Sync::kFull, [&] {
    db_.run(kStep1);
    take_over(old_journal);
    db_.run("PRAGMA user_version = 1");
  });
}

// In the transaction that makes the tables: it is done once or not at all.
void Ledger::take_over(const std::filesystem::path& old_journal) {
  std::error_code ignored;
  if (!std::filesystem::exists(old_journal, ignored)) return;
  try {
    journal::Db old(old_journal);
    auto tables = old.query("SELECT count(*) FROM sqlite_master WHERE name IN ('approvals', 'effects')");
    if (!tables.step() || tables.integer(0) != 2) return;
    auto rows = old.query(
        "SELECT id, instance, request_id, state, thread, turn, item, method, digest, request, shown, choice, "
        "response, grants, actor, cause, reason, rule, opened_ms, opened_seq FROM approvals ORDER BY "
        "opened_seq");
    int64_t taken = 0;
    while (rows.step()) {
      auto put = db_.query(
          "INSERT INTO approvals (n, id, instance, request_id, state, thread, turn, item, method, digest, "
          "request, "
          "shown, choice, response, grants, actor, cause, reason, rule, opened_ms, opened_seq, settled_ms) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
      put.bind(++taken);
      for (int c = 0; c < 9; ++c) put.bind(rows.text(c));
      put.blob(rows.text(9))
          .blob(rows.text(10))
          .bind(rows.text(11))
          .blob(rows.text(12))
          .bind(rows.integer(13));
      put.blob(rows.text(14)).bind(rows.text(15)).bind(rows.text(16)).bind(rows.text(17));
      const bool settled = rows.text(3) != "open" && rows.text(3) != "deciding";
      put.bind(rows.integer(18)).bind(rows.integer(19)).bind(settled ? rows.integer(18) : 0).run();
    }
    auto effects = old.query("SELECT command_id, progress, result, at_ms FROM effects");
    while (effects.step())
      db_.query("INSERT INTO effects (command_id, progress, result, at_ms) VALUES (?, ?, ?, ?)")
          .bind(effects.text(0))
          .bind(effects.text(1))
          .blob(effects.text(2))
          .bind(effects.integer(3))
          .run();
    log::info("ledger_taken_over", {{"from", old_journal.string()}, {"approvals", taken}});
  } catch (const journal::SqliteError& e) {
    // A journal that never had these tables, or is damaged: what Codex still asks it asks again.
    log::warn("ledger_not_taken_over", {{"from", old_journal.string()}, {"why", e.what()}});
  }
}

void Ledger::has_forgotten(int64_t now_ms) {
  write([&](journal::Db& db) { journal::set_fact(db, "forgotten_until_ms", now_ms + kOrdersLiveMs); });
}

bool Ledger::may_have_forgotten(int64_t now_ms) {
  const int64_t left_ms = journal::fact(db_, "forgotten_until_ms") - now_ms;
  if (left_ms > kOrdersLiveMs) has_forgotten(now_ms);
  return left_ms > 0;
}

}  // namespace zane::supervisor
