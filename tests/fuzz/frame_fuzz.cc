// Fuzzes the parser of a frame on the link. Traps where an invariant breaks.
#include <cstdint>
#include <string>
#include <string_view>

#include "google/protobuf/util/message_differencer.h"
#include "lib/link/frame.h"

namespace {

namespace link = zane::link;
using google::protobuf::util::MessageDifferencer;

bool same(const link::Frame& a, const link::Frame& b) {
  return a.bodies == b.bodies && MessageDifferencer::Equals(a.header, b.header);
}

// Escapes make a header longer than it came: then nobody has to take it.
bool fits(const std::string& message) {
  return message.find('\n') <= link::kHeaderBytesMax && message.size() <= link::kFrameBytesMax;
}

void check_again(const link::Frame& frame, const std::string& message) {
  if (!fits(message)) return;
  const auto again = link::decode(message);
  if (!again.ok() || !same(*again, frame)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = link::decode_header(bytes);
  const auto frame = link::decode(bytes);
  if (!frame.ok()) return 0;
  if (!header.ok() || !MessageDifferencer::Equals(*header, frame->header)) __builtin_trap();
  // The bodies are all that follows the header line, in order.
  std::string_view rest = bytes.substr(bytes.find('\n') + 1);
  for (const auto body : frame->bodies) {
    if (!rest.starts_with(body)) __builtin_trap();
    rest.remove_prefix(body.size());
  }
  if (!rest.empty() || static_cast<size_t>(frame->header.lengths_size()) != frame->bodies.size())
    __builtin_trap();
  // What was read can be written and read again, by either writer.
  check_again(*frame, link::encode(frame->header, frame->bodies));
  if (frame->header.has_events() && frame->header.from().empty() && frame->header.trace().empty())
    check_again(*frame, link::encode_events(frame->header, frame->bodies));
  return 0;
}
