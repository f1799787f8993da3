#include "services/supervisor/effects.h"

#include <algorithm>
#include <optional>

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/journal/cure.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "services/supervisor/items.h"
#include "services/supervisor/judged_folders.h"

namespace zane::supervisor {
namespace {

namespace asio = boost::asio;
namespace bj = boost::json;

constexpr char kDone[] = "done";
constexpr char kSent[] = "sent";
constexpr std::string_view kThreadMade = "thread ";
constexpr std::string_view kTaskSent = "sent ";
constexpr size_t kTracesMax = 10000;
constexpr size_t kSentMax = 10000;
// What a frame to a phone can hold; the bus would take two of these.
constexpr size_t kResultBytesMax = 1024 * 1024;
constexpr int kMethodNotFound = -32601;
// How often Codex is asked what became of an order: a message of a connection that
// died may still be on its way through Codex.
constexpr int kLooks = 4;
// Of a thread's items, newest first: the message of an order that was lost is among them,
// unless hundreds of commands ran since.
constexpr size_t kItemsLookedAt = 2000;
constexpr int kThreadTries = 3;
// `command/exec` answers when its program ends, whenever that is.
constexpr std::chrono::hours kProgramMax{24};

v1::EffectResult result_of(const std::string& state, const std::string& reason, const std::string& message) {
  v1::EffectResult result;
  result.set_state(state);
  result.set_reason(reason);
  result.set_message(message);
  return result;
}

v1::EffectResult unknown_result(const std::string& why = "the connection to Codex was lost") {
  return result_of("unknown", "codex-down",
                   "it was handed to Codex, but " + why + ": look at the thread before you try again");
}

v1::EffectResult codex_down(const Codex& codex) {
  const std::string why = codex.state().message();
  return result_of(
      "refused", "codex-down",
      why.empty() ? "Codex is not running: see `zane status`" : "Codex can't be used now: " + why);
}

v1::EffectResult weather_result(const journal::SqliteError& trouble) {
  return result_of("refused", "disk",
                   "nothing was done: Zane could not write it down first: " + journal::with_cure(trouble));
}

v1::EffectResult result_of(const absl::StatusOr<CodexReply>& reply) {
  const std::string why(reply.status().message());
  if (absl::IsUnknown(reply.status())) return unknown_result(why);
  if (absl::IsOutOfRange(reply.status())) return result_of("failed", "too-large", "it was done, but " + why);
  if (!reply.ok())
    return result_of("refused", absl::IsResourceExhausted(reply.status()) ? "busy" : "codex-down", why);
  if (reply->bytes.size() > kResultBytesMax)
    return result_of("failed", "too-large",
                     "it was done, but Codex's answer is longer than 1 MiB: ask for less at a time");
  v1::EffectResult result;
  result.set_state(reply->ok ? "done" : "failed");
  result.set_result(reply->bytes);
  if (!reply->ok) {
    const auto error = json::parse_codex_object(reply->bytes);
    result.set_reason("codex");
    if (error.ok()) result.set_message(std::string(json::string_at(*error, "message").value_or("")));
  }
  return result;
}

std::string id_in(const std::string& result, std::string_view key) {
  const auto object = json::parse_codex_object(result);
  const auto* inner = object.ok() ? json::object_at(*object, key) : nullptr;
  return inner ? std::string(json::string_at(*inner, "id").value_or("")) : "";
}

std::string text_in(std::string_view params, std::string_view key) {
  const auto object = json::parse_object(params);
  return object.ok() ? std::string(json::string_at(*object, key).value_or("")) : "";
}

bool is_typed(std::string_view method) {
  return method == "process/writeStdin" || method == "command/exec/write";
}

// What belongs to the connection (subscriptions, processes) or changes a thread
// goes with the events, in their order; everything else may be long or slow.
bool goes_with_the_events(std::string_view method, v1::Effect::Once once) {
  if (method.starts_with("process/") || method.starts_with("command/exec")) return true;
  return once != v1::Effect::ONCE_READS && (method.starts_with("thread/") || method.starts_with("turn/"));
}

}  // namespace

// The last look before something happens. Supervisor, or the machine, may have stood still
// since policy judged it.
std::optional<v1::EffectResult> Effects::refused_by_now(const v1::Effect& effect) const {
  if (effect.expires_ms() != 0 && on_.clock.now_ms() > effect.expires_ms())
    return result_of(
        "refused", "expired",
        "its time was over before it could be begun: nothing was done; send it again if you still want it");
  const std::string folder = swapped_folder(effect);
  if (folder.empty()) return std::nullopt;
  log::error("folder_swapped", {{"folder", folder}, {"command", effect.command_id()}});
  return result_of("refused", "folder-changed",
                   "`" + folder +
                       "` is not what it was when this was allowed: something else was put in its place. "
                       "Nothing was done; look at the folder before you order it again");
}

loop::Task<v1::EffectResult> Effects::carry_out(v1::Effect effect, std::string trace) {
  if (effect.once() == v1::Effect::ONCE_READS) co_return co_await act(effect, trace);
  const std::string& id = effect.command_id();
  if (const auto known = running_.find(id); known != running_.end()) {
    const auto shared = known->second;
    boost::system::error_code ignored;
    if (!shared->result) co_await shared->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return *shared->result;
  }
  const bool in_memory = effect.once() == v1::Effect::ONCE_IN_MEMORY;
  if (in_memory && effect.again() && is_typed(effect.call().method()))
    co_return result_of("unknown", "codex-down",
                        "it may have been typed before Zane was started anew: look before you type it again");
  const auto running = running_.emplace(id, std::make_shared<Running>(on_.io)).first->second;
  v1::EffectResult result;
  try {
    result = in_memory ? co_await act(effect, trace) : co_await on_disk(effect, trace);
    // Of what came before, and was written down nowhere, a refusal now says nothing.
    if (in_memory && effect.again() && result.state() == "refused") result.set_state("unknown");
  } catch (const journal::SqliteError& e) {
    on_.weather.begins(kCantWriteOrders, journal::with_cure(e));
    log::error("effect_not_written", {{"command", id}, {"error", e.what()}});
    // Once it was sent, "nothing was done" is not ours to say; now, or before it came again.
    const bool perhaps = sent_.contains(id) || effect.again() || effect.ask_only();
    result = perhaps
                 ? result_of("unknown", "disk",
                             "it may have been carried out before, and the Mac can't look into its own list "
                             "now: " +
                                 journal::with_cure(e))
                 : weather_result(e);
  }
  running->result = std::make_unique<v1::EffectResult>(result);
  if (in_memory) {
    keystrokes_.push_back(id);
    if (keystrokes_.size() > kKeystrokesMax) {
      running_.erase(keystrokes_.front());
      keystrokes_.pop_front();
    }
  } else {
    running_.erase(id);
  }
  running->done.cancel();
  co_return result;
}

loop::Task<v1::EffectResult> Effects::on_disk(const v1::Effect& effect, const std::string& trace) {
  const std::string& id = effect.command_id();
  const Progress before = progress_of(id);
  if (before.result) co_return *before.result;
  const auto result = co_await go_on(effect, before.text, trace);
  // Codex may know better another time.
  if (result.state() == "unknown") co_return result;
  if (result.state() != "refused")
    finish(id, result);
  else if (!progress_of(id).text.starts_with(kThreadMade))
    // What was refused before anything happened may be tried again.
    forget(id);
  co_return result;
}

loop::Task<v1::EffectResult> Effects::go_on(const v1::Effect& effect, const std::string& progress,
                                            const std::string& trace) {
  if (progress.starts_with(kSent)) co_return co_await what_became_of(effect, progress);
  if (effect.has_decide() && decided_by(effect)) co_return decide(effect, trace);
  if ((effect.ask_only() || effect.again()) && progress.empty() &&
      on_.ledger.may_have_forgotten(on_.clock.now_ms()))
    co_return result_of(
        "unknown", "expired",
        "the Mac's own list of orders was put back to an older copy: look before you try again");
  if (effect.ask_only())
    co_return result_of(
        "refused", "expired",
        "it was never carried out and is not begun any more: send it again if you still want it");
  if (effect.has_start_task()) co_return co_await start_task(effect, progress, trace);
  auto result = co_await act(effect, trace);
  if (result.state() != "unknown" || !effect.has_call()) co_return result;
  const auto found = co_await what_became_of(effect, kSent);
  // Why it is unknown the call itself knew best.
  co_return found.state() == "unknown" ? result : found;
}

loop::Task<v1::EffectResult> Effects::act(const v1::Effect& effect, const std::string& trace) {
  switch (effect.act_case()) {
    case v1::Effect::kCall:
      co_return co_await call(effect, trace);
    case v1::Effect::kDecide:
      co_return decide(effect, trace);
    case v1::Effect::kStartTask:
    case v1::Effect::ACT_NOT_SET:
      break;
  }
  co_return result_of("refused", "bad-command", "the effect says nothing to do");
}

// Cancelled when it was `refused` in the last moment.
loop::Task<absl::StatusOr<CodexReply>> Effects::hand_over(const v1::Effect& effect, Processes::Call call,
                                                          std::optional<v1::EffectResult>& refused) {
  const std::string& method = effect.call().method();
  if (!goes_with_the_events(method, effect.once()))
    co_return co_await on_.bulk.call(method, call.params,
                                     [&] { return !(refused = refused_by_now(effect)).has_value(); });
  std::optional<std::chrono::milliseconds> deadline;
  if (method == "command/exec") deadline = kProgramMax;
  if (call.process == 0) co_return co_await on_.codex.call(method, call.params, deadline);
  // The answer to `command/exec` says that its program has ended. Without an answer it may
  // run, or begin yet, and keeps its owner: until the answer comes after all.
  const bool runs_on = method == "process/spawn";
  const auto settle = [this, runs_on, process = call.process](const absl::StatusOr<CodexReply>& reply) {
    const bool runs = absl::IsOutOfRange(reply.status()) || (reply.ok() && reply->ok);
    if (!runs_on || !runs) on_.processes.over(process);
  };
  auto reply = co_await on_.codex.call(method, call.params, deadline, settle);
  if (!absl::IsUnknown(reply.status())) settle(reply);
  co_return reply;
}

loop::Task<v1::EffectResult> Effects::call(const v1::Effect& effect, const std::string& trace) {
  const std::string method = effect.call().method();
  const std::string given = effect.call().params();
  if (!co_await on_.codex.ready_soon()) co_return codex_down(on_.codex);
  auto refused = refused_by_now(effect);
  if (refused) co_return *std::move(refused);
  const bool reads = effect.once() == v1::Effect::ONCE_READS;
  const bool on_disk = effect.once() == v1::Effect::ONCE_ON_DISK;
  const std::string thread = on_disk ? text_in(given, "threadId") : "";
  if (!thread.empty() && changes_powers(given)) on_.powers.unsure(thread);
  if (on_disk) note(effect.command_id(), kSent);
  // After the last thing that takes time.
  refused = refused_by_now(effect);
  if (refused) co_return *std::move(refused);
  const auto to_codex = on_.processes.to_codex(effect.client(), method, given);
  if (!to_codex.ok())
    co_return result_of("refused", absl::IsResourceExhausted(to_codex.status()) ? "busy" : "bad-command",
                        std::string(to_codex.status().message()));
  auto reply = co_await hand_over(effect, *to_codex, refused);
  if (absl::IsCancelled(reply.status())) co_return *std::move(refused);
  // Twice comes to the same as once, also when others did something between. What is said of
  // the second alone proves nothing of the first.
  if (absl::IsUnknown(reply.status()) && method == "thread/resume" && co_await on_.codex.ready_soon() &&
      !refused_by_now(effect)) {
    auto second = co_await hand_over(effect, *to_codex, refused);
    if (second.ok() && second->ok) reply = std::move(second);
  }
  if (reply.ok() && reply->ok &&
      (method == "thread/resume" || method == "thread/start" || method == "thread/fork"))
    on_.powers.learn_from_answer(reply->bytes);
  // Of a read nothing becomes.
  if (reads && absl::IsUnknown(reply.status()))
    co_return result_of("refused", "codex-down", std::string(reply.status().message()) + ": try again");
  auto result = result_of(reply);
  note_turn(result.result(), trace);
  co_return result;
}

// `thread/start`, a note on the disk, `turn/start`. Killed before the note, the
// repeat makes another thread and an empty one stays behind; between the two it
// goes on with the same thread; after the second it looks whether its turn is there.
loop::Task<v1::EffectResult> Effects::start_task(const v1::Effect& effect, const std::string& progress,
                                                 const std::string& trace) {
  const std::string& id = effect.command_id();
  std::string thread;
  if (progress.starts_with(kThreadMade)) {
    thread = progress.substr(kThreadMade.size());
  } else {
    v1::EffectResult made;
    // Nothing has been said in a thread whose making was lost: another is made.
    for (int tries = 0; tries < kThreadTries && made.state() != "done" && made.state() != "failed"; ++tries) {
      if (!co_await on_.codex.ready_soon()) break;
      if (auto refused = refused_by_now(effect)) co_return *std::move(refused);
      const auto session = on_.codex.session();
      made = result_of(co_await on_.codex.call("thread/start", effect.start_task().thread_params()));
      if (session->alive) break;
    }
    if (made.state() == "unknown")
      made = result_of("refused", "codex-down",
                       "Codex did not say that it made a thread, and nothing was begun in one: try again");
    if (made.state().empty()) made = codex_down(on_.codex);
    if (made.state() != "done") co_return made;
    on_.powers.learn_from_answer(made.result());
    thread = id_in(made.result(), "thread");
    note(id, std::string(kThreadMade) + thread);
  }
  auto params = json::parse_object(effect.start_task().turn_params());
  if (!params.ok()) co_return result_of("refused", "bad-command", std::string(params.status().message()));
  (*params)["threadId"] = thread;
  // Codex went away between the two: the empty thread stays for a repeat.
  if (!co_await on_.codex.ready_soon()) co_return codex_down(on_.codex);
  note(id, std::string(kTaskSent) + thread);
  if (auto refused = refused_by_now(effect)) {
    note(id, std::string(kThreadMade) + thread);
    co_return *std::move(refused);
  }
  auto result = result_of(co_await on_.codex.call("turn/start", bj::serialize(*params)));
  if (result.state() == "refused") {
    note(id, std::string(kThreadMade) + thread);
    co_return result;
  }
  if (result.state() == "unknown") {
    auto found = co_await what_became_of(effect, std::string(kTaskSent) + thread);
    // Why it is unknown the call itself knew best.
    if (found.state() != "unknown") result = std::move(found);
  }
  if (result.state() != "done") co_return result;
  note_turn(result.result(), trace);
  if (const auto turn = id_in(result.result(), "turn"); !turn.empty())
    result.set_result(bj::serialize(bj::object{{"thread", thread}, {"turn", turn}}));
  co_return result;
}

// It was written to Codex, and the answer was lost.
loop::Task<v1::EffectResult> Effects::what_became_of(const v1::Effect& effect, std::string progress) {
  const bool task = progress.starts_with(kTaskSent);
  const std::string method = effect.has_call() ? effect.call().method() : "turn/start";
  if (!task && method != "turn/start" && method != "turn/steer") co_return unknown_result();
  const std::string said_with = task ? effect.start_task().turn_params() : effect.call().params();
  const std::string client_id = text_in(said_with, "clientUserMessageId");
  const std::string thread = task ? progress.substr(kTaskSent.size()) : text_in(said_with, "threadId");
  if (client_id.empty() || thread.empty()) co_return unknown_result();
  // A task's is the first that was said in its thread.
  const auto found =
      co_await turn_begun_by(thread, client_id, task ? Order::kAsTheyCame : Order::kNewestFirst);
  if (!found)
    co_return result_of("unknown", "busy",
                        "it was handed to Codex, which can't be asked now what became of it: look at the "
                        "thread before you try again");
  const std::string& turn = *found;
  if (turn.empty()) co_return unknown_result();
  log::info("effect_found_done", {{"command", effect.command_id()}, {"thread", thread}});
  v1::EffectResult result;
  result.set_state("done");
  if (task)
    result.set_result(bj::serialize(bj::object{{"thread", thread}, {"turn", turn}}));
  else if (method == "turn/steer")
    result.set_result(bj::serialize(bj::object{{"turnId", turn}}));
  else
    result.set_result(bj::serialize(bj::object{{"turn", {{"id", turn}}}}));
  co_return result;
}

// That Codex shows no such message proves nothing, even where it says that nothing was
// ever said in the thread: it may have failed to write it, or somebody deleted it since.
loop::Task<std::optional<std::string>> Effects::turn_begun_by(std::string thread, std::string client_id,
                                                              Order order) {
  bool looked = false;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) co_await loop::sleep_for(on_.io, look_again_);
    // A look that nobody answers is none.
    if (!co_await on_.codex.ready_soon()) break;
    const auto session = on_.codex.session();
    std::string found;
    const auto read =
        co_await read_items(on_.bulk, session, thread, "", order, kItemsLookedAt,
                            [&](const bj::object& item, std::string_view turn) {
                              if (json::string_at(item, "clientId") == std::string_view(client_id))
                                found = turn;
                              return found.empty();
                            });
    looked |= read.answered;
    if (!found.empty()) co_return found;
  }
  if (!looked) co_return std::nullopt;
  co_return "";
}

// Written down by this very command, before supervisor died: it counts.
bool Effects::decided_by(const v1::Effect& effect) {
  const auto approval = on_.approvals.find(effect.decide().approval());
  return approval && !effect.command_id().empty() && approval->cause == effect.command_id();
}

v1::EffectResult Effects::decide(const v1::Effect& effect, const std::string& trace) {
  const auto& decision = effect.decide();
  auto approval = on_.approvals.find(decision.approval());
  if (!decided_by(effect)) {
    if (auto refused = refused_by_now(effect)) return *std::move(refused);
    if (const auto refused =
            on_.approvals.decide(decision, effect.actor(), decision.rule(), effect.command_id(), trace)) {
      const std::string state = approval ? approval->state : "unknown";
      return result_of("refused", *refused,
                       *refused == "digest" ? "this is not the request you were shown: look again"
                       : *refused == "closed"
                           ? "it was already settled: " + state +
                                 (approval->actor.name().empty() ? "" : ", by " + approval->actor.name())
                           : "there is no such approval");
    }
    flush_();
    approval = on_.approvals.find(decision.approval());
    // If Codex is away now, the decision waits: a repeated request gets it.
    (void)respond(*approval);
  }
  v1::EffectResult result;
  result.set_state("done");
  result.set_result(bj::serialize(bj::object{{"state", approval->state}}));
  return result;
}

bool Effects::respond(const Approval& approval) {
  if (approval.instance != on_.codex.instance()) return false;
  if (approval.response.empty())
    return on_.codex.respond_error(approval.request_id, kMethodNotFound, "declined by the user");
  return on_.codex.respond(approval.request_id, approval.response);
}

Effects::Progress Effects::progress_of(const std::string& id) {
  auto row = on_.ledger.db().query("SELECT progress, result FROM effects WHERE command_id = ?");
  row.bind(id);
  Progress progress;
  if (!row.step()) return progress;
  progress.text = row.text(0);
  // 0.1 wrote "begun" before anything else: what came of that is not known.
  if (progress.text == "begun") progress.text = kSent;
  if (progress.text != kDone) return progress;
  progress.result = std::make_unique<v1::EffectResult>();
  progress.result->ParseFromString(row.text(1));
  return progress;
}

void Effects::note(const std::string& id, const std::string& progress) {
  on_.ledger.write([&](journal::Db& db) {
    db.query("INSERT OR REPLACE INTO effects (command_id, progress, result, at_ms) VALUES (?, ?, '', ?)")
        .bind(id)
        .bind(progress)
        .bind(on_.clock.now_ms())
        .run();
  });
  if (progress.starts_with(kSent))
    sent_.insert(id);
  else
    sent_.erase(id);
  if (sent_.size() > kSentMax) sent_.erase(sent_.begin());
}

// Should a power loss take this back, the repeat looks in Codex again.
void Effects::finish(const std::string& id, const v1::EffectResult& result) {
  sent_.erase(id);
  try {
    on_.ledger.write_soon([&](journal::Db& db) {
      db.query("INSERT OR REPLACE INTO effects (command_id, progress, result, at_ms) VALUES (?, ?, ?, ?)")
          .bind(id)
          .bind(kDone)
          .blob(result.SerializeAsString())
          .bind(on_.clock.now_ms())
          .run();
    });
  } catch (const journal::SqliteError& e) {
    log::error("effect_not_finished", {{"command", id}, {"error", e.what()}});
  }
}

void Effects::forget(const std::string& id) {
  sent_.erase(id);
  try {
    on_.ledger.write_soon(
        [&](journal::Db& db) { db.query("DELETE FROM effects WHERE command_id = ?").bind(id).run(); });
  } catch (const journal::SqliteError& e) {
    log::error("effect_not_forgotten", {{"command", id}, {"error", e.what()}});
  }
}

void Effects::note_turn(const std::string& result, const std::string& trace) {
  const std::string turn = id_in(result, "turn");
  if (turn.empty() || trace.empty()) return;
  if (trace_of_turn_.size() >= kTracesMax) trace_of_turn_.clear();
  trace_of_turn_[turn] = trace;
}

std::string Effects::trace_of_turn(const std::string& turn) const {
  const auto found = trace_of_turn_.find(turn);
  return found == trace_of_turn_.end() ? "" : found->second;
}

void Effects::forget_old(int64_t believed_now_ms) {
  on_.ledger.write_soon([&](journal::Db& db) {
    db.query("DELETE FROM effects WHERE at_ms < ?").bind(believed_now_ms - kRememberMs).run();
  });
}

}  // namespace zane::supervisor
