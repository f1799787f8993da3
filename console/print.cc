#include "console/print.h"

#include <qrencode.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <memory>

#include "google/protobuf/util/json_util.h"

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
  options.always_print_primitive_fields = true;
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

std::string harmless(const std::string& text, size_t width) {
  std::string out;
  for (const char c : text) {
    if (width_of(out) >= width) return out + "…";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t')
      out += ' ';
    else if (byte >= ' ' && byte != 0x7f)
      out += c;
  }
  return out;
}

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
  const auto dark = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < size && y < size && (code->data[y * size + x] & 1);
  };
  // Two modules a character, a quiet zone of two; light on dark terminals too,
  // because both colours are set.
  for (int y = -2; y < size + 2; y += 2) {
    std::cout << "\033[38;5;16;48;5;231m";
    for (int x = -2; x < size + 2; ++x)
      std::cout << (dark(x, y) ? (dark(x, y + 1) ? "█" : "▀") : (dark(x, y + 1) ? "▄" : " "));
    std::cout << "\033[0m\n";
  }
}

}  // namespace zane::console
