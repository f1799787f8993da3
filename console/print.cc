#include "console/print.h"

#include <qrencode.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>

#include "google/protobuf/util/json_util.h"
#include "lib/text/visible.h"

namespace zane::console {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 do not count.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void print_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
// Renamed in protobuf 26 (5.26 by its own number), which Homebrew has.
#if GOOGLE_PROTOBUF_VERSION >= 5026000
  options.always_print_fields_with_no_presence = true;
#else
  options.always_print_primitive_fields = true;
#endif
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  std::cout << text << std::endl;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    std::cout << line << "\n";
  }
  std::cout.flush();
}

std::string harmless(const std::string& text, size_t width) { return text::visible(text, width); }

std::string time_text(int64_t ms) {
  if (ms <= 0) return "-";
  const std::time_t at = ms / 1000;
  const std::time_t now = std::time(nullptr);
  std::tm then{};
  std::tm today{};
  localtime_r(&at, &then);
  localtime_r(&now, &today);
  const bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
  char text[32];
  std::strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
  return text;
}

void print_qr(const std::string& text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L), &QRcode_free);
  if (!code) return;
  const int size = code->width;
  // ISO/IEC 18004: four modules of quiet all around.
  constexpr int kQuiet = 4;
  winsize window{};
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 &&
      window.ws_col < size + 2 * kQuiet) {
    std::cout << "The QR code does not fit: make this window " << size + 2 * kQuiet
              << " columns wide and run this again.\n";
    return;
  }
  const auto dark = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < size && y < size && (code->data[y * size + x] & 1);
  };
  // Two modules a character; light on dark terminals too, because both colours are
  // set: but not into a file.
  const char* begin = terminal ? "\033[38;5;16;48;5;231m" : "";
  const char* end = terminal ? "\033[0m\n" : "\n";
  for (int y = -kQuiet; y < size + kQuiet; y += 2) {
    std::cout << begin;
    for (int x = -kQuiet; x < size + kQuiet; ++x)
      std::cout << (dark(x, y) ? (dark(x, y + 1) ? "█" : "▀") : (dark(x, y + 1) ? "▄" : " "));
    std::cout << end;
  }
}

}  // namespace zane::console
