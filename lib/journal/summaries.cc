#include "lib/journal/summaries.h"

#include <array>

#include "lib/log/log.h"
#include "zlib.h"

namespace zane::journal {

namespace {

// Of the whole row.
int64_t crc_of(int64_t first_seq, const Summaries::Row& row, const std::string& summary) {
  const std::array<int64_t, 3> numbers = {first_seq, row.bytes, row.changed};
  const auto crc_on = [](uLong crc, const void* bytes, size_t length) {
    return ::crc32_z(crc, static_cast<const Bytef*>(bytes), length);
  };
  return static_cast<int64_t>(
      crc_on(crc_on(0, numbers.data(), sizeof numbers), summary.data(), summary.size()));
}

}  // namespace

std::map<int64_t, Summaries::Row> Summaries::all() {
  std::map<int64_t, Row> rows;
  try {
    auto each = db_.query("SELECT first_seq, bytes, changed, crc, summary FROM summaries");
    while (each.step()) {
      Row row{.bytes = each.integer(1), .changed = each.integer(2), .summary = {}};
      const std::string summary = each.text(4);
      if (crc_of(each.integer(0), row, summary) == each.integer(3) && row.summary.ParseFromString(summary))
        rows.emplace(each.integer(0), std::move(row));
    }
  } catch (const SqliteError& e) {
    log::warn("journal_summaries_not_read", {{"error", e.what()}});
  }
  return rows;
}

void Summaries::keep(const std::map<int64_t, Row>& rows, int64_t oldest) {
  try {
    db_.transaction(Db::Sync::kLazy, [&] {
      for (const auto& [first_seq, row] : rows) {
        const std::string summary = row.summary.SerializeAsString();
        db_.query(
               "INSERT OR REPLACE INTO summaries (first_seq, bytes, changed, crc, summary) VALUES (?, ?, ?, "
               "?, ?)")
            .bind(first_seq)
            .bind(row.bytes)
            .bind(row.changed)
            .bind(crc_of(first_seq, row, summary))
            .blob(summary)
            .run();
      }
      db_.query("DELETE FROM summaries WHERE first_seq < ?").bind(oldest).run();
    });
  } catch (const SqliteError& e) {
    log::warn("journal_summary_not_kept", {{"error", e.what()}});
  }
}

}  // namespace zane::journal
