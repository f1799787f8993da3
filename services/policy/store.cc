#include "services/policy/store.h"

#include "boost/json.hpp"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::policy {
namespace {

// Version 1: as 0.1 made it.
constexpr char kStep1[] = R"(
CREATE TABLE IF NOT EXISTS devices (
  id TEXT PRIMARY KEY, key BLOB NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
  paired_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS pairing_secrets (
  secret TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL, used_by TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS commands (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL, answer BLOB NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS commands_by_age ON commands (at_ms);
CREATE TABLE IF NOT EXISTS audit (
  n INTEGER PRIMARY KEY, record TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL
);
)";

// Version 2: numbers by name (lib/journal/facts.h).
constexpr char kStep2[] = "CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)";

// Orders of a device that could be good only in days, and were refused.
constexpr int64_t kFarAheadMax = 256;

Device read_device(const journal::Query& row) {
  Device device;
  device.id = row.text(0);
  device.key = row.text(1);
  device.name = row.text(2);
  // A role that is not known is the least there is.
  device.role = role_from(row.text(3)).value_or(Role::kViewer);
  device.paired_ms = row.integer(4);
  device.last_seen_ms = row.integer(5);
  return device;
}

}  // namespace

Store::Store(const std::filesystem::path& file, const crypto::EcKey& mac_key) : db_(file), mac_key_(mac_key) {
  db_.migrate({kStep1, kStep2});
  auto last = db_.query("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1");
  if (last.step()) {
    last_n_ = last.integer(0);
    last_hash_ = last.text(1);
  }
}

template <typename Write>
void Store::write(Durability durability, Write write) {
  db_.transaction(durability == Durability::kNow ? journal::Db::Sync::kFull : journal::Db::Sync::kLazy,
                  write);
}

std::optional<Device> Store::device(const std::string& id) {
  auto row = db_.query("SELECT id, key, name, role, paired_ms, last_seen_ms FROM devices WHERE id = ?");
  row.bind(id);
  if (!row.step()) return std::nullopt;
  return read_device(row);
}

std::vector<Device> Store::devices() {
  std::vector<Device> found;
  auto row = db_.query("SELECT id, key, name, role, paired_ms, last_seen_ms FROM devices ORDER BY paired_ms");
  while (row.step()) found.push_back(read_device(row));
  return found;
}

void Store::add_device(const Device& device) {
  write(Durability::kNow, [&] {
    db_.query(
           "INSERT INTO devices (id, key, name, role, paired_ms, last_seen_ms) VALUES (?, ?, ?, ?, ?, ?) "
           "ON CONFLICT (id) DO UPDATE SET name = excluded.name")
        .bind(device.id)
        .blob(device.key)
        .bind(device.name)
        .bind(name_of(device.role))
        .bind(device.paired_ms)
        .bind(device.last_seen_ms)
        .run();
  });
}

void Store::set_role(const std::string& id, Role role) {
  write(Durability::kNow,
        [&] { db_.query("UPDATE devices SET role = ? WHERE id = ?").bind(name_of(role)).bind(id).run(); });
}

void Store::seen(const std::string& id, int64_t now_ms) {
  write(Durability::kSoon,
        [&] { db_.query("UPDATE devices SET last_seen_ms = ? WHERE id = ?").bind(now_ms).bind(id).run(); });
}

void Store::add_pairing_secret(const std::string& secret, int64_t expires_ms) {
  write(Durability::kNow, [&] {
    db_.query("INSERT INTO pairing_secrets (secret, expires_ms, used_by) VALUES (?, ?, '')")
        .bind(secret)
        .bind(expires_ms)
        .run();
    db_.query(
           "DELETE FROM pairing_secrets WHERE secret NOT IN (SELECT secret FROM pairing_secrets ORDER BY "
           "expires_ms "
           "DESC LIMIT ?)")
        .bind(int64_t{kPairingSecretsMax})
        .run();
  });
}

std::vector<Store::PairingSecret> Store::pairing_secrets(int64_t now_ms) {
  std::vector<PairingSecret> found;
  auto row = db_.query("SELECT secret, used_by FROM pairing_secrets WHERE expires_ms > ?");
  row.bind(now_ms);
  while (row.step()) found.push_back({row.text(0), row.text(1)});
  return found;
}

void Store::use_pairing_secret(const std::string& secret, const std::string& device) {
  write(Durability::kNow, [&] {
    db_.query("UPDATE pairing_secrets SET used_by = ? WHERE secret = ?").bind(device).bind(secret).run();
  });
}

std::optional<Store::Remembered> Store::command(const std::string& id) {
  auto row = db_.query("SELECT digest, answer FROM commands WHERE id = ?");
  row.bind(id);
  if (!row.step()) return std::nullopt;
  Remembered remembered{row.text(0), std::nullopt};
  const std::string answer = row.text(1);
  if (!answer.empty()) remembered.answer.emplace().ParseFromString(answer);
  return remembered;
}

void Store::insert_command(const std::string& id, const std::string& digest, int64_t now_ms) {
  db_.query("INSERT OR IGNORE INTO commands (id, digest, answer, at_ms) VALUES (?, ?, '', ?)")
      .bind(id)
      .bind(digest)
      .bind(now_ms)
      .run();
}

void Store::remember_command(const std::string& id, const std::string& digest, int64_t at_ms,
                             Durability durability) {
  write(durability, [&] { insert_command(id, digest, at_ms); });
}

void Store::remember_intent(const std::string& id, const std::string& digest, const AuditRecord& intent,
                            int64_t now_ms) {
  std::string hash;
  write(Durability::kNow, [&] {
    insert_command(id, digest, now_ms);
    hash = append(intent, now_ms);
  });
  appended(hash);
}

void Store::remember_answer(const std::string& id, const v1::CommandAnswer& answer, Durability durability) {
  write(durability, [&] {
    db_.query("UPDATE commands SET answer = ? WHERE id = ?").blob(answer.SerializeAsString()).bind(id).run();
  });
}

void Store::remember_refusal(const std::string& id, const std::string& digest,
                             const v1::CommandAnswer& answer, int64_t at_ms, int64_t now_ms) {
  write(Durability::kNow, [&] {
    insert_command(id, digest, at_ms);
    db_.query("UPDATE commands SET answer = ? WHERE id = ?").blob(answer.SerializeAsString()).bind(id).run();
    const int64_t far = now_ms + kRememberCommandMs;
    if (at_ms <= far) return;
    const std::string device = id.substr(0, id.find('/') + 1);
    db_.query(
           "DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE at_ms > ? AND "
           "substr(id, 1, ?) = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)")
        .bind(far)
        .bind(static_cast<int64_t>(device.size()))
        .bind(device)
        .bind(kFarAheadMax)
        .run();
  });
}

void Store::forget_old(int64_t believed_ms) {
  write(Durability::kSoon, [&] {
    db_.query("DELETE FROM commands WHERE at_ms < ?").bind(believed_ms - kRememberCommandMs).run();
    db_.query("DELETE FROM pairing_secrets WHERE expires_ms < ?").bind(believed_ms).run();
  });
}

void Store::set_forgotten_until(int64_t until_ms) {
  write(Durability::kNow, [&] { journal::set_fact(db_, "forgotten_until_ms", until_ms); });
}

std::string Store::append(const AuditRecord& record, int64_t now_ms) {
  boost::json::object line{{"n", last_n_ + 1},    {"at", now_ms},
                           {"what", record.what}, {"decision", record.decision},
                           {"who", record.who},   {"previous", last_hash_}};
  for (const auto& [key, value] : {std::pair{"reason", &record.reason}, std::pair{"about", &record.about},
                                   std::pair{"command", &record.command}, std::pair{"trace", &record.trace}})
    if (!value->empty()) line[key] = *value;
  if (record.count != 1) line["count"] = record.count;
  const std::string text = boost::json::serialize(line);
  const std::string hash = crypto::to_base64url(crypto::sha256(text));
  db_.query("INSERT INTO audit (n, record, hash, signature) VALUES (?, ?, ?, ?)")
      .bind(last_n_ + 1)
      .bind(text)
      .bind(hash)
      .bind(crypto::to_base64url(mac_key_.sign(hash)))
      .run();
  return hash;
}

void Store::appended(const std::string& hash) {
  ++last_n_;
  last_hash_ = hash;
}

void Store::audit(const AuditRecord& record, int64_t now_ms, Durability durability) {
  std::string hash;
  write(durability, [&] { hash = append(record, now_ms); });
  appended(hash);
}

std::vector<std::string> Store::audit_tail(int count) {
  std::vector<std::string> lines;
  auto row = db_.query("SELECT record FROM (SELECT n, record FROM audit ORDER BY n DESC LIMIT ?) ORDER BY n");
  row.bind(int64_t{count});
  while (row.step()) lines.push_back(row.text(0));
  return lines;
}

}  // namespace zane::policy
