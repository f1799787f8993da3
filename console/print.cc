#include "console/print.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "console/qr.h"
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

bool print_qr(const std::string& text) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  // https://no-color.org: set and not empty.
  const char* no_colour = std::getenv("NO_COLOR");
  const QrDrawing drawing =
      draw_qr(text, {.utf8 = is_utf8_locale(), .colours = terminal && !(no_colour && *no_colour)});
  if (drawing.rows.empty()) return false;
  winsize window{};
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 &&
      window.ws_row > 0) {
    // A line for the prompt that follows.
    const int rows = static_cast<int>(drawing.rows.size()) + 1;
    if (window.ws_col < drawing.width || window.ws_row < rows) {
      std::cout << "The QR code does not fit: make this window " << drawing.width << " columns wide and "
                << rows << " rows high (it is " << window.ws_col << " by " << window.ws_row
                << "), then run this again.\n";
      return false;
    }
  }
  for (const auto& row : drawing.rows) std::cout << row << "\n";
  std::cout.flush();
  return true;
}

bool is_utf8_locale() {
  const std::string charset = ::nl_langinfo(CODESET);
  return charset == "UTF-8" || charset == "utf8";
}

}  // namespace zane::console
