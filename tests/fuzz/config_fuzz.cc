// Fuzzes the parser of zane.toml. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)zane::config::parse(std::string(bytes), "zane.toml");
  return 0;
}
