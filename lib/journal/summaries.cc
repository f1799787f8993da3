#include "lib/journal/summaries.h"

#include "lib/log/log.h"

namespace zane::journal {

std::map<int64_t, Summaries::Row> Summaries::all() {
  std::map<int64_t, Row> rows;
  auto each = db_.query("SELECT first_seq, bytes, summary FROM summaries");
  while (each.step()) {
    Row row{.bytes = each.integer(1), .summary = {}};
    if (row.summary.ParseFromString(each.text(2))) rows.emplace(each.integer(0), std::move(row));
  }
  return rows;
}

void Summaries::keep(const std::map<int64_t, Row>& rows, int64_t oldest) {
  try {
    db_.transaction(Db::Sync::kLazy, [&] {
      db_.query("DELETE FROM summaries WHERE first_seq < ?").bind(oldest).run();
      for (const auto& [first_seq, row] : rows)
        db_.query("INSERT OR REPLACE INTO summaries (first_seq, bytes, summary) VALUES (?, ?, ?)")
            .bind(first_seq)
            .bind(row.bytes)
            .blob(row.summary.SerializeAsString())
            .run();
    });
  } catch (const SqliteError& e) {
    log::warn("journal_summary_not_kept", {{"error", e.what()}});
  }
}

}  // namespace zane::journal
