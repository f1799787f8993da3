// Fuzzes the parser of the bus. Traps where an invariant breaks.
#include <cstdint>
#include <string>
#include <string_view>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "lib/text/utf8.h"
#include "zane/v1/envelope.pb.h"

namespace {

// Maps in the order of their keys.
std::string written(const zane::v1::Envelope& envelope) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream to(&bytes);
    google::protobuf::io::CodedOutputStream stream(&to);
    stream.SetSerializationDeterministic(true);
    if (!envelope.SerializeToCodedStream(&stream)) __builtin_trap();
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  zane::v1::Envelope envelope;
  if (!envelope.ParseFromArray(data, static_cast<int>(size))) return 0;
  const std::string bytes = written(envelope);
  if (bytes.size() != envelope.ByteSizeLong()) __builtin_trap();
  // Handed on, it says the same, with what is not known to us.
  zane::v1::Envelope again;
  if (!again.ParseFromString(bytes) || again.body_case() != envelope.body_case() || written(again) != bytes)
    __builtin_trap();
  // These go into logs and rows.
  for (const auto* text : {&envelope.id(), &envelope.trace(), &envelope.cause(), &envelope.sender()})
    if (!zane::text::is_utf8(*text)) __builtin_trap();
  return 0;
}
