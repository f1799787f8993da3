#include "lib/link/frame.h"

#include "boost/json/serialize.hpp"
#include "boost/json/string.hpp"
#include "boost/json/value.hpp"
#include "google/protobuf/util/json_util.h"

namespace zane::link {
namespace {

namespace pbu = google::protobuf::util;

void append_json_text(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::value(boost::json::string(text)));
}

void append_field(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
  append_json_text(out, text);
}

void append_int64(std::string& out, std::string_view key, int64_t value) {
  if (value == 0) return;
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":\"";
  out += std::to_string(value);
  out += '"';
}

void append_meta(std::string& out, const v1::EventMeta& meta) {
  out += '{';
  append_int64(out, "seq", meta.seq());
  if (meta.bodies() != 0) out += ",\"bodies\":" + std::to_string(meta.bodies());
  append_field(out, "kind", meta.kind());
  append_field(out, "signature", meta.signature());
  out += '}';
}

void append_lengths(std::string& out, const std::vector<std::string_view>& bodies) {
  out += ",\"lengths\":[";
  for (size_t i = 0; i < bodies.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(bodies[i].size());
  }
  out += ']';
}

std::string with_bodies(std::string line, const std::vector<std::string_view>& bodies) {
  line += '\n';
  for (const auto body : bodies) line += body;
  return line;
}

}  // namespace

absl::StatusOr<Frame> decode(std::string_view message) {
  if (message.size() > kFrameBytesMax) return absl::InvalidArgumentError("the frame is too long");
  const size_t end = message.find('\n');
  if (end == std::string_view::npos || end > kHeaderBytesMax) return absl::InvalidArgumentError("no header line");
  Frame frame;
  pbu::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto parsed = pbu::JsonStringToMessage(std::string(message.substr(0, end)), &frame.header, options);
  if (!parsed.ok()) return absl::InvalidArgumentError("the header line is not a link header");
  if (frame.header.to_size() > 64) return absl::InvalidArgumentError("`to` names too many clients");
  size_t at = end + 1;
  for (const uint32_t length : frame.header.lengths()) {
    if (length > message.size() - at) return absl::InvalidArgumentError("a body is shorter than its length says");
    frame.bodies.push_back(message.substr(at, length));
    at += length;
  }
  if (at != message.size()) return absl::InvalidArgumentError("bytes follow the last body");
  return frame;
}

std::string encode(v1::LinkHeader header, const std::vector<std::string_view>& bodies) {
  header.clear_lengths();
  for (const auto body : bodies) header.add_lengths(static_cast<uint32_t>(body.size()));
  std::string line;
  (void)pbu::MessageToJsonString(header, &line);
  return with_bodies(std::move(line), bodies);
}

std::string encode_events(const v1::LinkHeader& header, const std::vector<std::string_view>& bodies) {
  const v1::Events& events = header.events();
  std::string line = "{";
  append_field(line, "mac", header.mac());
  line += ",\"to\":[";
  for (int i = 0; i < header.to_size(); ++i) {
    if (i > 0) line += ',';
    append_json_text(line, header.to(i));
  }
  line += ']';
  append_lengths(line, bodies);
  line += ",\"events\":{";
  append_field(line, "stream", events.stream());
  append_field(line, "epoch", events.epoch());
  append_int64(line, "prevSeq", events.prev_seq());
  line += ",\"events\":[";
  for (int i = 0; i < events.events_size(); ++i) {
    if (i > 0) line += ',';
    append_meta(line, events.events(i));
  }
  line += ']';
  if (events.at_head()) line += ",\"atHead\":true";
  line += "}}";
  return with_bodies(std::move(line), bodies);
}

std::string part_to_update(const v1::Hello& mine, const v1::Hello& theirs) {
  if (theirs.protocol_max() < mine.protocol_min()) return theirs.part();
  if (mine.protocol_max() < theirs.protocol_min()) return mine.part();
  return "";
}

}  // namespace zane::link
