#include "lib/link/frame.h"

#include <algorithm>

#include "boost/json.hpp"
#include "google/protobuf/util/json_util.h"
#include "lib/json/strict.h"

namespace zane::link {
namespace {

namespace bj = boost::json;
namespace pbu = google::protobuf::util;

constexpr int kToClientsMax = 64;
constexpr size_t kIdBytesMax = 64;

bool is_id(const bj::value& value) { return value.is_string() && value.get_string().size() <= kIdBytesMax; }

bool is_length(const bj::value& value) {
  return value.is_int64() && value.get_int64() >= 0 &&
         value.get_int64() <= static_cast<int64_t>(kFrameBytesMax);
}

template <typename Fits>
bool all_of_list(const bj::value& list, size_t most, Fits fits) {
  return list.is_array() && list.get_array().size() <= most &&
         std::all_of(list.get_array().begin(), list.get_array().end(), fits);
}

// The shape of the header as Orbit reads it (parseHeader in proto/ts/link.ts).
// protobuf's parser alone would let more pass: nulls, numbers for texts, a
// second spelling of each name; and what two readers read differently is a hole.
bool has_shape_of_header(const bj::object& header) {
  const auto* type = v1::LinkHeader::descriptor();
  int kinds = 0;
  for (const auto& member : header) {
    const std::string key(member.key());
    const bj::value& value = member.value();
    const auto* field = type->FindFieldByCamelcaseName(key);
    if (!field && type->FindFieldByName(key)) return false;
    if (!field) continue;
    if (field->containing_oneof()) {
      if (!value.is_object() || ++kinds > 1) return false;
    } else if (key == "to") {
      if (!all_of_list(value, kToClientsMax, is_id)) return false;
    } else if (key == "lengths") {
      if (!all_of_list(value, kFrameBytesMax, is_length)) return false;
    } else if (!is_id(value)) {
      return false;
    }
  }
  return true;
}

void append_json_text(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::value(boost::json::string(text)));
}

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
}

void append_field(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  append_key(out, key);
  append_json_text(out, text);
}

void append_int64(std::string& out, std::string_view key, int64_t value) {
  if (value == 0) return;
  append_key(out, key);
  out += '"' + std::to_string(value) + '"';
}

void append_meta(std::string& out, const v1::EventMeta& meta) {
  out += '{';
  append_int64(out, "seq", meta.seq());
  if (meta.bodies() != 0) {
    append_key(out, "bodies");
    out += std::to_string(meta.bodies());
  }
  append_field(out, "kind", meta.kind());
  append_field(out, "signature", meta.signature());
  out += '}';
}

void append_lengths(std::string& out, const std::vector<std::string_view>& bodies) {
  append_key(out, "lengths");
  out += '[';
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

absl::StatusOr<v1::LinkHeader> decode_header(std::string_view message) {
  if (message.size() > kFrameBytesMax) return absl::InvalidArgumentError("the frame is too long");
  const size_t end = message.find('\n');
  if (end == std::string_view::npos || end > kHeaderBytesMax)
    return absl::InvalidArgumentError("no header line");
  const auto shape = json::parse_strict_object(message.substr(0, end));
  if (!shape.ok() || !has_shape_of_header(*shape))
    return absl::InvalidArgumentError("the header line is not a link header");
  v1::LinkHeader header;
  pbu::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto parsed = pbu::JsonStringToMessage(std::string(message.substr(0, end)), &header, options);
  if (!parsed.ok()) return absl::InvalidArgumentError("the header line is not a link header");
  return header;
}

absl::StatusOr<Frame> decode(std::string_view message) {
  auto header = decode_header(message);
  if (!header.ok()) return header.status();
  Frame frame{*std::move(header), {}};
  size_t at = message.find('\n') + 1;
  for (const uint32_t length : frame.header.lengths()) {
    if (length > message.size() - at)
      return absl::InvalidArgumentError("a body is shorter than its length says");
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
  append_key(line, "to");
  line += '[';
  for (int i = 0; i < header.to_size(); ++i) {
    if (i > 0) line += ',';
    append_json_text(line, header.to(i));
  }
  line += ']';
  append_lengths(line, bodies);
  append_key(line, "events");
  line += '{';
  append_field(line, "stream", events.stream());
  append_field(line, "epoch", events.epoch());
  append_int64(line, "prevSeq", events.prev_seq());
  append_key(line, "events");
  line += '[';
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
