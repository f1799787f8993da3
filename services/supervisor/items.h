// The items of one turn, as Codex keeps them: read page by page over the bulk
// connection, however long each is.
#pragma once

#include <functional>
#include <string>

#include "boost/json.hpp"
#include "services/supervisor/bulk.h"

namespace zane::supervisor {

enum class Order { kAsTheyCame, kNewestFirst };

// Calls `on_item` for each. True when there are no others; false when there may be:
// more than `at_most`, a call that failed, or a session that is over.
loop::Task<bool> read_items(Bulk& bulk, std::shared_ptr<const Session> session, std::string thread,
                            std::string turn, Order order, size_t at_most,
                            std::function<void(const boost::json::object&)> on_item);

}  // namespace zane::supervisor
