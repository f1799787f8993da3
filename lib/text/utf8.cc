#include "lib/text/utf8.h"

#include <algorithm>

namespace zane::text {
namespace {

uint8_t at(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

bool continues(uint8_t byte) { return (byte & 0xc0) == 0x80; }

// The sequence that begins at `i`: its length when it is good, else the length
// of its maximal subpart, negative.
int sequence(std::string_view bytes, size_t i) {
  const uint8_t first = at(bytes, i);
  if (first < 0x80) return 1;
  int length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return -1;
  }
  for (int n = 1; n < length; ++n) {
    if (i + n >= bytes.size()) return -n;
    const uint8_t next = at(bytes, i + n);
    if (next < low || next > high) return -n;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const int length = sequence(bytes, i);
    if (length < 0) return false;
    i += static_cast<size_t>(length);
  }
  return true;
}

std::string to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const int length = sequence(bytes, i);
    const auto taken = static_cast<size_t>(length < 0 ? -length : length);
    out += length < 0 ? std::string_view("\xef\xbf\xbd") : bytes.substr(i, taken);
    i += taken;
  }
  return out;
}

// A character's bytes but the first look alike: step back over them, four at most,
// so that bytes which are no text at all are cut too.
std::string_view cut_at_character(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  for (int back = 0; back < 3 && end > 0 && continues(at(text, end)); ++back) --end;
  if (continues(at(text, end))) end = bytes_max;
  return text.substr(0, end);
}

std::string_view last_at_character(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t begin = text.size() - bytes_max;
  for (int on = 0; on < 3 && begin < text.size() && continues(at(text, begin)); ++on) ++begin;
  return text.substr(begin);
}

}  // namespace zane::text
