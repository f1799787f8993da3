// Fuzzes the parser of JSON from outside. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/json/scan.h"
#include "lib/json/strict.h"
#include "lib/text/utf8.h"
#include "tests/fuzz/json_same.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto strict = zane::json::parse_strict_object(bytes);
  const auto loose = zane::json::parse_object(bytes);
  const auto codex = zane::json::parse_codex_object(bytes);
  // The stricter takes nothing that the looser does not, and reads it no differently.
  if (strict.ok() && (!loose.ok() || !zane::fuzz::same(*strict, *loose))) __builtin_trap();
  if (loose.ok() && (!codex.ok() || !zane::fuzz::same(*loose, *codex))) __builtin_trap();
  if (codex.ok() && !zane::text::is_utf8(bytes)) __builtin_trap();
  if (strict.ok()) {
    // What is handed on is written anew: the next reader sees what was judged.
    const auto again = zane::json::parse_strict_object(boost::json::serialize(*strict));
    if (!again.ok() || !zane::fuzz::same(*strict, *again)) __builtin_trap();
  }
  if (!loose.ok()) return 0;
  for (const auto& member : *loose) {
    // The scan finds the bytes of the very value that the parser made.
    const auto found = zane::json::member_bytes(bytes, member.key());
    if (!found || !zane::fuzz::same(boost::json::parse(*found, {}, {.max_depth = 64}), member.value()))
      __builtin_trap();
    if (!zane::json::member_onwards(bytes, member.key())) __builtin_trap();
  }
  if (zane::json::member_bytes(bytes, "none of its keys") && !loose->contains("none of its keys"))
    __builtin_trap();
  return 0;
}
