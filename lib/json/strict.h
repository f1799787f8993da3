// JSON from outside, read one way only: refuses repeated keys, bad UTF-8, deep
// nesting, numbers beyond a double and trailing bytes, so that no second parser may
// read it differently (design §3). What we hand on is written anew from the value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "boost/json.hpp"

namespace zane::json {

inline constexpr size_t kDepthMax = 64;

// InvalidArgument with the cause when `text` is not one JSON object.
absl::StatusOr<boost::json::object> parse_strict_object(std::string_view text);

// What Zane's own parts wrote, or small answers of Codex's: any JSON object, depth
// bounded, last of two equal keys counts.
absl::StatusOr<boost::json::object> parse_object(std::string_view text);

// Codex writes with serde_json, which nests to 128: its requests are looked at to
// well beyond that. Used for looking only; the bytes themselves are what is kept.
inline constexpr size_t kCodexLookDepthMax = 1000;
absl::StatusOr<boost::json::object> parse_codex_object(std::string_view text);

// The member when it is there and of that type.
std::optional<std::string_view> string_at(const boost::json::object& object, std::string_view key);
std::optional<int64_t> int_at(const boost::json::object& object, std::string_view key);
const boost::json::object* object_at(const boost::json::object& object, std::string_view key);
const boost::json::array* array_at(const boost::json::object& object, std::string_view key);

}  // namespace zane::json
