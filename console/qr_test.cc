// The code is read back from what was drawn, module by module.
#include "console/qr.h"

#include <qrencode.h>

#include "gmock/gmock.h"

namespace zane::console {
namespace {

constexpr char kLink[] =
    "https://firstname-lastnames-macbook-pro.tail1a2b3c.ts.net/#enroll=abcdefghijklmnopqrstuvwxyz";

// Dark modules of the drawing, quiet zone and all, as rows of '#' and '.'.
std::vector<std::string> read(const QrDrawing& drawing, QrStyle style) {
  std::vector<std::string> modules;
  for (std::string row : drawing.rows) {
    if (style.colours) {
      EXPECT_TRUE(row.starts_with("\033[38;5;16;48;5;231m") && row.ends_with("\033[0m"))
          << "set and reset in each row";
      row = row.substr(19, row.size() - 19 - 4);
    }
    std::string upper;
    std::string lower;
    for (size_t at = 0; at < row.size();) {
      const auto is = [&](std::string_view mark) { return row.compare(at, mark.size(), mark) == 0; };
      const auto take = [&](std::string_view mark, char a, char b) {
        upper += a;
        lower += b;
        at += mark.size();
      };
      if (is("█"))
        take("█", '#', '#');
      else if (is("▀"))
        take("▀", '#', '.');
      else if (is("▄"))
        take("▄", '.', '#');
      else if (is("\033[7m  \033[27m"))
        take("\033[7m  \033[27m", '#', '#');
      else if (is("##"))
        take("##", '#', '#');
      else if (style.utf8 ? is(" ") : is("  "))
        take(style.utf8 ? " " : "  ", '.', '.');
      else
        ADD_FAILURE() << "what is this: " << row.substr(at), at = row.size();
    }
    modules.push_back(upper);
    if (style.utf8) modules.push_back(lower);
  }
  return modules;
}

TEST(QrTest, EveryStyleDrawsTheSameModulesWithFourOfQuiet) {
  const auto* code = QRcode_encodeString8bit(kLink, 0, QR_ECLEVEL_L);
  for (const bool utf8 : {true, false})
    for (const bool colours : {true, false}) {
      const QrStyle style{utf8, colours};
      const auto drawing = draw_qr(kLink, style);
      const auto modules = read(drawing, style);
      const int side = code->width + 8;
      EXPECT_EQ(drawing.width, utf8 ? side : 2 * side);
      ASSERT_GE(static_cast<int>(modules.size()), side);
      for (int y = 0; y < side; ++y) {
        ASSERT_EQ(static_cast<int>(modules[y].size()), side);
        for (int x = 0; x < side; ++x) {
          const int mx = x - 4;
          const int my = y - 4;
          const bool inside = mx >= 0 && my >= 0 && mx < code->width && my < code->width;
          const bool dark = inside && (code->data[my * code->width + mx] & 1) != 0;
          ASSERT_EQ(modules[y][x] == '#', dark)
              << x << "," << y << " utf8 " << utf8 << " colours " << colours;
        }
      }
    }
  QRcode_free(const_cast<QRcode*>(code));
}

TEST(QrTest, WhereOnlyAsciiIsSureNothingElseIsWritten) {
  for (const bool colours : {true, false})
    for (const auto& row : draw_qr(kLink, {false, colours}).rows)
      for (const char c : row) EXPECT_GT(c, 0);
  for (const auto& row : draw_qr(kLink, {true, false}).rows) EXPECT_EQ(row.find('\033'), std::string::npos);
}

TEST(QrTest, WhatIsTooLongForACodeIsNone) { EXPECT_TRUE(draw_qr(std::string(5000, 'x'), {}).rows.empty()); }

}  // namespace
}  // namespace zane::console
