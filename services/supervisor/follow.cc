#include "services/supervisor/follow.h"

#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{30000};

std::string resume_params(const std::string& thread) {
  return boost::json::serialize(boost::json::object{{"threadId", thread}, {"excludeTurns", true}});
}

bool waits_for_a_person(const boost::json::object& status) {
  const auto* flags = json::array_at(status, "activeFlags");
  if (!flags) return false;
  for (const auto& flag : *flags)
    if (flag.is_string() && flag.get_string().starts_with("waitingOn")) return true;
  return false;
}

}  // namespace

loop::Task<> Follow::resume_loaded(std::shared_ptr<const Session> session) {
  followed_.clear();
  resumed_.clear();
  announced_.clear();
  not_followed_.clear();
  std::set<std::string> threads;
  for (milliseconds pause = kFirstPause; !co_await list_loaded(session, threads);) {
    if (!session->alive) co_return;
    co_await loop::sleep_for(io_, pause);
    pause = std::min(pause * 2, kLongestPause);
  }
  for (const auto& thread : threads) {
    if (!session->alive) co_return;
    if (!co_await resume(session, thread) && session->alive)
      loop::spawn(io_, "resume_again", resume_until_it_works(session, thread));
  }
}

loop::Task<bool> Follow::list_loaded(std::shared_ptr<const Session> session, std::set<std::string>& threads) {
  std::string cursor;
  do {
    boost::json::object params{{"limit", 100}};
    if (!cursor.empty()) params["cursor"] = cursor;
    const auto reply = co_await codex_.call("thread/loaded/list", boost::json::serialize(params));
    if (!session->alive || !reply.ok() || !reply->ok) co_return false;
    const auto page = json::parse_object(reply->bytes);
    const auto* ids = page.ok() ? json::array_at(*page, "data") : nullptr;
    if (!ids) co_return false;
    for (const auto& id : *ids)
      if (id.is_string()) threads.insert(std::string(id.get_string()));
    cursor = std::string(json::string_at(*page, "nextCursor").value_or(""));
  } while (!cursor.empty() && threads.size() < kLoadedThreadsMax);
  co_return true;
}

void Follow::announced(const std::string& thread) {
  if (followed_.contains(thread)) return;
  announced_.insert(thread);
  if (making_ == 0) follow_announced();
}

void Follow::making_ends() {
  if (--making_ == 0) follow_announced();
}

void Follow::follow_announced() {
  const auto session = codex_.session();
  if (!session) return;
  for (const auto& thread : std::exchange(announced_, {}))
    if (!followed_.contains(thread)) loop::spawn(io_, "follow", resume_until_it_works(session, thread));
}

loop::Task<> Follow::resume_until_it_works(std::shared_ptr<const Session> session, std::string thread) {
  for (milliseconds pause = kFirstPause; session->alive && !followed_.contains(thread);) {
    if (co_await resume(session, thread)) co_return;
    co_await loop::sleep_for(io_, pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

loop::Task<bool> Follow::resume(std::shared_ptr<const Session> session, std::string thread) {
  followed_.insert(thread);
  Resumed resumed;
  resumed.thread = thread;
  resumed.last_seen_ms = powers_.last_seen_ms(thread);
  const auto reply = co_await codex_.call("thread/resume", resume_params(thread));
  if (!session->alive) co_return false;
  if (!reply.ok() || !reply->ok) {
    followed_.erase(thread);
    // One in which nothing was said yet is such a thread, for as long as that stays so.
    if (not_followed_.insert(thread).second)
      log::warn(
          "thread_not_followed",
          {{"thread", thread}, {"why", reply.ok() ? reply->bytes : std::string(reply.status().message())}});
    co_return false;
  }
  resumed_.insert(thread);
  powers_.learn_from_answer(reply->bytes);
  const auto answer = json::parse_codex_object(reply->bytes);
  const auto* told = answer.ok() ? json::object_at(*answer, "thread") : nullptr;
  if (told) {
    resumed.updated_at_ms = json::int_at(*told, "updatedAt").value_or(0) * 1000;
    if (const auto* status = json::object_at(*told, "status")) {
      resumed.status = std::string(json::string_at(*status, "type").value_or(""));
      resumed.waits = waits_for_a_person(*status);
    }
  }
  not_followed_.erase(thread);
  log::info("thread_followed", {{"thread", thread}});
  on_resumed_(resumed);
  co_return true;
}

}  // namespace zane::supervisor
