#include "lib/text/visible.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "lib/text/utf8.h"

namespace zane::text {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// From UnicodeData.txt and DerivedCoreProperties.txt (Default_Ignorable_Code_Point).
constexpr std::array kHidden = {
    Range{0x0, 0x1f},         Range{0x7f, 0xa0},       Range{0xad, 0xad},       Range{0x34f, 0x34f},
    Range{0x600, 0x605},      Range{0x61c, 0x61c},     Range{0x6dd, 0x6dd},     Range{0x70f, 0x70f},
    Range{0x890, 0x891},      Range{0x8e2, 0x8e2},     Range{0x115f, 0x1160},   Range{0x1680, 0x1680},
    Range{0x17b4, 0x17b5},    Range{0x180b, 0x180f},   Range{0x2000, 0x200f},   Range{0x2028, 0x202f},
    Range{0x205f, 0x206f},    Range{0x2800, 0x2800},   Range{0x3000, 0x3000},   Range{0x3164, 0x3164},
    Range{0xe000, 0xf8ff},    Range{0xfdd0, 0xfdef},   Range{0xfe00, 0xfe0f},   Range{0xfeff, 0xfeff},
    Range{0xffa0, 0xffa0},    Range{0xfff0, 0xfffb},   Range{0x110bd, 0x110bd}, Range{0x110cd, 0x110cd},
    Range{0x13430, 0x1343f},  Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff},
    Range{0xf0000, 0x10ffff},
};

// The character at the start of `text`, which is UTF-8, and its length in bytes.
struct Character {
  uint32_t code;
  size_t bytes;
};
Character first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) < 0xe0) return {(byte(0) & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (byte(0) < 0xf0) return {(byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

// What is between words, and its name when there is too much of it.
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Run {
  size_t bytes = 0;
  size_t lines = 0;
};
Run run_of(std::string_view text) {
  Run run;
  for (; run.bytes < text.size() && is_blank(text[run.bytes]); ++run.bytes)
    run.lines += text[run.bytes] == '\n';
  return run;
}

std::string counted(const Run& run) {
  if (run.lines == 0) return "⟨" + grouped(run.bytes) + " blanks⟩";
  if (run.lines == run.bytes) return "⟨" + grouped(run.lines) + " line ends⟩";
  return "⟨" + grouped(run.bytes) + " blanks and line ends⟩";
}

std::string escaped(uint32_t code) {
  char shown[24];
  std::snprintf(shown, sizeof shown, "⟨U+%04X⟩", static_cast<unsigned>(code));
  return shown;
}

std::string shown(const Character& c, std::string_view bytes) {
  if (c.code == '\n') return "↵";
  if (c.code == '\t') return "⇥";
  return hides(c.code) ? escaped(c.code) : std::string(bytes);
}

size_t characters_in(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

bool hides(uint32_t c) {
  if ((c & 0xfffe) == 0xfffe) return true;
  const auto* after = std::upper_bound(kHidden.begin(), kHidden.end(), c,
                                       [](uint32_t code, const Range& range) { return code < range.first; });
  return after != kHidden.begin() && c <= (after - 1)->last;
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string visible(std::string_view bytes, size_t characters_max) {
  const std::string text = to_utf8(bytes);
  std::string out;
  size_t characters = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const Run run = run_of(rest);
    std::string piece;
    size_t taken = 0;
    if (run.bytes > kBlanksShownMax) {
      piece = counted(run);
      taken = run.bytes;
    } else {
      const Character c = first_of(rest);
      // The two bytes of one line end.
      taken = rest.starts_with("\r\n") ? 2 : c.bytes;
      piece = taken == 2 && c.bytes == 1 ? "↵" : shown(c, rest.substr(0, c.bytes));
    }
    const size_t more = characters_in(piece);
    if (characters + more > characters_max) return out + "… ⟨and " + grouped(characters_in(rest)) + " more⟩";
    out += piece;
    characters += more;
    rest.remove_prefix(taken);
  }
  return out;
}

}  // namespace zane::text
