#include "lib/json/scan.h"

#include <string>

#include "boost/json.hpp"

namespace zane::json {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Past the string that begins at `at`.
size_t skip_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

// Past the value that begins at `at`.
size_t skip_value(std::string_view text, size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    }
    if (depth == 0 && (c == ',' || is_space(c))) return at;
    ++at;
  }
  return at;
}

// Whether the text between the quotes of a key spells `key`, escapes and all.
bool spells(std::string_view quoted, std::string_view key) {
  if (quoted.find('\\') == std::string_view::npos) return quoted == key;
  boost::json::error_code error;
  const auto value = boost::json::parse("\"" + std::string(quoted) + "\"", error);
  return !error && value.is_string() && value.get_string() == key;
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// Calls `found(name, begin, end)` for each member until it says stop; `end` may
// lie beyond the text when that is cut off.
template <typename Found>
void each_member(std::string_view object, Found found) {
  size_t at = skip_space(object, 0);
  if (at >= object.size() || object[at] != '{') return;
  at = skip_space(object, at + 1);
  while (at < object.size() && object[at] == '"') {
    const size_t key_end = skip_string(object, at);
    if (key_end > object.size()) return;
    const std::string_view name = object.substr(at + 1, key_end - at - 2);
    at = skip_space(object, key_end);
    if (at >= object.size() || object[at] != ':') return;
    const size_t begin = skip_space(object, at + 1);
    if (begin > object.size() || !found(name, begin)) return;
    const size_t end = skip_value(object, begin);
    if (end > object.size()) return;
    at = skip_space(object, end);
    if (at < object.size() && object[at] == ',') at = skip_space(object, at + 1);
  }
}

}  // namespace

std::optional<std::string_view> member_bytes(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  each_member(object, [&](std::string_view name, size_t begin) {
    if (!spells(name, key)) return true;
    const size_t end = skip_value(object, begin);
    if (end <= object.size()) found = object.substr(begin, end - begin);
    return true;
  });
  return found;
}

std::optional<std::string_view> member_onwards(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  each_member(object, [&](std::string_view name, size_t begin) {
    if (spells(name, key)) found = object.substr(begin);
    return !found;
  });
  return found;
}

}  // namespace zane::json
