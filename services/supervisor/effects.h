// Carries out what policy has judged, each command id at most once, and keeps
// the first answer for a repeat (design §3). A command that was under way when
// supervisor died reads `unknown`: nothing is run again.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "services/supervisor/approvals.h"
#include "services/supervisor/codex.h"
#include "services/supervisor/processes.h"
#include "zane/v1/command.pb.h"

namespace zane::supervisor {

// Longer than any command may live (24 h, docs/link.md) plus a margin.
inline constexpr int64_t kRememberMs = int64_t{48} * 3600 * 1000;

class Effects {
 public:
  // References outlive it. `flush` commits and publishes the journal.
  Effects(loop::Io& io, journal::Journal& journal, Codex& codex, ApprovalBook& approvals,
          Processes& processes, const base::Clock& clock, std::function<void()> flush);

  loop::Task<v1::EffectResult> carry_out(v1::Effect effect, std::string trace);

  // An approval is `deciding` and its response is to be written (again).
  bool respond(const Approval& approval);

  // The trace of the effect that began this turn, or "".
  [[nodiscard]] std::string trace_of_turn(const std::string& turn) const;

  void forget_old();

 private:
  struct Running {
    explicit Running(loop::Io& io) : done(io, loop::Timer::time_point::max()) {}
    loop::Timer done;
    std::unique_ptr<v1::EffectResult> result;
  };

  loop::Task<v1::EffectResult> act(const v1::Effect& effect, const std::string& trace);
  loop::Task<v1::EffectResult> call(const v1::Effect& effect, const std::string& trace);
  loop::Task<v1::EffectResult> start_task(const v1::Effect& effect, const std::string& trace);
  v1::EffectResult decide(const v1::Effect& effect, const std::string& trace);
  std::unique_ptr<v1::EffectResult> remembered(const std::string& id, std::string& progress);
  void remember(const std::string& id, const std::string& progress, const v1::EffectResult* result);
  void note_turn(const std::string& result, const std::string& trace);

  loop::Io& io_;
  journal::Journal& journal_;
  Codex& codex_;
  ApprovalBook& approvals_;
  Processes& processes_;
  const base::Clock& clock_;
  std::function<void()> flush_;
  std::unordered_map<std::string, std::shared_ptr<Running>> running_;
  std::unordered_map<std::string, std::string> trace_of_turn_;
};

}  // namespace zane::supervisor
