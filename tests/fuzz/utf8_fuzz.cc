// Fuzzes the cleaning of foreign text. Traps where an invariant breaks.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/text/utf8.h"
#include "lib/text/visible.h"

namespace {

namespace text = zane::text;

// The next character of UTF-8.
uint32_t take(std::string_view& from) {
  const auto first = static_cast<unsigned char>(from[0]);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint32_t code = length == 1 ? first : first & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(from[i]) & 0x3f);
  from.remove_prefix(length);
  return code;
}

// Nothing in it hides, or pushes the rest out of sight.
void check_shown(std::string_view shown) {
  if (!text::is_utf8(shown)) __builtin_trap();
  size_t blanks = 0;
  while (!shown.empty()) {
    const uint32_t code = take(shown);
    if (text::hides(code)) __builtin_trap();
    blanks = code == ' ' ? blanks + 1 : 0;
    if (blanks > text::kBlanksShownMax) __builtin_trap();
  }
}

void check_cut(std::string_view whole, size_t bound) {
  const auto first = text::cut_at_character(whole, bound);
  const auto last = text::last_at_character(whole, bound);
  if (first.size() > bound || last.size() > bound) __builtin_trap();
  if (!whole.starts_with(first) || !whole.ends_with(last)) __builtin_trap();
  if (text::is_utf8(whole) && (!text::is_utf8(first) || !text::is_utf8(last))) __builtin_trap();
  // No more is lost than one character.
  if (std::min(first.size(), last.size()) + 3 < std::min(bound, whole.size())) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string clean = text::to_utf8(bytes);
  if (!text::is_utf8(clean) || text::to_utf8(clean) != clean) __builtin_trap();
  if (text::is_utf8(bytes) != (clean == bytes)) __builtin_trap();
  for (const std::string_view whole : {bytes, std::string_view(clean)})
    for (const size_t bound :
         {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{4}, size_t{7}, size / 2, size})
      check_cut(whole, bound);
  const std::string shown = text::visible(bytes);
  check_shown(shown);
  // What is shown whole is shown as it would be anyway, and what is cut says so.
  for (const size_t most : {size_t{0}, size_t{1}, size_t{5}, size_t{40}}) {
    const std::string cut = text::visible(bytes, most);
    check_shown(cut);
    if (cut == shown) continue;
    const size_t mark = cut.rfind("… ⟨and ");
    if (mark == std::string::npos || !shown.starts_with(cut.substr(0, mark))) __builtin_trap();
  }
  return 0;
}
