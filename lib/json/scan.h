// Finds a member's own bytes in a JSON object, so that they can be handed on
// untouched. The text must already be known to be a good JSON object.
#pragma once

#include <optional>
#include <string_view>

namespace zane::json {

// The raw value of the top-level member `key`; the last one if repeated.
std::optional<std::string_view> member_bytes(std::string_view object, std::string_view key);

}  // namespace zane::json
