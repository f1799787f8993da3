// Fuzzes the parser of what Codex says. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "services/supervisor/codex_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = zane::supervisor::read_codex_message(bytes);
  if (message.ok() && message->understood && message->method.empty() && message->id.empty()) __builtin_trap();
  (void)zane::supervisor::read_broken_message(bytes);
  (void)zane::supervisor::resolved_request_of(bytes);
  return 0;
}
