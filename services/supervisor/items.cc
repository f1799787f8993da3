#include "services/supervisor/items.h"

#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;

// Each may hold 126 KB of a command's output; a page that is too long all the same is
// asked for item by item.
constexpr int kItemsPage = 20;

}  // namespace

loop::Task<ItemsRead> read_items(Bulk& bulk, std::shared_ptr<const Session> session, std::string thread,
                                 std::string turn, Order order, size_t at_most,
                                 std::function<bool(const bj::object&, std::string_view)> on_item) {
  bj::object params{{"threadId", thread}, {"limit", kItemsPage}};
  if (!turn.empty()) params["turnId"] = turn;
  if (order == Order::kNewestFirst) params["sortDirection"] = "desc";
  // A Codex that goes on without an end is not followed for ever.
  size_t items = 0;
  for (size_t pages = 0; pages <= at_most && items <= at_most; ++pages) {
    const auto reply = co_await bulk.call("thread/items/list", bj::serialize(params));
    const ItemsRead some{false, session->alive && (reply.ok() || absl::IsOutOfRange(reply.status()))};
    if (!session->alive) co_return some;
    if (absl::IsOutOfRange(reply.status()) && params["limit"] != 1) {
      params["limit"] = 1;
      continue;
    }
    absl::StatusOr<bj::object> page = absl::FailedPreconditionError("codex answered with an error");
    if (!reply.ok())
      page = reply.status();
    else if (reply->ok)
      page = json::parse_codex_object(reply->bytes);
    const auto* entries = page.ok() ? json::array_at(*page, "data") : nullptr;
    if (!entries) {
      log::warn("items_not_read", {{"thread", thread}, {"turn", turn}, {"why", page.status().message()}});
      co_return some;
    }
    for (const auto& entry : *entries) {
      ++items;
      const auto* object = entry.if_object();
      const auto* item = object ? json::object_at(*object, "item") : nullptr;
      if (item && !on_item(*item, json::string_at(*object, "turnId").value_or(""))) co_return some;
    }
    const auto next = json::string_at(*page, "nextCursor");
    if (!next || next->empty()) co_return ItemsRead{true};
    params["cursor"] = *next;
  }
  log::warn("items_not_read", {{"thread", thread}, {"turn", turn}, {"why", "there are too many"}});
  co_return ItemsRead{};
}

}  // namespace zane::supervisor
