// Carries out what policy has judged, each command id at most once, and keeps
// the first answer for a repeat (design §3). What was under way when supervisor
// or the connection died is not run again: the repeat looks in Codex for what
// became of it, and says `unknown` only when Codex can't tell either.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "lib/journal/weather.h"
#include "services/supervisor/approvals.h"
#include "services/supervisor/bulk.h"
#include "services/supervisor/codex.h"
#include "services/supervisor/items.h"
#include "services/supervisor/powers.h"
#include "services/supervisor/processes.h"
#include "zane/v1/command.pb.h"

namespace zane::supervisor {

// Longer than any command may live (24 h, docs/link.md) plus a margin.
inline constexpr int64_t kRememberMs = int64_t{48} * 3600 * 1000;
// Keystrokes whose answers are kept in memory for a repeat.
inline constexpr size_t kKeystrokesMax = 4096;

// The trouble that is told while an order can't be written down.
inline constexpr char kCantWriteOrders[] = "can't write orders down";

// What effects act on; all of it outlives them.
struct EffectsOn {
  loop::Io& io;
  Ledger& ledger;
  Codex& codex;
  Bulk& bulk;
  ApprovalBook& approvals;
  Processes& processes;
  Powers& powers;
  journal::Weather& weather;
  const base::Clock& clock;
};

class Effects {
 public:
  // `flush` publishes what has been told. `look_again`: between two looks for what
  // became of an order; tests have a shorter one.
  Effects(EffectsOn on, std::function<void()> flush,
          std::chrono::milliseconds look_again = std::chrono::milliseconds(400))
      : on_(on), flush_(std::move(flush)), look_again_(look_again) {}

  loop::Task<v1::EffectResult> carry_out(v1::Effect effect, std::string trace);

  // An approval is `deciding` and its response is to be written (again).
  bool respond(const Approval& approval);

  // The trace of the effect that began this turn, or "".
  [[nodiscard]] std::string trace_of_turn(const std::string& turn) const;

  void forget_old(int64_t believed_now_ms);

 private:
  struct Running {
    explicit Running(loop::Io& io) : done(io, loop::Timer::time_point::max()) {}
    loop::Timer done;
    std::unique_ptr<v1::EffectResult> result;
  };
  // Far enough to have done something: "thread <id>" a task whose thread exists,
  // "sent <id>" its turn is on its way, "sent" any other call is.
  struct Progress {
    std::string text;
    std::unique_ptr<v1::EffectResult> result;
  };

  loop::Task<v1::EffectResult> on_disk(const v1::Effect& effect, const std::string& trace);
  loop::Task<v1::EffectResult> go_on(const v1::Effect& effect, const std::string& progress,
                                     const std::string& trace);
  loop::Task<v1::EffectResult> act(const v1::Effect& effect, const std::string& trace);
  loop::Task<v1::EffectResult> call(const v1::Effect& effect, const std::string& trace);
  loop::Task<absl::StatusOr<CodexReply>> hand_over(const v1::Effect& effect, Processes::Call call,
                                                   std::optional<v1::EffectResult>& refused);
  [[nodiscard]] std::optional<v1::EffectResult> refused_by_now(const v1::Effect& effect) const;
  loop::Task<v1::EffectResult> start_task(const v1::Effect& effect, const std::string& progress,
                                          const std::string& trace);
  loop::Task<v1::EffectResult> what_became_of(const v1::Effect& effect, std::string progress);
  // The turn that holds the message with this client's id; "" when Codex shows none, nothing
  // when it could not be looked for.
  loop::Task<std::optional<std::string>> turn_begun_by(std::string thread, std::string client_id,
                                                       Order order);
  bool decided_by(const v1::Effect& effect);
  v1::EffectResult decide(const v1::Effect& effect, const std::string& trace);
  [[nodiscard]] Progress progress_of(const std::string& id);
  void note(const std::string& id, const std::string& progress);
  void finish(const std::string& id, const v1::EffectResult& result);
  void forget(const std::string& id);
  void note_turn(const std::string& result, const std::string& trace);

  EffectsOn on_;
  std::function<void()> flush_;
  const std::chrono::milliseconds look_again_;
  std::unordered_map<std::string, std::shared_ptr<Running>> running_;
  // Written to Codex by this process, and not yet known to be over.
  std::unordered_set<std::string> sent_;
  // Keystrokes that are over, oldest first.
  std::deque<std::string> keystrokes_;
  std::unordered_map<std::string, std::string> trace_of_turn_;
};

}  // namespace zane::supervisor
