// Fuzzes the parser of the bus. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "zane/v1/envelope.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  zane::v1::Envelope envelope;
  if (!envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return 0;
  (void)envelope.SerializeAsString();
  return 0;
}
