// Fuzzes the parser of foreign text. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string clean = zane::text::to_utf8(bytes);
  if (!zane::text::is_utf8(clean)) __builtin_trap();
  if (zane::text::is_utf8(bytes) && clean != bytes) __builtin_trap();
  for (size_t bound = 0; bound < 9; ++bound)
    if (zane::text::cut_at_character(clean, bound).size() > bound ||
        !zane::text::is_utf8(zane::text::cut_at_character(clean, bound)) ||
        !zane::text::is_utf8(zane::text::last_at_character(clean, bound)))
      __builtin_trap();
  return 0;
}
