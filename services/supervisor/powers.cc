#include "services/supervisor/powers.h"

#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;

std::string word(const bj::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || value->is_null()) return "";
  return value->is_string() ? std::string(value->get_string()) : bj::serialize(*value);
}

void add_roots(const bj::object& object, std::string_view key, v1::ThreadFacts& facts) {
  const auto* roots = json::array_at(object, key);
  if (!roots) return;
  for (const auto& root : *roots)
    if (root.is_string()) facts.add_writable_roots(std::string(root.get_string()));
}

// The fields that an answer and `threadSettings` have in common.
void read_powers(const bj::object& from, v1::ThreadFacts& facts) {
  facts.set_powers_known(true);
  facts.set_approval_policy(word(from, "approvalPolicy"));
  facts.set_reviewer(word(from, "approvalsReviewer"));
  const auto* profile = json::object_at(from, "activePermissionProfile");
  facts.set_profile(profile ? word(*profile, "id") : "");
  if (const auto cwd = json::string_at(from, "cwd")) facts.set_cwd(std::string(*cwd));
  facts.clear_writable_roots();
  add_roots(from, "runtimeWorkspaceRoots", facts);
  for (const char* key : {"sandbox", "sandboxPolicy"})
    if (const auto* sandbox = json::object_at(from, key)) add_roots(*sandbox, "writableRoots", facts);
  if (const auto* environments = json::array_at(from, "environments"))
    for (const auto& environment : *environments)
      if (environment.is_object()) {
        if (const auto cwd = json::string_at(environment.as_object(), "cwd"))
          facts.add_writable_roots(std::string(*cwd));
        add_roots(environment.as_object(), "runtimeWorkspaceRoots", facts);
      }
}

}  // namespace

void Powers::learn_from_answer(std::string_view result) {
  const auto answer = json::parse_codex_object(result);
  const auto* thread = answer.ok() ? json::object_at(*answer, "thread") : nullptr;
  const auto id = thread ? json::string_at(*thread, "id") : std::nullopt;
  if (!id || !answer->contains("approvalPolicy")) return;
  v1::ThreadFacts facts = of(std::string(*id)).value_or(v1::ThreadFacts());
  facts.set_thread(std::string(*id));
  facts.set_known(true);
  facts.set_loaded(true);
  read_powers(*answer, facts);
  if (const auto* environments = json::array_at(*thread, "environments"))
    for (const auto& environment : *environments)
      if (environment.is_object()) add_roots(environment.as_object(), "runtimeWorkspaceRoots", facts);
  try {
    keep(facts);
  } catch (const journal::SqliteError& e) {
    // Nobody's answer hangs on it: the next that is kept, or the upkeep, writes it.
    log::warn("powers_not_saved", {{"thread", facts.thread()}, {"why", e.what()}});
  }
}

void Powers::learn_from_news(std::string_view method, const std::string& thread, std::string_view raw) {
  const bool settings = method == "thread/settings/updated";
  const bool goal_set = method == "thread/goal/updated";
  const bool goal_cleared = method == "thread/goal/cleared";
  if (method == "thread/closed" || method == "thread/deleted") {
    loaded_.erase(thread);
    return;
  }
  if (method == "turn/completed") return seen(thread);
  if (!settings && !goal_set && !goal_cleared) return;
  v1::ThreadFacts facts = of(thread).value_or(v1::ThreadFacts());
  facts.set_thread(thread);
  facts.set_known(true);
  facts.set_loaded(true);
  if (settings) {
    const auto message = json::parse_codex_object(raw);
    const auto* params = message.ok() ? json::object_at(*message, "params") : nullptr;
    const auto* said = params ? json::object_at(*params, "threadSettings") : nullptr;
    if (!said) return unsure(thread);
    read_powers(*said, facts);
  } else {
    facts.set_has_goal(goal_set);
  }
  keep(facts);
}

void Powers::seen(const std::string& thread) {
  // Not before what it has become since: older powers would be taken for these.
  save();
  ledger_.write_soon([&](journal::Db& db) {
    db.query("UPDATE threads SET at_ms = ? WHERE thread = ?").bind(clock_.now_ms()).bind(thread).run();
  });
}

void Powers::unsure(const std::string& thread) {
  auto facts = of(thread);
  if (!facts) return;
  facts->set_powers_known(false);
  keep(*facts);
}

void Powers::session_over() { loaded_.clear(); }

std::optional<v1::ThreadFacts> Powers::of(const std::string& thread) {
  if (const auto found = loaded_.find(thread); found != loaded_.end()) return found->second;
  if (const auto found = unsaved_.find(thread); found != unsaved_.end()) {
    v1::ThreadFacts facts = found->second;
    facts.set_loaded(false);
    return facts;
  }
  auto row = ledger_.db().query("SELECT facts FROM threads WHERE thread = ?");
  row.bind(thread);
  v1::ThreadFacts facts;
  if (!row.step() || !facts.ParseFromString(row.text(0))) return std::nullopt;
  facts.set_loaded(false);
  return facts;
}

int64_t Powers::last_seen_ms(const std::string& thread) {
  auto row = ledger_.db().query("SELECT at_ms FROM threads WHERE thread = ?");
  row.bind(thread);
  return row.step() ? row.integer(0) : 0;
}

void Powers::keep(const v1::ThreadFacts& facts) {
  loaded_[facts.thread()] = facts;
  unsaved_[facts.thread()] = facts;
  save();
}

void Powers::save() {
  while (!unsaved_.empty()) {
    const auto& next = *unsaved_.begin();
    ledger_.write_soon([&](journal::Db& db) {
      db.query("INSERT OR REPLACE INTO threads (thread, facts, at_ms) VALUES (?, ?, ?)")
          .bind(next.first)
          .blob(next.second.SerializeAsString())
          .bind(clock_.now_ms())
          .run();
    });
    unsaved_.erase(unsaved_.begin());
  }
}

bool changes_powers(std::string_view params) {
  const auto object = json::parse_codex_object(params);
  if (!object.ok()) return true;
  for (const char* key : {"approvalPolicy", "approvalsReviewer", "sandbox", "sandboxPolicy", "permissions",
                          "cwd", "config", "runtimeWorkspaceRoots", "environments", "collaborationMode"})
    if (object->contains(key)) return true;
  return false;
}

}  // namespace zane::supervisor
