#include "services/supervisor/catch_up.h"

#include "boost/asio/post.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/json/scan.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "services/supervisor/items.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;

constexpr int kJournalPage = 500;
constexpr int kTries = 5;
constexpr std::chrono::milliseconds kAgain{500};
// Codex counts in whole seconds.
constexpr int64_t kSecondMs = 1000;

absl::StatusOr<bj::object> read(const absl::StatusOr<CodexReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (!reply->ok) return absl::FailedPreconditionError(reply->bytes);
  return json::parse_codex_object(reply->bytes);
}

}  // namespace

void CatchUp::resumed(std::shared_ptr<const Session> session, const Follow::Resumed& thread) {
  live_[thread.thread] = {};
  loop::spawn(io_, "catch_up", look(session, thread));
}

loop::Task<> CatchUp::look(std::shared_ptr<const Session> session, Follow::Resumed thread) {
  const Held held = co_await held_of(thread.thread);
  const bool runs = thread.status == "active";
  const bool ran = !held.turn.empty() && !held.ended;
  // Idle, and not touched since we last saw it: nothing was missed. Codex counts in
  // whole seconds, so in doubt it was.
  const bool touched = thread.last_seen_ms > 0 && thread.updated_at_ms + kSecondMs > thread.last_seen_ms;
  const bool begun_lately = held.turn.empty() && thread.updated_at_ms + kBegunLatelyMs > clock_.now_ms();
  if (!session->alive || (!runs && !ran && !(touched && (!held.turn.empty() || begun_lately)))) {
    live_.erase(thread.thread);
    co_return;
  }
  // A thread of which the journal has nothing was never shown as whole.
  if (!held.turn.empty() && (runs || ran))
    tell_hole(thread.thread, held.turn, "Zane was not connected to Codex");
  co_await fetch(session, thread.thread, held);
  live_.erase(thread.thread);
}

// Page by page, so that a long turn does not hold the loop.
loop::Task<CatchUp::Held> CatchUp::held_of(std::string thread) {
  Held held;
  v1::JournalRead request;
  request.set_thread(thread);
  request.set_limit(kJournalPage);
  request.set_after_seq(journal_.stream_start(thread));
  for (;;) {
    v1::JournalPage page;
    try {
      page = journal_.read(request);
    } catch (const journal::SqliteError& e) {
      log::warn("catch_up_without_journal", {{"thread", thread}, {"why", e.what()}});
      co_return held;
    }
    for (const auto& event : page.events()) {
      if (event.method() == "turn/started") held = {event.turn(), false, {}};
      if (event.method() == "turn/completed" && event.turn() == held.turn) held.ended = true;
      if (event.method() == "item/completed") held.completed.insert(event.item());
    }
    if (!page.gap().empty() || page.through_seq() >= page.head_seq()) co_return held;
    request.set_after_seq(page.through_seq());
    co_await boost::asio::post(io_, boost::asio::use_awaitable);
  }
}

loop::Task<> CatchUp::fetch(std::shared_ptr<const Session> session, std::string thread, Held held) {
  const std::string params = bj::serialize(bj::object{{"threadId", thread},
                                                      {"limit", kTurnsLookedAt},
                                                      {"sortDirection", "desc"},
                                                      {"itemsView", "notLoaded"}});
  absl::StatusOr<bj::object> page = absl::UnavailableError("not asked");
  for (int tried = 0; tried < kTries && session->alive; ++tried) {
    if (tried > 0) co_await loop::sleep_for(io_, kAgain * (1 << tried));
    page = read(co_await bulk_.call("thread/turns/list", params));
    if (page.ok()) break;
  }
  if (!session->alive) co_return;
  const auto* turns = page.ok() ? json::array_at(*page, "data") : nullptr;
  if (!turns) {
    log::warn("catch_up_failed", {{"thread", thread}, {"why", page.status().message()}});
    co_return;
  }
  // Newest first: from the one after the last that is held whole.
  size_t count = 0;
  while (count < turns->size()) {
    const auto* turn = (*turns)[count].if_object();
    const bool known = turn && json::string_at(*turn, "id") == std::string_view(held.turn);
    if (known && held.ended) break;
    ++count;
    if (known || held.turn.empty()) break;
  }
  for (size_t at = count; at-- > 0 && session->alive;) {
    const auto* turn = (*turns)[at].if_object();
    const auto id = turn ? json::string_at(*turn, "id") : std::nullopt;
    if (!id) continue;
    const std::string turn_id(*id);
    const bool is_held = turn_id == held.turn;
    const bool runs = json::string_at(*turn, "status") == std::string_view("inProgress");
    if (!is_held && live_[thread].turn != turn_id)
      outward_.say({"recovered",
                    journal::Level::kList,
                    thread,
                    turn_id,
                    "",
                    "turn/started",
                    {{"threadId", thread}, {"turn", *turn}}});
    if (!is_held && runs) tell_hole(thread, turn_id, "it began before Zane was connected to Codex");
    bj::array order;
    const bool all = co_await fetch_items(session, thread, turn_id,
                                          is_held ? held.completed : std::set<std::string>(), order);
    if (!session->alive) co_return;
    if (runs || !all) {
      if (runs) running_[thread] = turn_id;
      continue;
    }
    const bool end_seen = live_[thread].turn == turn_id && live_[thread].ended;
    if (!end_seen)
      outward_.say({"recovered",
                    journal::Level::kList,
                    thread,
                    turn_id,
                    "",
                    "turn/completed",
                    {{"threadId", thread}, {"turn", *turn}}});
    tell_whole(thread, turn_id, std::move(order));
  }
}

// Journals what is missing of a turn's items; false when not all could be had.
loop::Task<bool> CatchUp::fetch_items(std::shared_ptr<const Session> session, std::string thread,
                                      std::string turn, std::set<std::string> completed, bj::array& order) {
  const auto read =
      co_await read_items(bulk_, session, thread, turn, Order::kAsTheyCame, kItemsRecoveredMax,
                          [&](const bj::object& item, std::string_view) {
                            const auto id = json::string_at(item, "id");
                            if (!id) return true;
                            order.push_back(bj::value(*id));
                            const std::string item_id(*id);
                            if (completed.contains(item_id) || live_[thread].completed.contains(item_id))
                              return true;
                            outward_.say({"recovered",
                                          journal::Level::kThread,
                                          thread,
                                          turn,
                                          item_id,
                                          "item/completed",
                                          {{"threadId", thread}, {"turnId", turn}, {"item", item}}});
                            return true;
                          });
  co_return read.all;
}

void CatchUp::missed(const CodexMessage& message, size_t bytes_at_least) {
  log::warn("codex_message_cut",
            {{"method", message.method}, {"thread", message.thread}, {"bytes", bytes_at_least}});
  if (message.thread.empty()) return;
  tell_hole(message.thread, message.turn, "a message of Codex's was too long to be kept");
  if (!message.turn.empty()) running_[message.thread] = message.turn;
}

void CatchUp::saw(std::shared_ptr<const Session> session, const CodexMessage& message) {
  if (const auto live = live_.find(message.thread); live != live_.end()) {
    if (message.method == "turn/started") live->second.turn = message.turn;
    if (message.method == "item/completed") live->second.completed.insert(message.item);
    if (message.method == "turn/completed") {
      live->second.turn = message.turn;
      live->second.ended = true;
    }
  }
  if (message.method != "turn/completed") return;
  const auto running = running_.find(message.thread);
  if (running == running_.end() || running->second != message.turn) return;
  running_.erase(running);
  // Its end is here: what is still missing of it can be had now.
  loop::spawn(io_, "make_whole",
              [](CatchUp& self, std::shared_ptr<const Session> s, std::string thread,
                 std::string turn) -> loop::Task<> {
                self.live_[thread] = {turn, true, {}};
                const Held held = co_await self.held_of(thread);
                bj::array order;
                const bool all = co_await self.fetch_items(
                    s, thread, turn, held.turn == turn ? held.completed : std::set<std::string>(), order);
                self.live_.erase(thread);
                if (all) self.tell_whole(thread, turn, std::move(order));
              }(*this, std::move(session), message.thread, message.turn));
}

void CatchUp::tell_hole(const std::string& thread, const std::string& turn, const std::string& why) {
  outward_.say({"zane",
                journal::Level::kThread,
                thread,
                turn,
                "",
                "zane/hole",
                {{"threadId", thread}, {"turnId", turn}, {"reason", why}}});
}

void CatchUp::tell_whole(const std::string& thread, const std::string& turn, bj::array order) {
  outward_.say({"zane",
                journal::Level::kThread,
                thread,
                turn,
                "",
                "zane/whole",
                {{"threadId", thread}, {"turnId", turn}, {"itemIds", std::move(order)}}});
}

}  // namespace zane::supervisor
