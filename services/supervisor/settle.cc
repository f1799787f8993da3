#include "services/supervisor/settle.h"

#include <algorithm>

#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "services/supervisor/items.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks{150};
constexpr milliseconds kAgainFirst{500};
constexpr milliseconds kAgainLongest{60000};
constexpr int kTurnsPage = 10;
// Of one turn, newest first.
constexpr size_t kItemsLookedAt = 2000;

Outcome outcome_of(const bj::object& item) {
  const auto status = json::string_at(item, "status").value_or("");
  if (status == "completed" || status == "failed") return Outcome::kRan;
  if (status == "declined") return Outcome::kRefused;
  return Outcome::kUnknown;
}

// Codex keeps an item of each command and file change that ran; other requests ask for
// something that leaves none.
bool asks_for_its_item(std::string_view method) {
  return method == "item/commandExecution/requestApproval" || method == "item/fileChange/requestApproval";
}

absl::StatusOr<bj::object> object_of(const absl::StatusOr<CodexReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (!reply->ok) return absl::FailedPreconditionError("codex answered with an error");
  return json::parse_codex_object(reply->bytes);
}

}  // namespace

void Settle::begin(std::shared_ptr<const Session> session) {
  facts_ = {};
  doubted_.clear();
  facts_.instance = session->instance;
}

loop::Task<> Settle::keep_looking(std::shared_ptr<const Session> session) {
  for (milliseconds pause = kAgainFirst; session->alive; pause = std::min(pause * 2, kAgainLongest)) {
    co_await loop::sleep_for(io_, pause);
    if (!session->alive || co_await look(session)) co_return;
  }
}

loop::Task<bool> Settle::look(std::shared_ptr<const Session> session) {
  std::map<std::string, std::vector<std::string>> threads;
  for (const auto& a : approvals_.unsettled())
    if (a.instance == session->instance && !facts_.repeated.contains(a.id) && follow_.follows(a.thread))
      threads[a.thread].push_back(a.turn);
  for (const auto& [thread, turns] : threads) {
    co_await look_at(session, thread, turns);
    if (!session->alive) co_return true;
  }
  std::vector<UnsettledRow> rows;
  for (const auto& a : approvals_.unsettled())
    rows.push_back(
        {a.id, a.instance, a.state, a.thread, a.turn, a.item, a.grants, asks_for_its_item(a.method)});
  auto settlements = reconcile(rows, facts_);
  std::erase_if(settlements, [this](const Settlement& settlement) {
    return settlement.by_absence && doubted_.insert(settlement.approval + " " + settlement.state).second;
  });
  try {
    approvals_.settle(settlements);
  } catch (const journal::SqliteError& e) {
    log::warn("not_settled_now", {{"why", e.what()}});
    co_return false;
  }
  for (const auto& settlement : settlements)
    log::info("approval_reconciled", {{"approval", settlement.approval}, {"state", settlement.state}});
  told_();
  const auto left = approvals_.unsettled();
  co_return std::all_of(left.begin(), left.end(),
                        [&](const Approval& a) { return facts_.repeated.contains(a.id); });
}

loop::Task<> Settle::look_at(std::shared_ptr<const Session> session, std::string thread,
                             std::vector<std::string> turns) {
  ThreadNow now;
  std::string status;
  const auto first = co_await waits(thread, status);
  if (!first || !session->alive) co_return;
  co_await loop::sleep_for(io_, kBetweenLooks);
  const auto second = co_await waits(thread, status);
  if (!second || !session->alive) co_return;
  now.waits_for_nobody = !*first && !*second;
  now.status = status;
  const auto page = object_of(
      co_await bulk_.call("thread/turns/list", bj::serialize(bj::object{{"threadId", thread},
                                                                        {"limit", kTurnsPage},
                                                                        {"sortDirection", "desc"},
                                                                        {"itemsView", "notLoaded"}})));
  if (!session->alive) co_return;
  if (const auto* list = page.ok() ? json::array_at(*page, "data") : nullptr)
    for (const auto& turn : *list)
      if (turn.is_object())
        now.turn_ended[std::string(json::string_at(turn.get_object(), "id").value_or(""))] =
            json::string_at(turn.get_object(), "status") != std::string_view("inProgress");
  for (const auto& turn : turns) {
    const auto read = co_await read_items(bulk_, session, thread, turn, Order::kNewestFirst, kItemsLookedAt,
                                          [&](const bj::object& item, std::string_view) {
                                            now.items[std::string(json::string_at(item, "id").value_or(""))] =
                                                outcome_of(item);
                                            return true;
                                          });
    if (!session->alive) co_return;
    if (read.all) now.read_whole.insert(turn);
  }
  facts_.threads[thread] = std::move(now);
}

// On the connection for events: what Codex repeats for this thread it has sent
// before it answers this.
loop::Task<std::optional<bool>> Settle::waits(std::string thread, std::string& status) {
  const auto read =
      object_of(co_await codex_.call("thread/read", bj::serialize(bj::object{{"threadId", thread}})));
  const auto* told = read.ok() ? json::object_at(*read, "thread") : nullptr;
  const auto* now = told ? json::object_at(*told, "status") : nullptr;
  if (!now) co_return std::nullopt;
  status = std::string(json::string_at(*now, "type").value_or(""));
  const auto* flags = json::array_at(*now, "activeFlags");
  co_return flags&& std::any_of(flags->begin(), flags->end(), [](const bj::value& flag) {
    return flag.is_string() && flag.get_string().starts_with("waitingOn");
  });
}

}  // namespace zane::supervisor
