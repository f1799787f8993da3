// Fuzzes the parser of a frame on the link. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/link/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto frame = zane::link::decode(bytes);
  if (!frame.ok()) return 0;
  size_t length = 0;
  for (const auto body : frame->bodies) length += body.size();
  if (length > bytes.size()) __builtin_trap();
  // What was read can be written and read again.
  if (!zane::link::decode(zane::link::encode(frame->header, frame->bodies)).ok()) __builtin_trap();
  return 0;
}
