// Fuzzes the parser of a command's parameters. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/json/strict.h"
#include "services/policy/folders.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto params = zane::json::parse_object(bytes);
  if (!params.ok()) return 0;
  (void)zane::policy::unprotected_by(*params);
  (void)zane::policy::writable_folders_in(*params);
  (void)zane::policy::folders_opened_by(*params);
  return 0;
}
