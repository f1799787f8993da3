#include "lib/json/strict.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "boost/json/basic_parser_impl.hpp"

namespace zane::json {
namespace {

namespace bj = boost::json;

// Walks the text and remembers the keys of each open object.
struct RepeatedKeyFinder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  std::vector<std::set<std::string>> open;
  std::string key_part;
  bool repeated = false;

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_array_begin(bj::error_code&) { return true; }
  bool on_array_end(std::size_t, bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code&) {
    open.pop_back();
    return true;
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    key_part.append(part.data(), part.size());
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, bj::error_code& error) {
    key_part.append(part.data(), part.size());
    repeated = !open.back().insert(std::move(key_part)).second;
    key_part.clear();
    if (repeated) error = bj::make_error_code(bj::error::syntax);
    return !repeated;
  }
  bool on_string_part(bj::string_view, std::size_t, bj::error_code&) { return true; }
  bool on_string(bj::string_view, std::size_t, bj::error_code&) { return true; }
  bool on_number_part(bj::string_view, bj::error_code&) { return true; }
  bool on_int64(int64_t, bj::string_view, bj::error_code&) { return true; }
  bool on_uint64(uint64_t, bj::string_view, bj::error_code&) { return true; }
  bool on_double(double, bj::string_view, bj::error_code&) { return true; }
  bool on_bool(bool, bj::error_code&) { return true; }
  bool on_null(bj::error_code&) { return true; }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }
};

bj::parse_options options(size_t depth) {
  bj::parse_options result;
  result.max_depth = depth;
  return result;
}

// A number too large for a double is read as infinity and written as "Infinity", which
// is no JSON. Recurses as deep as the parser let the value be.
bool all_finite(const bj::value& value) {
  if (const auto* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) return std::all_of(array->begin(), array->end(), all_finite);
  if (const auto* object = value.if_object())
    return std::all_of(object->begin(), object->end(),
                       [](const auto& member) { return all_finite(member.value()); });
  return true;
}

absl::StatusOr<bj::object> parse_to(size_t depth, std::string_view text) {
  bj::error_code error;
  bj::value value = bj::parse(text, error, {}, options(depth));
  if (error) return absl::InvalidArgumentError("not JSON: " + error.message());
  if (!value.is_object()) return absl::InvalidArgumentError("not a JSON object");
  if (!all_finite(value)) return absl::InvalidArgumentError("a number is too large to be handed on");
  return std::move(value.as_object());
}

}  // namespace

absl::StatusOr<bj::object> parse_object(std::string_view text) { return parse_to(kDepthMax, text); }

absl::StatusOr<bj::object> parse_codex_object(std::string_view text) {
  return parse_to(kCodexLookDepthMax, text);
}

absl::StatusOr<bj::object> parse_strict_object(std::string_view text) {
  bj::basic_parser<RepeatedKeyFinder> finder(options(kDepthMax));
  bj::error_code error;
  finder.write_some(false, text.data(), text.size(), error);
  if (finder.handler().repeated) return absl::InvalidArgumentError("a key is repeated in an object");
  return parse_object(text);
}

std::optional<std::string_view> string_at(const bj::object& object, std::string_view key) {
  const bj::value* value = object.if_contains(key);
  if (!value || !value->is_string()) return std::nullopt;
  const bj::string& text = value->get_string();
  return std::string_view(text.data(), text.size());
}

std::optional<int64_t> int_at(const bj::object& object, std::string_view key) {
  const bj::value* value = object.if_contains(key);
  if (!value || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

const bj::object* object_at(const bj::object& object, std::string_view key) {
  const bj::value* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const bj::array* array_at(const bj::object& object, std::string_view key) {
  const bj::value* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

}  // namespace zane::json
