#include "services/policy/kept.h"

#include <algorithm>

#include "lib/journal/cure.h"
#include "lib/log/log.h"
#include "services/policy/roles.h"

namespace zane::policy {
namespace {

// Orders that were refused on a full disk and are not yet written down.
constexpr size_t kBurnedMax = 1024;
// While the disk takes nothing it is tried this often.
constexpr std::chrono::seconds kTroubleLook{2};

}  // namespace

Kept::Kept(loop::Io& io, const base::Home& home, const std::filesystem::path& unkept,
           const crypto::EcKey& mac_key, const base::Clock& clock)
    : io_(io),
      clock_(clock),
      mark_(unkept, home.root(), "policy"),
      latest_order_(unkept, home.root(), "orders"),
      store_(open(home.data("policy.db"), mac_key)),
      trouble_came_(io) {}

// A store that has forgotten orders would begin them again, and those that were refused:
// none that may have come before this start is begun any more.
std::unique_ptr<Store> Kept::open(const std::filesystem::path& file, const crypto::EcKey& mac_key) {
  std::error_code ignored;
  const bool gone = !std::filesystem::exists(file, ignored);
  const bool behind = journal::Db::synced_in(file) < mark_.reached();
  auto store = journal::open_or_set_aside(
      file, clock_.now_ms(), [&] { return std::make_unique<Store>(file, mac_key); },
      [&](const std::filesystem::path& aside, const char* why) {
        found_ = "policy.db was damaged and is now " + aside.string() +
                 ": no phone is known any more, pair each again with `zane pair`";
        log::error("policy_db_damaged", {{"error", why}, {"moved_to", aside.string()}});
      });
  if (behind && found_.empty()) {
    found_ = gone
                 ? "policy.db is gone: no phone is known any more, pair each again with `zane pair`"
                 : "policy.db is an older copy than the one before: what was ordered before is not begun any "
                   "more, and a phone that was paired since is to be paired again with `zane pair`";
    log::error("older_copy", {{"of", "policy.db"}, {"reached", mark_.reached()}, {"cure", found_}});
  }
  if (!found_.empty()) {
    // A phone's clock may be ahead.
    const int64_t latest = latest_order_.reached();
    store->set_forgotten_until(latest > 0 ? latest : clock_.now_ms() + kClockSkewMsMax);
    mark_.renew();
  }
  store->db().on_synced([this](int64_t count) { mark_.reach(count); });
  if (!found_.empty()) {
    AuditRecord record;
    record.what = "policy-db";
    record.decision = "noted";
    record.who = "policy";
    record.reason = found_;
    store->audit(record, clock_.now_ms());
  }
  return store;
}

bool Kept::written(const std::function<void()>& write) {
  try {
    write();
    if (!trouble_.empty()) log::info("weather_over", {{"what", "policy.db"}});
    trouble_.clear();
    return true;
  } catch (const journal::SqliteError& e) {
    if (trouble_.empty()) {
      trouble_since_ms_ = clock_.now_ms();
      log::error("weather", {{"what", "policy.db"}, {"why", e.what()}});
    }
    trouble_ = journal::with_cure(e);
    trouble_came_.raise();
    return false;
  }
}

std::string Kept::trouble() const {
  if (trouble_.empty()) return found_;
  return "can't write for " + std::to_string((clock_.now_ms() - trouble_since_ms_) / 1000) +
         " s: " + trouble_ + "; orders are refused until then";
}

bool Kept::burn(const std::string& key, const std::string& digest, const v1::CommandAnswer& refusal) {
  if (burned_.size() >= kBurnedMax) return false;
  burned_.emplace(key, Store::Remembered{digest, refusal});
  trouble_came_.raise();
  return true;
}

void Kept::write_burned() {
  while (!burned_.empty()) {
    const auto& order = *burned_.begin();
    const bool kept = written([&] {
      store_->remember_command(order.first, order.second.digest, clock_.now_ms(), Durability::kSoon);
      store_->remember_answer(order.first, *order.second.answer, Durability::kNow);
    });
    if (!kept) return;
    burned_.erase(burned_.begin());
  }
}

std::optional<Store::Remembered> Kept::remembered(const std::string& key) {
  const auto burned = burned_.find(key);
  return burned == burned_.end() ? store_->command(key) : burned->second;
}

// Told before it is written, a refusal would be forgotten with this process, and the
// same bytes be carried out later, when the person has long changed their mind.
loop::Task<> Kept::keep_answer(std::string key, v1::CommandAnswer outcome) {
  const bool refusal = outcome.state() == "refused";
  const Durability durability = refusal ? Durability::kNow : Durability::kSoon;
  while (!written([&] { store_->remember_answer(key, outcome, durability); }) && refusal)
    co_await loop::sleep_for(io_, kTroubleLook);
}

void Kept::came(const Command& order) {
  if (weight_of(order.method, order.params) == Weight::kReads) return;
  const int64_t issued = std::min(order.issued_ms, clock_.now_ms() + kClockSkewMsMax);
  if (issued > latest_order_.reached()) latest_order_.reach(issued);
}

bool Kept::may_have_forgotten(const Command& order) {
  return weight_of(order.method, order.params) != Weight::kReads &&
         order.issued_ms <= store_->forgotten_until();
}

}  // namespace zane::policy
