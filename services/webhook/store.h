// Deliveries on the disk: written before they are acknowledged, deduplicated by
// what their signature covers, with a visible result. data/webhook.db.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/journal/sqlite.h"

namespace zane::webhook {

// Results are kept this long; what started is remembered for good (32 bytes each).
inline constexpr int64_t kRememberMs = int64_t{30} * 24 * 3600 * 1000;

// Bodies of deliveries that started nothing, kept so that they can be sent again;
// beyond, the oldest lose theirs.
inline constexpr int64_t kKeptBytesMax = 64 * 1024 * 1024;
// How long one that was set aside counts as something to look at.
inline constexpr int64_t kSetAsideSeenMs = int64_t{3} * 24 * 3600 * 1000;
// Waiting deliveries of a hook looked at at once, oldest first.
inline constexpr int kWaitingMax = 1000;

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
  int64_t tries = 0;
  bool set_aside = false;
  // Its body is kept and it is not known to have started.
  bool can_be_sent_again = false;
};

class Store {
 public:
  explicit Store(const std::filesystem::path& file);

  enum class Added {
    kFresh,
    kWaiting,  // the same signed thing waits already, or this id was taken before
    kStarted,  // it started a task before, however long ago
    kPerhaps,  // it may have
  };
  // On the disk on return. What was refused, ignored or failed before may come
  // again: only what started, or may have, is a duplicate.
  enum class Perhaps { kIsStarted, kMayStart };
  Added add(const StoredDelivery& delivery, const std::string& dedupe, int64_t now_ms,
            Perhaps perhaps = Perhaps::kIsStarted);
  // A delivery that is kept only for its result (refused, ignored).
  void add_settled(const std::string& id, const std::string& hook, const std::string& result, int64_t now_ms);
  // One that is signed but was not taken: kept, so that a person can have it sent again.
  void add_kept(const StoredDelivery& delivery, const std::string& dedupe, const std::string& result,
                int64_t now_ms);
  // What came of the last one of the same signed thing that started nothing; "" for none.
  std::string earlier_result(const std::string& hook, const std::string& dedupe);

  // The ids of one hook's, oldest first.
  std::vector<std::string> waiting(const std::string& hook);
  std::optional<StoredDelivery> find_waiting(const std::string& id);
  // Hooks that have something waiting.
  std::vector<std::string> waiting_hooks();
  // kTask: it has begun a task, and never does again. kPerhaps: it may have; its
  // sender can't have it begun again, a person who has looked can (send_again).
  enum class Began { kNothing, kPerhaps, kTask };
  enum class SetAside { kNo, kYes };
  void settle(const std::string& id, const std::string& result, Began began,
              SetAside set_aside = SetAside::kNo);
  // Counts a try that came to no end, on the disk; how many there were.
  int64_t tried(const std::string& id);
  // One of its tries may have begun a task, whatever is said of it later.
  void may_have_begun(const std::string& id);
  bool perhaps_began(const std::string& id);
  // Sends a kept delivery again, under a new id: what is known of the old one stays
  // true. NotFound, AlreadyExists (it started, or waits already) or FailedPrecondition
  // (its body is gone) say why not.
  absl::StatusOr<std::string> send_again(const std::string& id, const std::string& new_id, int64_t now_ms);
  int64_t count_set_aside(int64_t now_ms);
  int64_t count_waiting(const std::string& hook);
  // By a journal::ForgettingClock.
  void forget_old(int64_t believed_ms);
  // Newest first.
  std::vector<DeliveryResult> latest(int count);

  journal::Db& db() { return db_; }

 private:
  Added insert(const StoredDelivery& delivery, const std::string& dedupe, const std::string& result,
               int64_t now_ms, Perhaps perhaps);
  // Within a transaction.
  void note_began(const std::string& id, Began began);

  journal::Db db_;
};

}  // namespace zane::webhook
