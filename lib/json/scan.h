// Finds a member's own bytes in a JSON object, so that they can be handed on
// untouched. The text must already be known to be a good JSON object.
#pragma once

#include <optional>
#include <string_view>

namespace zane::json {

// The raw value of the top-level member `key`; the last one if repeated.
std::optional<std::string_view> member_bytes(std::string_view object, std::string_view key);

// The same of a text that may be cut off or broken: from where the value begins
// to the end of the text. The first one counts.
std::optional<std::string_view> member_onwards(std::string_view object, std::string_view key);

}  // namespace zane::json
