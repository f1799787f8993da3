#include "console/qr.h"

#include <qrencode.h>

#include <memory>

namespace zane::console {
namespace {

constexpr int kQuietModules = 4;
// The 256 colours' own black and white: the first sixteen are themed.
constexpr char kBlackOnWhite[] = "\033[38;5;16;48;5;231m";
constexpr char kReset[] = "\033[0m";

struct Modules {
  const QRcode& code;
  [[nodiscard]] bool dark(int x, int y) const {
    return x >= 0 && y >= 0 && x < code.width && y < code.width && (code.data[y * code.width + x] & 1) != 0;
  }
};

std::string row_of_half_blocks(const Modules& modules, int y) {
  std::string row;
  for (int x = -kQuietModules; x < modules.code.width + kQuietModules; ++x) {
    const bool upper = modules.dark(x, y);
    const bool lower = modules.dark(x, y + 1);
    row += upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
  }
  return row;
}

// With colours a dark module is two blanks in reverse: no character at all is needed.
std::string row_of_characters(const Modules& modules, int y, bool colours) {
  std::string row;
  for (int x = -kQuietModules; x < modules.code.width + kQuietModules; ++x) {
    const bool dark = modules.dark(x, y);
    row += !dark ? "  " : colours ? "\033[7m  \033[27m" : "##";
  }
  return row;
}

}  // namespace

QrDrawing draw_qr(const std::string& text, QrStyle style) {
  QrDrawing drawing;
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L), &QRcode_free);
  if (!code) return drawing;
  const Modules modules{*code};
  const int side = code->width + 2 * kQuietModules;
  drawing.width = style.utf8 ? side : 2 * side;
  for (int y = -kQuietModules; y < code->width + kQuietModules; y += style.utf8 ? 2 : 1) {
    const std::string row =
        style.utf8 ? row_of_half_blocks(modules, y) : row_of_characters(modules, y, style.colours);
    drawing.rows.push_back(style.colours ? kBlackOnWhite + row + kReset : row);
  }
  return drawing;
}

}  // namespace zane::console
