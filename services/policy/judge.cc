#include "services/policy/judge.h"

#include "lib/link/choices.h"
#include "services/policy/task.h"
#include "services/policy/thread_rights.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// Written anew: what Codex reads is what was judged.
Judged call(const Order& order) {
  bj::object params = order.params;
  // By it the message is found again should the answer be lost: so no two orders of a
  // device may have the same, and it is not for the sender to choose.
  if (order.method == "turn/start" || order.method == "turn/steer") {
    const auto* given = params.if_contains("clientUserMessageId");
    if (given && !given->is_null() && *given != bj::value(order.id))
      return Judged::refused("bad-command",
                             "`clientUserMessageId` is the order's own id: leave it out, or give that");
    params["clientUserMessageId"] = order.id;
  }
  v1::Effect effect;
  effect.mutable_call()->set_method(order.method);
  effect.mutable_call()->set_params(bj::serialize(params));
  return Judged::carried_out(std::move(effect));
}

bool starts_thread(std::string_view method) {
  return method == "zane/task/start" || method == "thread/start" || method == "thread/fork";
}

// A folder as it is now, links followed: so that what is judged is what is handed on.
void resolve_folder(bj::object& params) {
  const auto cwd = json::string_at(params, "cwd");
  if (!cwd || cwd->empty() || cwd->front() != '/') return;
  std::error_code error;
  const auto resolved = std::filesystem::canonical(std::filesystem::path(*cwd), error);
  if (!error) params["cwd"] = resolved.string();
}

// The first of these that holds one of those kept, or lies in one; "" for none.
std::string protected_among(const std::vector<std::string>& folders, const std::vector<std::string>& kept,
                            Looked& looked) {
  for (const auto& folder : folders)
    for (const auto& keep : kept)
      if (overlaps(looked.at(folder), place_of(keep))) return folder;
  return "";
}

// As Codex finds it, when zane.toml does not say.
std::string codex_home(const config::Config& config) {
  if (!config.codex.home.empty()) return config.codex.home;
  if (const char* set = std::getenv("CODEX_HOME"); set && *set) return set;
  const char* user = std::getenv("HOME");
  return user ? std::string(user) + "/.codex" : "";
}

}  // namespace

Judge::Judge(bus::Node& node, const config::Config& config, bus::Client& supervisor)
    : node_(node), config_(config), supervisor_(supervisor) {}

loop::Task<Judged> Judge::judge(Order& order) {
  Looked looked;
  Judged judged = co_await judge_by(order, looked);
  if (judged.effect) looked.hand_on(*judged.effect);
  co_return judged;
}

loop::Task<Judged> Judge::judge_by(Order& order, Looked& looked) {
  if (is_reserved(order.method))
    co_return Judged::refused("bad-command", "`" + order.method + "` is not for clients");
  // A hook's folder was checked against zane.toml; its role is for the task alone.
  const Role needed = required_role(order.method, order.params);
  if (order.role < needed)
    co_return Judged::refused("role", "`" + order.method + "` with these parameters needs the role " +
                                          std::string(name_of(needed)) + "; this is " +
                                          std::string(name_of(order.role)) + ": an owner can do it");
  const bool ours = order.method.starts_with("zane/");
  if (const std::string param = ours ? "" : unprotected_by(order.params); !param.empty())
    co_return Judged::refused(
        "protected-folder",
        "with this `" + param + "` a sandboxed command could read Zane's own keys: use `permissions` with `" +
            kAskProfile + "`, `" + kReadOnlyProfile + "` or `" + kFullAccessProfile + "`");
  if (starts_thread(order.method) || acts_in_thread(order.method)) resolve_folder(order.params);
  if (acts_in_thread(order.method)) {
    if (auto refusal = co_await thread_forbids(order, looked)) co_return *std::move(refusal);
  } else if (starts_thread(order.method)) {
    if (auto refusal = co_await folders_forbid(order, writable_folders_in(order.params), looked))
      co_return *std::move(refusal);
  }
  if (order.method == "zane/approval/decide") co_return co_await decision(order, looked);
  if (order.method == "zane/task/start") co_return task(order, looked);
  if (ours) co_return Judged::answered_here();
  co_return call(order);
}

loop::Task<Judged> Judge::decision(const Order& order, Looked& looked) {
  const std::string id = order.text("approval");
  const std::string choice = order.text("choice");
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_approval()->set_approval(id);
  const auto answered = co_await supervisor_.ask(std::move(question));
  if (!answered.ok()) co_return Judged::refused("codex-down", std::string(answered.status().message()));
  const auto& facts = answered->answer().approval();
  if (facts.approval().empty()) co_return Judged::refused("unknown-approval", "there is no such approval");
  const auto response = link::response_for_request(facts.method(), facts.request(), choice,
                                                   json::object_at(order.params, "answers"));
  if (!response)
    co_return Judged::refused("not-offered",
                              "`" + choice + "` is not among the choices Codex offered for this");
  if (response->grants) {
    const auto request = json::parse_codex_object(facts.request());
    const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
    const auto kept = co_await kept_folders(order);
    if (!kept.ok()) co_return Judged::refused("codex-down", std::string(kept.status().message()));
    if (const std::string folder = params ? protected_among(folders_opened_by(*params), *kept, looked) : "";
        !folder.empty())
      co_return Judged::refused("protected-folder",
                                "`" + folder +
                                    "` would open Zane's or Codex's own keys to the task: decline, and ask "
                                    "for a narrower folder");
  }
  v1::Effect effect;
  auto* decide = effect.mutable_decide();
  decide->set_approval(id);
  decide->set_digest(order.text("digest"));
  decide->set_choice(choice);
  decide->set_response(response->bytes);
  decide->set_grants(response->grants);
  if (order.actor.kind() == "rule") decide->set_rule(order.actor.id());
  co_return Judged::carried_out(std::move(effect));
}

Judged Judge::task(const Order& order, Looked& looked) const {
  const std::string cwd = order.text("cwd");
  const bool own_folder = order.role == Role::kOwner || order.actor.kind() == "hook";
  if (!own_folder && !is_within(looked.at(cwd), config_.policy.folders))
    return Judged::refused("role",
                           "`" + cwd +
                               "` is not among the `folders` under [policy] in zane.toml: an owner can start "
                               "there");
  std::error_code ignored;
  if (!cwd.empty() && !std::filesystem::is_directory(cwd, ignored))
    return Judged::refused("bad-command", "there is no folder `" + cwd + "` on this Mac");
  auto task = start_task(order.params, order.id);
  if (!task.ok()) return Judged::refused("bad-command", std::string(task.status().message()));
  v1::Effect effect;
  *effect.mutable_start_task() = *std::move(task);
  return Judged::carried_out(std::move(effect));
}

// What the thread is counts as much as what the order says.
loop::Task<std::optional<Judged>> Judge::thread_forbids(const Order& order, Looked& looked) {
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_thread()->set_thread(order.text("threadId"));
  // Longer than supervisor waits for Codex, so that its word arrives.
  const auto answered = co_await supervisor_.ask(std::move(question), std::chrono::seconds(70));
  if (!answered.ok()) co_return Judged::refused("codex-down", std::string(answered.status().message()));
  const auto& facts = answered->answer().thread();
  if (!facts.known())
    co_return Judged::refused(
        "codex-down", "this thread can't be looked at now, and what can't be checked is not done: try again");
  const ThreadRight right = right_in(facts, config_.policy.folders, looked);
  if (order.role < right.role)
    co_return Judged::refused("role", "`" + order.method + "` in this thread needs the role " +
                                          std::string(name_of(right.role)) + ": " + right.why);
  std::vector<std::string> folders = writable_folders_in(order.params);
  if (!facts.cwd().empty()) folders.push_back(facts.cwd());
  folders.insert(folders.end(), facts.writable_roots().begin(), facts.writable_roots().end());
  co_return co_await folders_forbid(order, std::move(folders), looked);
}

// None of them may hold our keys or Codex's.
loop::Task<std::optional<Judged>> Judge::folders_forbid(const Order& order, std::vector<std::string> folders,
                                                        Looked& looked) {
  const auto kept = co_await kept_folders(order);
  if (!kept.ok()) co_return Judged::refused("codex-down", std::string(kept.status().message()));
  if (const std::string folder = protected_among(folders, *kept, looked); !folder.empty())
    co_return Judged::refused("protected-folder", "`" + folder +
                                                      "` could be written to, and Zane's or Codex's own keys "
                                                      "lie there: choose a project's folder");
  co_return std::nullopt;
}

// Zane's home and Codex's: where Codex itself says it is, and where it would be.
loop::Task<absl::StatusOr<std::vector<std::string>>> Judge::kept_folders(const Order& order) {
  std::vector<std::string> kept{node_.home().root().string()};
  if (auto codex = codex_home(config_); !codex.empty()) kept.push_back(std::move(codex));
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_status();
  const auto answered = co_await supervisor_.ask(std::move(question));
  if (!answered.ok()) co_return answered.status();
  if (const auto& said = answered->answer().status().codex_home(); !said.empty()) kept.push_back(said);
  co_return kept;
}

}  // namespace zane::policy
