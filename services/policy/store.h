// What policy keeps: paired devices, pairing secrets, the ids of commands with
// their first answers, and the audit log. One SQLite file, data/policy.db,
// written to the disk before anything is acknowledged. On the loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/crypto/ec_key.h"
#include "lib/journal/facts.h"
#include "lib/journal/sqlite.h"
#include "services/policy/roles.h"
#include "zane/v1/command.pb.h"

namespace zane::policy {

// An id is remembered longer than any command may live (24 h, docs/link.md).
inline constexpr int64_t kRememberCommandMs = int64_t{48} * 3600 * 1000;
// Enrolment links that wait to be used, at most; the oldest goes.
inline constexpr int kPairingSecretsMax = 32;

struct Device {
  std::string id;
  std::string key;  // 65 raw bytes
  std::string name;
  Role role = Role::kViewer;
  int64_t paired_ms = 0;
  int64_t last_seen_ms = 0;
};

struct AuditRecord {
  std::string what;      // the method, or an AuditNote's `what`
  std::string decision;  // "allowed", "refused", "ask", …
  std::string who;       // "device/<id>", "console/<uid>", "hook/<id>", "relay"
  std::string reason;
  std::string about;  // thread, approval or delivery
  std::string command;
  std::string trace;
  int64_t count = 1;
};

enum class Durability { kNow, kSoon };

class Store {
 public:
  // `mac_key` signs each audit record; outlives the store.
  Store(const std::filesystem::path& file, const crypto::EcKey& mac_key);

  std::optional<Device> device(const std::string& id);
  std::vector<Device> devices();
  void add_device(const Device& device);
  void set_role(const std::string& id, Role role);
  void seen(const std::string& id, int64_t now_ms);

  void add_pairing_secret(const std::string& secret, int64_t expires_ms);
  struct PairingSecret {
    std::string secret;
    std::string used_by;  // a device's id, or empty
  };
  std::vector<PairingSecret> pairing_secrets(int64_t now_ms);
  void use_pairing_secret(const std::string& secret, const std::string& device);

  struct Remembered {
    std::string digest;
    std::optional<v1::CommandAnswer> answer;  // none yet: it was under way
  };
  std::optional<Remembered> command(const std::string& id);
  // `at_ms`: until when it can't be forgotten, less kRememberCommandMs.
  void remember_command(const std::string& id, const std::string& digest, int64_t at_ms,
                        Durability durability);
  // The same, and that it is about to be carried out: one write, on the disk.
  void remember_intent(const std::string& id, const std::string& digest, const AuditRecord& intent,
                       int64_t now_ms);
  void remember_answer(const std::string& id, const v1::CommandAnswer& answer,
                       Durability durability = Durability::kSoon);
  // A refusal, known with its answer and on the disk on return. `at_ms`: as above; of one
  // device's that lie ahead of `now_ms` by more than an order may live, the latest 256.
  void remember_refusal(const std::string& id, const std::string& digest, const v1::CommandAnswer& answer,
                        int64_t at_ms, int64_t now_ms);
  // By a journal::ForgettingClock.
  void forget_old(int64_t believed_ms);

  // This file may have forgotten orders issued until then (an older copy was put
  // back): none of them is begun. 0 for none.
  [[nodiscard]] int64_t forgotten_until() { return journal::fact(db_, "forgotten_until_ms"); }
  void set_forgotten_until(int64_t until_ms);

  journal::Db& db() { return db_; }

  // Appends a record that holds the hash of the one before, signed.
  void audit(const AuditRecord& record, int64_t now_ms, Durability durability = Durability::kNow);
  // The last records, newest last, as JSON lines.
  std::vector<std::string> audit_tail(int count);

 private:
  template <typename Write>
  void write(Durability durability, Write write);
  // Within a transaction; `appended` once that is committed.
  std::string append(const AuditRecord& record, int64_t now_ms);
  void appended(const std::string& hash);
  void insert_command(const std::string& id, const std::string& digest, int64_t now_ms);

  journal::Db db_;
  const crypto::EcKey& mac_key_;
  std::string last_hash_;
  int64_t last_n_ = 0;
};

}  // namespace zane::policy
