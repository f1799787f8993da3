// What policy has written down, also while the disk takes nothing and when an older
// copy was put back: an order's id stays spent, and what was refused stays refused
// (design §4). On the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lib/base/clock.h"
#include "lib/journal/facts.h"
#include "lib/journal/mark.h"
#include "lib/journal/weather.h"
#include "lib/loop/loop.h"
#include "services/policy/command_check.h"
#include "services/policy/store.h"

namespace zane::policy {

// While the disk takes nothing it is tried this often.
inline constexpr std::chrono::seconds kTroubleLook{2};

class Kept {
 public:
  struct Refused {
    std::string digest;
    v1::CommandAnswer answer;
    // It can't be forgotten sooner than kRememberCommandMs after this.
    int64_t at_ms = 0;
  };
  // Opens `file`, data/policy.db; one that is damaged is set aside. Marks lie in `unkept`
  // (lib/journal/mark.h). References outlive it.
  Kept(loop::Io& io, const std::filesystem::path& file, const std::filesystem::path& unkept,
       const journal::Mark::House& house, const crypto::EcKey& mac_key, const base::Clock& clock);

  Store& store() { return *store_; }
  // Runs `write`; trouble with the disk is remembered, and false comes back.
  bool written(const std::function<void()>& write);
  // Everything is written, and the disk takes more.
  [[nodiscard]] bool fine() const { return weather_.fine() && burned_.empty(); }
  // What is wrong and what cures it; "" for nothing.
  [[nodiscard]] std::string trouble() const;
  // Raised when fine() ends.
  loop::Signal& trouble_came() { return trouble_came_; }
  // Why the last write failed; "" when it did not.
  [[nodiscard]] std::string disk_trouble() const;

  // A refusal that can't be written now, kept here until it can be. False when there
  // are too many of them: then it may not be told.
  [[nodiscard]] bool burn(const std::string& key, const Refused& refusal);
  void write_burned();
  std::optional<Store::Remembered> remembered(const std::string& key);
  // On return a refusal is written, however long that takes.
  loop::Task<> keep_answer(std::string key, v1::CommandAnswer outcome);

  // An order came, whatever becomes of it: before anything is answered.
  void came(const Command& order);
  // policy.db may have known it once: it is not begun.
  [[nodiscard]] bool may_have_forgotten(const Command& order) const;
  void forget_old();

 private:
  loop::Io& io_;
  const base::Clock& clock_;
  journal::Mark mark_;
  // The latest `issuedAt` of an order that came, as far as it can be true.
  journal::Mark latest_order_;
  journal::Found found_;
  const std::unique_ptr<Store> store_;
  journal::ForgettingClock forgetting_;
  // Orders issued until then may be unknown to this policy.db.
  int64_t forgotten_until_ms_ = 0;
  // Refused because nothing could be written; by key.
  std::map<std::string, Refused> burned_;
  journal::Weather weather_;
  loop::Signal trouble_came_;
};

}  // namespace zane::policy
