// Deliveries on the disk: written before they are acknowledged, deduplicated by
// what their signature covers, with a visible result. data/webhook.db.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lib/journal/sqlite.h"

namespace zane::webhook {

// Results are kept this long; what started is remembered for good (32 bytes each).
inline constexpr int64_t kRememberMs = int64_t{30} * 24 * 3600 * 1000;

struct StoredDelivery {
  std::string id;
  std::string hook;
  std::string body;
  std::string trace;
  std::string content_type;
};

struct DeliveryResult {
  std::string id;
  std::string hook;
  std::string result;  // "" while it waits
  int64_t at_ms = 0;
};

class Store {
 public:
  explicit Store(const std::filesystem::path& file);

  enum class Added {
    kFresh,
    kWaiting,  // the same signed thing waits already, or this id was taken before
    kStarted,  // it started a task before, however long ago
  };
  // On the disk on return. What was refused, ignored or failed before may come
  // again: only what started is a duplicate.
  Added add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms);
  // A delivery that is kept only for its result (refused, ignored).
  void add_settled(const std::string& id, const std::string& hook, const std::string& result, int64_t now_ms);

  // Oldest first, of one hook.
  std::optional<StoredDelivery> next_waiting(const std::string& hook);
  // Hooks that have something waiting.
  std::vector<std::string> waiting_hooks();
  // `started`: it has, or may have, begun a task; then it never does again.
  enum class Began { kNothing, kTask };
  void settle(const std::string& id, const std::string& result, Began began);
  void forget_old(int64_t now_ms);
  // Newest first.
  std::vector<DeliveryResult> latest(int count);

 private:
  journal::Db db_;
};

}  // namespace zane::webhook
