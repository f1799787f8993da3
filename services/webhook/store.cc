#include "services/webhook/store.h"

namespace zane::webhook {
namespace {

// A waiting delivery has an empty result. The body is dropped with the result.
constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS deliveries (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, dedupe TEXT, body BLOB NOT NULL, trace TEXT NOT NULL,
  result TEXT NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (hook, dedupe)
);
)";

// Refused deliveries are kept to be seen, but nobody may fill the disk with them.
constexpr int64_t kRefusedMax = 1000;

}  // namespace

Store::Store(const std::filesystem::path& file) : db_(file) { db_.run(kSchema); }

bool Store::add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms) {
  db_.begin(journal::Db::Sync::kFull);
  // It may have been refused before under this id, when its secret was wrong here.
  db_.query("DELETE FROM deliveries WHERE id = ? AND dedupe IS NULL").bind(delivery.id).run();
  db_.query(
         "INSERT OR IGNORE INTO deliveries (id, hook, dedupe, body, trace, result, at_ms) VALUES (?, ?, ?, "
         "?, ?, '', ?)")
      .bind(delivery.id)
      .bind(delivery.hook)
      .bind(dedupe)
      .blob(delivery.body)
      .bind(delivery.trace)
      .bind(now_ms)
      .run();
  const bool fresh = db_.changes() > 0;
  db_.commit();
  return fresh;
}

void Store::add_settled(const std::string& id, const std::string& hook, const std::string& result,
                        int64_t now_ms) {
  db_.query(
         "INSERT OR IGNORE INTO deliveries (id, hook, dedupe, body, trace, result, at_ms) VALUES (?, ?, "
         "NULL, '', '', ?, ?)")
      .bind(id)
      .bind(hook)
      .bind(result)
      .bind(now_ms)
      .run();
  db_.query(
         "DELETE FROM deliveries WHERE dedupe IS NULL AND at_ms < (SELECT at_ms FROM deliveries WHERE dedupe "
         "IS NULL "
         "ORDER BY at_ms DESC LIMIT 1 OFFSET ?)")
      .bind(kRefusedMax)
      .run();
}

std::optional<StoredDelivery> Store::next_waiting() {
  auto row =
      db_.query("SELECT id, hook, body, trace FROM deliveries WHERE result = '' ORDER BY at_ms LIMIT 1");
  if (!row.step()) return std::nullopt;
  return StoredDelivery{row.text(0), row.text(1), row.text(2), row.text(3)};
}

void Store::settle(const std::string& id, const std::string& result) {
  db_.begin(journal::Db::Sync::kFull);
  db_.query("UPDATE deliveries SET result = ?, body = '' WHERE id = ?").bind(result).bind(id).run();
  db_.commit();
}

void Store::forget_old(int64_t now_ms) {
  db_.query("DELETE FROM deliveries WHERE at_ms < ? AND result <> ''").bind(now_ms - kRememberMs).run();
}

}  // namespace zane::webhook
