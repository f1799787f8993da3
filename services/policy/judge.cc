#include "services/policy/judge.h"

#include "lib/link/choices.h"
#include "services/policy/folders.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// Written anew: what Codex reads is what was judged.
Judged call(const Order& order) {
  v1::Effect effect;
  effect.mutable_call()->set_method(order.method);
  effect.mutable_call()->set_params(bj::serialize(order.params));
  return Judged::carried_out(std::move(effect));
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

loop::Task<Judged> Judge::judge(const Order& order) {
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
  if (const std::string folder = co_await protected_folder_in(order); !folder.empty())
    co_return Judged::refused("protected-folder", "`" + folder +
                                                      "` could be written to, and Zane's or Codex's own keys "
                                                      "lie there: choose a project's folder");
  if (order.method == "zane/approval/decide") co_return co_await decision(order);
  if (order.method == "zane/task/start") co_return task(order);
  if (ours) co_return Judged::answered_here();
  co_return call(order);
}

loop::Task<Judged> Judge::decision(const Order& order) {
  const std::string id = order.text("approval");
  const std::string choice = order.text("choice");
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_approval()->set_approval(id);
  const auto answered = co_await supervisor_.ask(std::move(question));
  if (!answered.ok()) co_return Judged::refused("codex-down", std::string(answered.status().message()));
  const auto& facts = answered->answer().approval();
  if (facts.approval().empty()) co_return Judged::refused("unknown-approval", "there is no such approval");
  const auto request = json::parse_object(facts.request());
  const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
  const auto response = link::response_for(facts.method(), params ? *params : bj::object(), choice,
                                           json::object_at(order.params, "answers"));
  if (!response)
    co_return Judged::refused("not-offered",
                              "`" + choice + "` is not among the choices Codex offered for this");
  if (response->grants && params)
    if (const std::string folder = protected_among(folders_opened_by(*params)); !folder.empty())
      co_return Judged::refused("protected-folder",
                                "`" + folder +
                                    "` would open Zane's or Codex's own keys to the task: decline, and ask "
                                    "for a narrower folder");
  v1::Effect effect;
  auto* decide = effect.mutable_decide();
  decide->set_approval(id);
  decide->set_digest(order.text("digest"));
  decide->set_choice(choice);
  decide->set_response(response->bytes);
  decide->set_grants(response->grants);
  co_return Judged::carried_out(std::move(effect));
}

Judged Judge::task(const Order& order) const {
  const std::string cwd = order.text("cwd");
  const bool own_folder = order.role == Role::kOwner || order.actor.kind() == "hook";
  if (!own_folder && !is_within(cwd, config_.policy.folders))
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

// The first folder that this order, or the thread it is for, could write to and
// that holds our keys; "" when there is none.
loop::Task<std::string> Judge::protected_folder_in(const Order& order) {
  const bool starts =
      order.method == "zane/task/start" || order.method == "thread/start" || order.method == "thread/fork";
  const bool runs =
      order.method == "turn/start" || order.method == "turn/steer" || order.method == "thread/resume";
  if (!starts && !runs) co_return "";
  std::vector<std::string> folders = writable_folders_in(order.params);
  const std::string thread = order.text("threadId");
  if (!thread.empty() && order.method != "thread/resume") {
    v1::Envelope question = node_.envelope(order.trace, order.id);
    question.mutable_question()->mutable_thread()->set_thread(thread);
    const auto answered = co_await supervisor_.ask(std::move(question));
    if (answered.ok()) {
      const auto& facts = answered->answer().thread();
      if (!facts.cwd().empty()) folders.push_back(facts.cwd());
      folders.insert(folders.end(), facts.writable_roots().begin(), facts.writable_roots().end());
    }
  }
  co_return protected_among(folders);
}

// The first of these that holds our keys or Codex's, or lies among them; "" for none.
std::string Judge::protected_among(const std::vector<std::string>& folders) const {
  std::vector<std::string> kept{node_.home().root().string()};
  if (auto codex = codex_home(config_); !codex.empty()) kept.push_back(std::move(codex));
  for (const auto& folder : folders)
    for (const auto& keep : kept)
      if (overlaps(folder, keep)) return folder;
  return "";
}

}  // namespace zane::policy
