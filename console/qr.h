// A QR code for a terminal. The drawing is pure; who measures the window is print.cc.
#pragma once

#include <string>
#include <vector>

namespace zane::console {

// What the place it is shown at can do.
struct QrStyle {
  // Half blocks, two modules a character; else two characters a module.
  bool utf8 = true;
  // Black on white whatever the terminal's colours are, set and taken back in each
  // row; else dark is what is written.
  bool colours = true;
};

struct QrDrawing {
  std::vector<std::string> rows;
  // In columns, the quiet zone of four modules (ISO/IEC 18004) included.
  int width = 0;
};

// No rows when the text is too long for any code.
QrDrawing draw_qr(const std::string& text, QrStyle style);

}  // namespace zane::console
