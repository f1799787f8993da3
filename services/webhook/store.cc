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

// Version 3: tries are counted over restarts; what was set aside is told until it
// is sent again.
constexpr char kStep3[] = R"(
ALTER TABLE deliveries ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;
)";

// Version 4: numbers by name (lib/journal/facts.h).
constexpr char kStep4[] = "CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)";

// Version 5: of what has started, what only may have.
constexpr char kStep5[] = "ALTER TABLE started ADD COLUMN perhaps INTEGER NOT NULL DEFAULT 0";

// Refused deliveries are kept to be seen, but nobody may fill the disk with them.
constexpr int64_t kRefusedMax = 1000;

template <typename Write>
void synced(journal::Db& db, Write write) {
  db.transaction(journal::Db::Sync::kFull, write);
}

}  // namespace

Store::Store(const std::filesystem::path& file) : db_(file) {
  db_.migrate({kStep1, kStep2, kStep3, kStep4, kStep5});
}

Store::Added Store::add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms,
                        Perhaps perhaps) {
  return insert(delivery, dedupe, "", now_ms, perhaps);
}

Store::Added Store::insert(const StoredDelivery& delivery, const std::string& dedupe,
                           const std::string& result, int64_t now_ms, Perhaps perhaps) {
  {
    auto started = db_.query("SELECT perhaps FROM started WHERE hook = ? AND dedupe = ?");
    started.bind(delivery.hook).bind(dedupe);
    const bool known = started.step();
    if (known && started.integer(0) == 0) return Added::kStarted;
    auto waits = db_.query(
        "SELECT 1 FROM deliveries WHERE (hook = ? AND dedupe = ? AND result = '') OR (id = ? AND dedupe IS "
        "NOT NULL)");
    waits.bind(delivery.hook).bind(dedupe).bind(delivery.id);
    if (waits.step()) return Added::kWaiting;
    if (known && perhaps == Perhaps::kIsStarted) return Added::kPerhaps;
  }
  synced(db_, [&] {
    // It may have been refused before under this id, when its secret was wrong here.
    db_.query("DELETE FROM deliveries WHERE id = ? AND dedupe IS NULL").bind(delivery.id).run();
    db_.query(
           "INSERT INTO deliveries (id, hook, dedupe, body, trace, result, at_ms, content_type) VALUES (?, "
           "?, ?, ?, ?, ?, ?, ?)")
        .bind(delivery.id)
        .bind(delivery.hook)
        .bind(dedupe)
        .blob(delivery.body)
        .bind(delivery.trace)
        .bind(result)
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

void Store::add_kept(const StoredDelivery& delivery, const std::string& dedupe, const std::string& result,
                     int64_t now_ms) {
  (void)insert(delivery, dedupe, result, now_ms, Perhaps::kIsStarted);
}

std::string Store::earlier_result(const std::string& hook, const std::string& dedupe) {
  auto row = db_.query(
      "SELECT result FROM deliveries WHERE hook = ? AND dedupe = ? AND result <> '' ORDER BY at_ms DESC, "
      "rowid DESC LIMIT 1");
  row.bind(hook).bind(dedupe);
  return row.step() ? row.text(0) : "";
}

std::vector<std::string> Store::waiting(const std::string& hook) {
  std::vector<std::string> ids;
  auto row =
      db_.query("SELECT id FROM deliveries WHERE hook = ? AND result = '' ORDER BY at_ms, rowid LIMIT ?");
  row.bind(hook).bind(int64_t{kWaitingMax});
  while (row.step()) ids.push_back(row.text(0));
  return ids;
}

std::optional<StoredDelivery> Store::find_waiting(const std::string& id) {
  auto row =
      db_.query("SELECT id, hook, body, trace, content_type FROM deliveries WHERE id = ? AND result = ''");
  row.bind(id);
  if (!row.step()) return std::nullopt;
  return StoredDelivery{row.text(0), row.text(1), row.text(2), row.text(3), row.text(4)};
}

std::vector<std::string> Store::waiting_hooks() {
  std::vector<std::string> hooks;
  auto row = db_.query("SELECT DISTINCT hook FROM deliveries WHERE result = ''");
  while (row.step()) hooks.push_back(row.text(0));
  return hooks;
}

void Store::settle(const std::string& id, const std::string& result, Began began, SetAside set_aside) {
  synced(db_, [&] {
    note_began(id, began);
    if (began == Began::kTask) db_.query("UPDATE deliveries SET body = '' WHERE id = ?").bind(id).run();
    db_.query("UPDATE deliveries SET result = ?, set_aside = ? WHERE id = ?")
        .bind(result)
        .bind(int64_t{set_aside == SetAside::kYes})
        .bind(id)
        .run();
  });
}

void Store::note_began(const std::string& id, Began began) {
  if (began == Began::kNothing) return;
  // What is known to have started does not become a perhaps.
  db_.query(
         "INSERT INTO started SELECT hook, dedupe, ? FROM deliveries WHERE id = ? AND dedupe IS NOT NULL "
         "ON CONFLICT DO UPDATE SET perhaps = min(perhaps, excluded.perhaps)")
      .bind(int64_t{began == Began::kPerhaps})
      .bind(id)
      .run();
}

int64_t Store::tried(const std::string& id) {
  synced(db_, [&] { db_.query("UPDATE deliveries SET tries = tries + 1 WHERE id = ?").bind(id).run(); });
  auto row = db_.query("SELECT tries FROM deliveries WHERE id = ?");
  row.bind(id);
  return row.step() ? row.integer(0) : 0;
}

void Store::may_have_begun(const std::string& id) {
  synced(db_, [&] { note_began(id, Began::kPerhaps); });
}

bool Store::perhaps_began(const std::string& id) {
  auto row = db_.query(
      "SELECT 1 FROM deliveries JOIN started ON started.hook = deliveries.hook AND started.dedupe = "
      "deliveries.dedupe WHERE id = ? AND perhaps = 1");
  row.bind(id);
  return row.step();
}

absl::StatusOr<std::string> Store::send_again(const std::string& id, const std::string& new_id,
                                              int64_t now_ms) {
  StoredDelivery delivery;
  std::string dedupe;
  {
    auto row = db_.query(
        "SELECT id, hook, body, trace, content_type, coalesce(dedupe, ''), result FROM deliveries WHERE id = "
        "?");
    row.bind(id);
    if (!row.step()) return absl::NotFoundError("there is no delivery `" + id + "`: see `zane hooks`");
    delivery = {new_id, row.text(1), row.text(2), row.text(3), row.text(4)};
    dedupe = row.text(5);
    if (row.text(6).empty()) return absl::AlreadyExistsError("it waits already");
  }
  if (dedupe.empty())
    return absl::FailedPreconditionError(
        "it was not signed by who knows the hook's secret: it stays refused");
  if (delivery.body.empty())
    return absl::FailedPreconditionError("its body is no longer kept: let its sender send it again");
  switch (add(delivery, dedupe, now_ms, Perhaps::kMayStart)) {
    case Added::kStarted:
    case Added::kPerhaps:
      return absl::AlreadyExistsError("it has started a task before: see `zane threads`");
    case Added::kWaiting:
      return absl::AlreadyExistsError("it waits already");
    case Added::kFresh:
      break;
  }
  // The body has moved on; killed before this, it is kept twice and started once.
  synced(db_, [&] {
    db_.query("UPDATE deliveries SET body = '', set_aside = 0, result = result || ? WHERE id = ?")
        .bind(" (sent again as " + new_id + ")")
        .bind(id)
        .run();
  });
  return delivery.hook;
}

int64_t Store::count_set_aside(int64_t now_ms) {
  auto row = db_.query("SELECT count(*) FROM deliveries WHERE set_aside = 1 AND at_ms > ?");
  row.bind(now_ms - kSetAsideSeenMs);
  return row.step() ? row.integer(0) : 0;
}

int64_t Store::count_waiting(const std::string& hook) {
  auto row = db_.query("SELECT count(*) FROM deliveries WHERE hook = ? AND result = ''");
  row.bind(hook);
  return row.step() ? row.integer(0) : 0;
}

void Store::forget_old(int64_t believed_ms) {
  db_.query("DELETE FROM deliveries WHERE at_ms < ? AND result <> ''").bind(believed_ms - kRememberMs).run();
  // Newest first, until the bound.
  db_.query(
         "UPDATE deliveries SET body = '' WHERE rowid IN (SELECT rowid FROM (SELECT rowid, sum(length(body)) "
         "OVER (ORDER BY at_ms DESC, rowid DESC) AS so_far FROM deliveries WHERE result <> '' AND "
         "length(body) > 0) WHERE so_far > ?)")
      .bind(kKeptBytesMax)
      .run();
}

std::vector<DeliveryResult> Store::latest(int count) {
  std::vector<DeliveryResult> found;
  auto row = db_.query(
      "SELECT id, hook, result, at_ms, tries, set_aside, dedupe IS NOT NULL AND length(body) > 0 AND result "
      "<> '' AND NOT EXISTS (SELECT 1 FROM started WHERE started.hook = deliveries.hook AND started.dedupe = "
      "deliveries.dedupe AND perhaps = 0) FROM deliveries ORDER BY at_ms DESC, rowid DESC LIMIT ?");
  row.bind(int64_t{count});
  while (row.step())
    found.push_back({row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4),
                     row.integer(5) != 0, row.integer(6) != 0});
  return found;
}

}  // namespace zane::webhook
