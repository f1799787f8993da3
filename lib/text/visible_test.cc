// What a terminal is shown of what others wrote.
#include "lib/text/visible.h"

#include "gtest/gtest.h"
#include "lib/testing/seed.h"
#include "lib/text/utf8.h"

namespace zane::text {
namespace {

std::string encoded(uint32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
  if (c < 0x10000)
    return {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
            static_cast<char>(0x80 | (c & 0x3f))};
  return {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3f)),
          static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
}

TEST(VisibleTest, PlainTextOfEveryScriptStaysAsItIs) {
  for (const char* text : {"git push --force", "Grüße 가나다 汉字 עברית 😀", "e\xcc\x81", ""})
    EXPECT_EQ(visible(text), text);
}

// The ones that reports of this field name, and both ends of each kind.
TEST(VisibleTest, WhatHidesOrTurnsIsShown) {
  EXPECT_EQ(visible("a\u202eb"), "a⟨U+202E⟩b");
  EXPECT_EQ(visible("\x1b[2J"), "⟨U+001B⟩[2J");
  for (const uint32_t c :
       {0x1u,     0x7fu,    0x80u,    0x9bu,    0xa0u,    0xadu,    0x34fu,   0x61cu,  0x115fu,
        0x1160u,  0x17b4u,  0x180bu,  0x180eu,  0x2001u,  0x200bu,  0x200du,  0x200fu, 0x2028u,
        0x2029u,  0x202au,  0x202eu,  0x202fu,  0x2060u,  0x2066u,  0x2069u,  0x2800u, 0x3000u,
        0x3164u,  0xe000u,  0xf8ffu,  0xfe0fu,  0xfeffu,  0xffa0u,  0xfff9u,  0xffffu, 0x1bca0u,
        0x1d173u, 0x1fffeu, 0xe0001u, 0xe0100u, 0xe01efu, 0xf0000u, 0x10ffffu}) {
    const std::string shown = visible("x" + encoded(c) + "y");
    EXPECT_TRUE(hides(c)) << std::hex << c;
    EXPECT_TRUE(shown.starts_with("x⟨U+") && shown.ends_with("⟩y")) << shown;
  }
  for (const uint32_t c : {0x20u, 0x41u, 0xa1u, 0x301u, 0x2010u, 0x2027u, 0x2030u, 0x27ffu, 0x2801u, 0xac00u,
                           0xfe10u, 0xfffdu, 0x1f600u, 0x1d172u, 0xe1000u})
    EXPECT_FALSE(hides(c)) << std::hex << c;
}

TEST(VisibleTest, NothingIsPushedOutOfSight) {
  EXPECT_EQ(visible("a\nb\tc\r\nd\re"), "a↵b⇥c↵d⟨U+000D⟩e");
  EXPECT_EQ(visible("a" + std::string(8, ' ') + "b"), "a        b");
  EXPECT_EQ(visible("a" + std::string(3000, ' ') + "rm"), "a⟨3,000 blanks⟩rm");
  EXPECT_EQ(visible("a" + std::string(400, '\n') + "rm"), "a⟨400 line ends⟩rm");
  std::string mixed;
  for (int i = 0; i < 700; ++i) mixed += " \n";
  EXPECT_EQ(visible("a" + mixed + "rm"), "a⟨1,400 blanks and line ends⟩rm");
}

TEST(VisibleTest, WhatIsCutIsCounted) {
  EXPECT_EQ(visible("abcdef", 6), "abcdef");
  EXPECT_EQ(visible("abcdef", 4), "abcd… ⟨and 2 more⟩");
  EXPECT_EQ(visible("汉字汉字", 2), "汉字… ⟨and 2 more⟩");
  EXPECT_EQ(visible("ab\u202ecd", 5), "ab… ⟨and 3 more⟩") << "no half escape";
  EXPECT_EQ(visible(std::string(1'002'000, 'x'), 2'000).substr(2000), "… ⟨and 1,000,000 more⟩");
}

// Whatever the bytes: text comes out, on one line, with nothing that hides, and
// cleaning it again changes nothing.
TEST(VisibleTest, AnyBytesBecomeOneVisibleLine) {
  zane::testing::Seed seed;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (auto left = seed.between(0, 40); left > 0; --left)
      bytes += seed.one_in(2) ? std::string(1, static_cast<char>(seed.between(0, 255)))
                              : encoded(static_cast<uint32_t>(seed.between(0, 0x2fff)));
    const std::string shown = visible(bytes, static_cast<size_t>(seed.between(1, 60)));
    ASSERT_TRUE(is_utf8(shown));
    ASSERT_EQ(visible(shown), shown);
    for (const char c : shown) ASSERT_FALSE(static_cast<unsigned char>(c) < ' ' || c == 0x7f);
  }
}

}  // namespace
}  // namespace zane::text
