// The items of a turn or thread, as Codex keeps them: read page by page over the bulk
// connection, however long each is.
#pragma once

#include <functional>
#include <string>

#include "boost/json.hpp"
#include "services/supervisor/bulk.h"

namespace zane::supervisor {

enum class Order { kAsTheyCame, kNewestFirst };

struct ItemsRead {
  // There are no others. Else there may be: more than `at_most`, a call that failed, a session
  // that is over, or `on_item` said so.
  bool all = false;
  // Codex has answered each time, be it with an error.
  bool answered = true;
};

// Of one turn, or with "" of all of a thread. Calls `on_item` for each with its turn, until
// that says false.
loop::Task<ItemsRead> read_items(
    Bulk& bulk, std::shared_ptr<const Session> session, std::string thread, std::string turn, Order order,
    size_t at_most, std::function<bool(const boost::json::object& item, std::string_view turn)> on_item);

}  // namespace zane::supervisor
