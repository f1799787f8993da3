#include "services/webhook/store.h"

namespace zane::webhook {
namespace {

// Version 1: as 0.1 made it. A waiting delivery has an empty result. The body is
// dropped with the result.
constexpr char kStep1[] = R"(
CREATE TABLE IF NOT EXISTS deliveries (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, dedupe TEXT, body BLOB NOT NULL, trace TEXT NOT NULL,
  result TEXT NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (hook, dedupe)
);
)";

// Version 2: only what started is a duplicate, and that for good. What 0.1 kept
// under a dedupe and did not refuse may have started.
constexpr char kStep2[] = R"(
CREATE TABLE started (hook TEXT NOT NULL, dedupe TEXT NOT NULL, PRIMARY KEY (hook, dedupe)) WITHOUT ROWID;
INSERT INTO started SELECT hook, dedupe FROM deliveries
  WHERE dedupe IS NOT NULL AND (result LIKE 'started%' OR result LIKE 'unknown%');
CREATE TABLE deliveries_2 (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, dedupe TEXT, body BLOB NOT NULL, trace TEXT NOT NULL,
  result TEXT NOT NULL, at_ms INTEGER NOT NULL, content_type TEXT NOT NULL DEFAULT ''
);
INSERT INTO deliveries_2 (id, hook, dedupe, body, trace, result, at_ms)
  SELECT id, hook, dedupe, body, trace, result, at_ms FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_2 RENAME TO deliveries;
CREATE INDEX deliveries_waiting ON deliveries (hook, at_ms) WHERE result = '';
CREATE INDEX deliveries_by_age ON deliveries (at_ms);
)";

// Refused deliveries are kept to be seen, but nobody may fill the disk with them.
constexpr int64_t kRefusedMax = 1000;

template <typename Write>
void synced(journal::Db& db, Write write) {
  db.begin(journal::Db::Sync::kFull);
  try {
    write();
    db.commit();
  } catch (...) {
    db.roll_back();
    throw;
  }
}

}  // namespace

Store::Store(const std::filesystem::path& file) : db_(file) { db_.migrate({kStep1, kStep2}); }

Store::Added Store::add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms) {
  {
    auto started = db_.query("SELECT 1 FROM started WHERE hook = ? AND dedupe = ?");
    started.bind(delivery.hook).bind(dedupe);
    if (started.step()) return Added::kStarted;
    auto waits = db_.query(
        "SELECT 1 FROM deliveries WHERE (hook = ? AND dedupe = ? AND result = '') OR (id = ? AND dedupe IS "
        "NOT NULL)");
    waits.bind(delivery.hook).bind(dedupe).bind(delivery.id);
    if (waits.step()) return Added::kWaiting;
  }
  synced(db_, [&] {
    // It may have been refused before under this id, when its secret was wrong here.
    db_.query("DELETE FROM deliveries WHERE id = ? AND dedupe IS NULL").bind(delivery.id).run();
    db_.query(
           "INSERT INTO deliveries (id, hook, dedupe, body, trace, result, at_ms, content_type) VALUES (?, "
           "?, ?, "
           "?, ?, '', ?, ?)")
        .bind(delivery.id)
        .bind(delivery.hook)
        .bind(dedupe)
        .blob(delivery.body)
        .bind(delivery.trace)
        .bind(now_ms)
        .bind(delivery.content_type)
        .run();
  });
  return Added::kFresh;
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

std::optional<StoredDelivery> Store::next_waiting(const std::string& hook) {
  auto row = db_.query(
      "SELECT id, hook, body, trace, content_type FROM deliveries WHERE hook = ? AND result = '' ORDER BY "
      "at_ms, "
      "rowid LIMIT 1");
  row.bind(hook);
  if (!row.step()) return std::nullopt;
  return StoredDelivery{row.text(0), row.text(1), row.text(2), row.text(3), row.text(4)};
}

std::vector<std::string> Store::waiting_hooks() {
  std::vector<std::string> hooks;
  auto row = db_.query("SELECT DISTINCT hook FROM deliveries WHERE result = ''");
  while (row.step()) hooks.push_back(row.text(0));
  return hooks;
}

void Store::settle(const std::string& id, const std::string& result, Began began) {
  synced(db_, [&] {
    if (began == Began::kTask)
      db_.query(
             "INSERT OR IGNORE INTO started SELECT hook, dedupe FROM deliveries WHERE id = ? AND dedupe IS "
             "NOT NULL")
          .bind(id)
          .run();
    db_.query("UPDATE deliveries SET result = ?, body = '' WHERE id = ?").bind(result).bind(id).run();
  });
}

void Store::forget_old(int64_t now_ms) {
  db_.query("DELETE FROM deliveries WHERE at_ms < ? AND result <> ''").bind(now_ms - kRememberMs).run();
}

std::vector<DeliveryResult> Store::latest(int count) {
  std::vector<DeliveryResult> found;
  auto row =
      db_.query("SELECT id, hook, result, at_ms FROM deliveries ORDER BY at_ms DESC, rowid DESC LIMIT ?");
  row.bind(int64_t{count});
  while (row.step()) found.push_back({row.text(0), row.text(1), row.text(2), row.integer(3)});
  return found;
}

}  // namespace zane::webhook
