// Cutting and mending of foreign text.
#include "lib/text/utf8.h"

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "lib/testing/seed.h"

namespace zane::text {
namespace {

constexpr char kMark[] = "\xef\xbf\xbd";

TEST(Utf8Test, EveryCharacterIsOneAndNoSurrogateIs) {
  for (uint32_t c = 0; c <= 0x10ffff; ++c) {
    std::string s;
    if (c < 0x80) {
      s = {static_cast<char>(c)};
    } else if (c < 0x800) {
      s = {static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3f))};
    } else if (c < 0x10000) {
      s = {static_cast<char>(0xe0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3f)),
           static_cast<char>(0x80 | (c & 0x3f))};
    } else {
      s = {static_cast<char>(0xf0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3f)),
           static_cast<char>(0x80 | ((c >> 6) & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
    }
    const bool surrogate = c >= 0xd800 && c <= 0xdfff;
    ASSERT_EQ(is_utf8(s), !surrogate) << c;
    ASSERT_EQ(to_utf8(s) == s, !surrogate) << c;
  }
}

// Every two bytes, alone and between letters: what comes out is text, and a
// protobuf takes it.
TEST(Utf8Test, WhatIsNoTextBecomesSome) {
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const std::string bytes{'x', static_cast<char>(a), static_cast<char>(b), 'y'};
      const std::string clean = to_utf8(bytes);
      ASSERT_TRUE(is_utf8(clean)) << a << " " << b;
      ASSERT_EQ(clean == bytes, is_utf8(bytes));
      ASSERT_EQ(clean.front(), 'x');
      ASSERT_EQ(clean.back(), 'y');
    }
  google::protobuf::StringValue value;
  value.set_value(to_utf8("caf\xe9"));
  google::protobuf::StringValue read;
  EXPECT_TRUE(read.ParseFromString(value.SerializeAsString()));
}

TEST(Utf8Test, OneMarkForEachMaximalSubpart) {
  EXPECT_EQ(to_utf8("a\xf0\x9f\x98z"), std::string("a") + kMark + "z");
  EXPECT_EQ(to_utf8("\xc0\xaf"), std::string(kMark) + kMark);
  EXPECT_EQ(to_utf8("\xed\xa0\x80"), std::string(kMark) + kMark + kMark);
  EXPECT_EQ(to_utf8("\xe2\x82"), kMark);
}

TEST(Utf8Test, CutsBetweenCharactersWhereverTheBoundFalls) {
  zane::testing::Seed seed;
  const std::string text = "aü漢😀é\u0301x漢漢";
  for (size_t bound = 0; bound <= text.size() + 1; ++bound) {
    const auto head = cut_at_character(text, bound);
    const auto tail = last_at_character(text, bound);
    EXPECT_LE(head.size(), bound);
    EXPECT_LE(tail.size(), bound);
    EXPECT_TRUE(is_utf8(head) && is_utf8(tail)) << bound;
    EXPECT_TRUE(text.starts_with(head) && text.ends_with(tail));
    EXPECT_GT(head.size() + 4, std::min(bound, text.size()));
  }
  EXPECT_EQ(cut_at_character(std::string(100, '\x80'), 50).size(), 50u) << "no text at all is cut too";
}

}  // namespace
}  // namespace zane::text
