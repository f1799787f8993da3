#include "services/supervisor/effects.h"

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

namespace asio = boost::asio;

constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS effects (
  command_id TEXT PRIMARY KEY, progress TEXT NOT NULL, result BLOB NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_by_age ON effects (at_ms);
)";

// progress: "begun", "thread <id>" (a task whose thread exists), "sent", "done"
constexpr char kDone[] = "done";
constexpr std::string_view kThreadMade = "thread ";
constexpr size_t kTracesMax = 10000;
// What a frame to a phone can hold; the bus would take two of these.
constexpr size_t kResultBytesMax = 1024 * 1024;
constexpr int kMethodNotFound = -32601;

v1::EffectResult result_of(const std::string& state, const std::string& reason, const std::string& message) {
  v1::EffectResult result;
  result.set_state(state);
  result.set_reason(reason);
  result.set_message(message);
  return result;
}

v1::EffectResult unknown_result() {
  return result_of(
      "unknown", "codex-down",
      "it was handed to Codex, then the connection was lost: look at the thread before you try again");
}

v1::EffectResult result_of(const absl::StatusOr<CodexReply>& reply) {
  if (absl::IsUnknown(reply.status())) return unknown_result();
  if (reply.ok() && reply->bytes.size() > kResultBytesMax)
    return result_of("failed", "too-large",
                     "it was done, but Codex's answer is longer than 1 MiB: ask for less at a time");
  if (!reply.ok())
    return result_of("refused", absl::IsResourceExhausted(reply.status()) ? "busy" : "codex-down",
                     std::string(reply.status().message()));
  v1::EffectResult result;
  result.set_state(reply->ok ? "done" : "failed");
  result.set_result(reply->bytes);
  if (!reply->ok) {
    const auto error = json::parse_object(reply->bytes);
    result.set_reason("codex");
    if (error.ok()) result.set_message(std::string(json::string_at(*error, "message").value_or("")));
  }
  return result;
}

std::string id_in(const std::string& result, std::string_view key) {
  const auto object = json::parse_object(result);
  const auto* inner = object.ok() ? json::object_at(*object, key) : nullptr;
  return inner ? std::string(json::string_at(*inner, "id").value_or("")) : "";
}

}  // namespace

Effects::Effects(loop::Io& io, journal::Journal& journal, Codex& codex, ApprovalBook& approvals,
                 Processes& processes, const base::Clock& clock, std::function<void()> flush)
    : io_(io),
      journal_(journal),
      codex_(codex),
      approvals_(approvals),
      processes_(processes),
      clock_(clock),
      flush_(std::move(flush)) {
  journal_.db().run(kSchema);
}

loop::Task<v1::EffectResult> Effects::carry_out(v1::Effect effect, std::string trace) {
  if (!effect.once()) co_return co_await act(effect, trace);
  const std::string& id = effect.command_id();
  if (const auto running = running_.find(id); running != running_.end()) {
    const auto shared = running->second;
    boost::system::error_code ignored;
    if (!shared->result) co_await shared->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return *shared->result;
  }
  std::string progress;
  if (auto first = remembered(id, progress)) co_return *first;
  const auto running = running_.emplace(id, std::make_shared<Running>(io_)).first->second;
  v1::EffectResult result;
  const bool resumable = progress.starts_with(kThreadMade);
  if (progress.empty() || resumable) {
    if (!resumable) remember(id, "begun", nullptr);
    result = co_await act(effect, trace);
  } else {
    result = unknown_result();
  }
  // What was refused before anything happened may be tried again.
  const bool nothing_happened = result.state() == "refused";
  if (nothing_happened) {
    journal_.db_in_transaction().query("DELETE FROM effects WHERE command_id = ?").bind(id).run();
    flush_();
  } else {
    remember(id, kDone, &result);
  }
  running->result = std::make_unique<v1::EffectResult>(result);
  running_.erase(id);
  running->done.cancel();
  co_return result;
}

loop::Task<v1::EffectResult> Effects::act(const v1::Effect& effect, const std::string& trace) {
  switch (effect.act_case()) {
    case v1::Effect::kCall:
      co_return co_await call(effect, trace);
    case v1::Effect::kStartTask:
      co_return co_await start_task(effect, trace);
    case v1::Effect::kDecide:
      co_return decide(effect, trace);
    case v1::Effect::ACT_NOT_SET:
      break;
  }
  co_return result_of("refused", "bad-command", "the effect says nothing to do");
}

loop::Task<v1::EffectResult> Effects::call(const v1::Effect& effect, const std::string& trace) {
  const std::string method = effect.call().method();
  const auto params = processes_.to_codex(effect.client(), method, effect.call().params());
  if (!params.ok())
    co_return result_of("refused", absl::IsResourceExhausted(params.status()) ? "busy" : "bad-command",
                        std::string(params.status().message()));
  const auto reply = co_await codex_.call(method, *params);
  processes_.began(effect.client(), method, effect.call().params(), reply.ok() && reply->ok);
  auto result = result_of(reply);
  note_turn(result.result(), trace);
  co_return result;
}

// `thread/start`, a note on the disk, `turn/start`: after a crash between the
// two the repeat goes on with the same thread; after the second it is unknown.
loop::Task<v1::EffectResult> Effects::start_task(const v1::Effect& effect, const std::string& trace) {
  const std::string& id = effect.command_id();
  std::string progress;
  (void)remembered(id, progress);
  std::string thread;
  if (progress.starts_with(kThreadMade)) {
    thread = progress.substr(kThreadMade.size());
  } else {
    const auto made = result_of(co_await codex_.call("thread/start", effect.start_task().thread_params()));
    if (made.state() != "done") co_return made;
    thread = id_in(made.result(), "thread");
    remember(id, std::string(kThreadMade) + thread, nullptr);
  }
  auto params = json::parse_object(effect.start_task().turn_params());
  if (!params.ok()) co_return result_of("refused", "bad-command", std::string(params.status().message()));
  (*params)["threadId"] = thread;
  remember(id, "sent", nullptr);
  auto result = result_of(co_await codex_.call("turn/start", boost::json::serialize(*params)));
  if (result.state() == "refused") {
    // Codex went away between the two; the empty thread stays for a repeat.
    remember(id, std::string(kThreadMade) + thread, nullptr);
    co_return result;
  }
  if (result.state() != "done") co_return result;
  note_turn(result.result(), trace);
  result.set_result(boost::json::serialize(
      boost::json::object{{"thread", thread}, {"turn", id_in(result.result(), "turn")}}));
  co_return result;
}

v1::EffectResult Effects::decide(const v1::Effect& effect, const std::string& trace) {
  const auto& decision = effect.decide();
  if (const auto refused = approvals_.decide(decision, effect.actor(), "", effect.command_id(), trace)) {
    const auto now = approvals_.find(decision.approval());
    const std::string state = now ? now->state : "unknown";
    return result_of("refused", *refused,
                     *refused == "digest" ? "this is not the request you were shown: look again"
                     : *refused == "closed"
                         ? "it was already settled: " + state +
                               (now->actor.name().empty() ? "" : ", by " + now->actor.name())
                         : "there is no such approval");
  }
  flush_();
  const auto approval = approvals_.find(decision.approval());
  // If Codex is away now, the decision waits: a repeated request gets it.
  (void)respond(*approval);
  v1::EffectResult result;
  result.set_state("done");
  result.set_result(boost::json::serialize(boost::json::object{{"state", approval->state}}));
  return result;
}

bool Effects::respond(const Approval& approval) {
  if (approval.instance != codex_.instance()) return false;
  if (approval.response.empty())
    return codex_.respond_error(approval.request_id, kMethodNotFound, "declined by the user");
  return codex_.respond(approval.request_id, approval.response);
}

std::unique_ptr<v1::EffectResult> Effects::remembered(const std::string& id, std::string& progress) {
  auto row = journal_.db().query("SELECT progress, result FROM effects WHERE command_id = ?");
  row.bind(id);
  if (!row.step()) return nullptr;
  progress = row.text(0);
  if (progress != kDone) return nullptr;
  auto result = std::make_unique<v1::EffectResult>();
  result->ParseFromString(row.text(1));
  return result;
}

void Effects::remember(const std::string& id, const std::string& progress, const v1::EffectResult* result) {
  journal_.db_in_transaction()
      .query("INSERT OR REPLACE INTO effects (command_id, progress, result, at_ms) VALUES (?, ?, ?, ?)")
      .bind(id)
      .bind(progress)
      .blob(result ? result->SerializeAsString() : std::string())
      .bind(clock_.now_ms())
      .run();
  journal_.sync_at_commit();
  flush_();
}

void Effects::note_turn(const std::string& result, const std::string& trace) {
  const std::string turn = id_in(result, "turn");
  if (turn.empty()) return;
  if (trace_of_turn_.size() >= kTracesMax) trace_of_turn_.clear();
  trace_of_turn_[turn] = trace;
}

std::string Effects::trace_of_turn(const std::string& turn) const {
  const auto found = trace_of_turn_.find(turn);
  return found == trace_of_turn_.end() ? "" : found->second;
}

void Effects::forget_old() {
  journal_.db_in_transaction()
      .query("DELETE FROM effects WHERE at_ms < ?")
      .bind(clock_.now_ms() - kRememberMs)
      .run();
}

}  // namespace zane::supervisor
