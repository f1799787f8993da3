// Link frames for C++: a header line of JSON (LinkHeader in its JSON mapping),
// a newline, the bodies verbatim. proto/zane/v1/link.proto is the reference;
// proto/ts/link.ts is the same in TypeScript; both read proto/testdata/link.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "zane/v1/link.pb.h"

namespace zane::link {

inline constexpr size_t kHeaderBytesMax = 64 * 1024;
inline constexpr size_t kFrameBytesMax = 1024 * 1024;

inline constexpr uint32_t kProtocolMin = 1;
inline constexpr uint32_t kProtocolMax = 1;

struct Frame {
  v1::LinkHeader header;
  // Views into the message that was decoded.
  std::vector<std::string_view> bodies;
};

// The header line alone, whatever follows it: to answer a frame that is no good.
absl::StatusOr<v1::LinkHeader> decode_header(std::string_view message);

// InvalidArgument when header and bytes do not fit together. Fields that are
// not known are skipped.
absl::StatusOr<Frame> decode(std::string_view message);

// `header.lengths` is written here.
std::string encode(v1::LinkHeader header, const std::vector<std::string_view>& bodies = {});

// The same for an Events frame, many times faster than protobuf's own printer
// (a test holds the two against each other).
std::string encode_events(const v1::LinkHeader& header, const std::vector<std::string_view>& bodies);

// Which part is to be updated when two ranges do not overlap; empty when they do.
std::string part_to_update(const v1::Hello& mine, const v1::Hello& theirs);

}  // namespace zane::link
