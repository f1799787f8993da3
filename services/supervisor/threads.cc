#include "services/supervisor/threads.h"

#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

std::string resume_params(const std::string& thread) {
  return boost::json::serialize(boost::json::object{{"threadId", thread}, {"excludeTurns", true}});
}

void add_roots(const boost::json::object& object, std::string_view key, v1::ThreadFacts& facts) {
  const auto* roots = json::array_at(object, key);
  if (!roots) return;
  for (const auto& root : *roots)
    if (root.is_string()) facts.add_writable_roots(std::string(root.as_string()));
}

}  // namespace

loop::Task<> Threads::resume_loaded() {
  followed_.clear();
  std::string cursor;
  do {
    boost::json::object params{{"limit", 100}};
    if (!cursor.empty()) params["cursor"] = cursor;
    const auto reply = co_await codex_.call("thread/loaded/list", boost::json::serialize(params));
    if (!reply.ok() || !reply->ok) co_return;
    const auto page = json::parse_object(reply->bytes);
    if (!page.ok()) co_return;
    if (const auto* ids = json::array_at(*page, "data"))
      for (const auto& id : *ids)
        if (id.is_string()) co_await follow(std::string(id.as_string()));
    cursor = std::string(json::string_at(*page, "nextCursor").value_or(""));
  } while (!cursor.empty() && followed_.size() < kLoadedThreadsMax);
  // One more round trip: whatever Codex repeats for a thread was sent before it.
  (void)co_await codex_.call("thread/loaded/list", "{\"limit\":1}");
}

void Threads::announced(const std::string& thread) {
  if (followed_.contains(thread)) return;
  announced_.insert(thread);
  if (making_ == 0) follow_announced();
}

void Threads::making_ends() {
  if (--making_ == 0) follow_announced();
}

void Threads::follow_announced() {
  for (const auto& thread : std::exchange(announced_, {}))
    if (!followed_.contains(thread)) loop::spawn(io_, "follow", follow(thread));
}

loop::Task<> Threads::follow(std::string thread) {
  followed_.insert(thread);
  const auto reply = co_await codex_.call("thread/resume", resume_params(thread));
  const bool ok = reply.ok() && reply->ok;
  if (!ok) {
    followed_.erase(thread);
    log::warn(
        "thread_not_followed",
        {{"thread", thread}, {"why", reply.ok() ? reply->bytes : std::string(reply.status().message())}});
    co_return;
  }
  log::info("thread_followed", {{"thread", thread}});
}

loop::Task<v1::ThreadFacts> Threads::facts(std::string thread) {
  v1::ThreadFacts facts;
  facts.set_thread(thread);
  const auto reply =
      co_await codex_.call("thread/read", boost::json::serialize(boost::json::object{{"threadId", thread}}));
  if (!reply.ok() || !reply->ok) co_return facts;
  const auto result = json::parse_object(reply->bytes);
  const auto* read = result.ok() ? json::object_at(*result, "thread") : nullptr;
  if (!read) co_return facts;
  facts.set_known(true);
  facts.set_cwd(std::string(json::string_at(*read, "cwd").value_or("")));
  add_roots(*read, "runtimeWorkspaceRoots", facts);
  if (const auto* environments = json::array_at(*read, "environments"))
    for (const auto& environment : *environments)
      if (environment.is_object()) add_roots(environment.as_object(), "runtimeWorkspaceRoots", facts);
  co_return facts;
}

}  // namespace zane::supervisor
