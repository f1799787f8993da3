// Fuzzes the parser of JSON from outside. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/json/scan.h"
#include "lib/json/strict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto strict = zane::json::parse_strict_object(bytes);
  const auto loose = zane::json::parse_object(bytes);
  // The strict one takes nothing that the other does not.
  if (strict.ok() && !loose.ok()) __builtin_trap();
  (void)zane::json::parse_codex_object(bytes);
  if (!loose.ok()) return 0;
  for (const auto& member : *loose)
    if (!zane::json::member_bytes(bytes, member.key())) __builtin_trap();
  return 0;
}
