// Which role a command needs: one table over method *and parameters* (design
// §7). What is not in the table needs `owner`; so does a parameter that the
// table does not name. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "boost/json.hpp"

namespace zane::policy {

enum class Role { kViewer, kApprover, kOperator, kOwner };

std::optional<Role> role_from(std::string_view name);
std::string_view name_of(Role role);

Role required_role(std::string_view method, const boost::json::object& params);

// What an order is to be remembered as.
enum class Weight {
  // Changes nothing on the Mac: answered anew each time, no id is remembered. By
  // its parameters too: a read with others is no read.
  kReads,
  // A keystroke or its like: remembered, but without a receipt on the way and
  // without a sync of its own.
  kLight,
  // Remembered on the disk, audited before and after.
  kOrder,
};
Weight weight_of(std::string_view method, const boost::json::object& params);

// Not a phone's to send, whatever its role: it would break supervisor's own
// connection to Codex.
bool is_reserved(std::string_view method);

}  // namespace zane::policy
