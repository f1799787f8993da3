// Deliveries on the disk: written before they are acknowledged, deduplicated by
// what their signature covers, with a visible result. data/webhook.db.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lib/journal/sqlite.h"

namespace zane::webhook {

// Longer than Orbit's mailbox keeps anything (7 days).
inline constexpr int64_t kRememberMs = int64_t{30} * 24 * 3600 * 1000;

struct StoredDelivery {
  std::string id;
  std::string hook;
  std::string body;
  std::string trace;
};

class Store {
 public:
  explicit Store(const std::filesystem::path& file);

  // False when the same signed thing is there already. On the disk on return.
  bool add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms);
  // A delivery that is kept only for its result (refused, ignored).
  void add_settled(const std::string& id, const std::string& hook, const std::string& result, int64_t now_ms);

  std::optional<StoredDelivery> next_waiting();
  void settle(const std::string& id, const std::string& result);
  void forget_old(int64_t now_ms);

 private:
  journal::Db db_;
};

}  // namespace zane::webhook
