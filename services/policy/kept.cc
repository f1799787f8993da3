#include "services/policy/kept.h"

#include <algorithm>

#include "services/policy/roles.h"

namespace zane::policy {
namespace {

// Orders that were refused on a full disk and are not yet written down.
constexpr size_t kBurnedMax = 1024;
constexpr char kCantWrite[] = "can't write";

}  // namespace

// A store that has forgotten orders would begin them again, and those that were refused:
// none that may have come before this start is begun any more.
Kept::Kept(loop::Io& io, const std::filesystem::path& file, const std::filesystem::path& unkept,
           const journal::Mark::House& house, const crypto::EcKey& mac_key, const base::Clock& clock)
    : io_(io),
      clock_(clock),
      mark_(unkept, house, "policy"),
      latest_order_(unkept, house, "orders"),
      store_(journal::open_marked(
          file, mark_, clock.now_ms(), [&] { return std::make_unique<Store>(file, mac_key); }, found_)),
      forgetting_(store_->db()),
      weather_(clock, "orders are refused until then"),
      trouble_came_(io) {
  if (found_.as != journal::Found::As::kItWas) {
    // A phone's clock may be ahead; the Mac's may have been, when an order came.
    const int64_t latest = latest_order_.reached();
    const int64_t most = clock.now_ms() + kClockSkewMsMax;
    const int64_t until = latest > 0 ? std::min(latest, most) : most;
    store_->set_forgotten_until(until);
    latest_order_.renew();
    // The same copy may be put back again.
    latest_order_.reach(until);
  }
  forgotten_until_ms_ = store_->forgotten_until();
  journal::keep_marked(store_->db(), mark_, found_);
  if (found_.as == journal::Found::As::kItWas) return;
  AuditRecord record;
  record.what = "policy-db";
  record.decision = "noted";
  record.who = "policy";
  record.reason = found_.text;
  store_->audit(record, clock.now_ms());
}

bool Kept::written(const std::function<void()>& write) {
  const bool kept = weather_.written(kCantWrite, write);
  if (!kept) trouble_came_.raise();
  return kept;
}

std::string Kept::disk_trouble() const { return weather_.why(kCantWrite); }

std::string Kept::trouble() const {
  if (!weather_.fine()) return weather_.text();
  if (found_.as == journal::Found::As::kItWas) return "";
  if (found_.as != journal::Found::As::kOlder)
    return found_.text + ": no phone is known any more, pair each again with `zane pair`";
  const int64_t left_ms = forgotten_until_ms_ - clock_.now_ms();
  return found_.text +
         ": what was ordered before is not begun any more, and a phone that was paired since is to be paired "
         "again with `zane pair`" +
         (left_ms > 0 ? "; for " + std::to_string(left_ms / 1000 + 1) + " s new orders may be refused too"
                      : "; a phone whose clock is behind is refused for as long as it is behind");
}

bool Kept::burn(const std::string& key, const Refused& refusal) {
  if (burned_.size() >= kBurnedMax) return false;
  burned_.emplace(key, refusal);
  trouble_came_.raise();
  return true;
}

void Kept::write_burned() {
  while (!burned_.empty()) {
    const std::string& key = burned_.begin()->first;
    const Refused& order = burned_.begin()->second;
    const bool kept = written(
        [&] { store_->remember_refusal(key, order.digest, order.answer, order.at_ms, clock_.now_ms()); });
    if (!kept) return;
    burned_.erase(burned_.begin());
  }
}

std::optional<Store::Remembered> Kept::remembered(const std::string& key) {
  const auto burned = burned_.find(key);
  if (burned == burned_.end()) return store_->command(key);
  return Store::Remembered{burned->second.digest, burned->second.answer};
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

bool Kept::may_have_forgotten(const Command& order) const {
  return weight_of(order.method, order.params) != Weight::kReads && order.issued_ms <= forgotten_until_ms_;
}

void Kept::forget_old() {
  (void)written([&] { store_->forget_old(forgetting_.time_ms(clock_.now_ms(), base::steady_ns())); });
}

}  // namespace zane::policy
