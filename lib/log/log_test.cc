// A log line is one line, whatever is in its values.
#include "lib/log/log.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::log {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LogTest, WritesEventThenKeysInOrder) {
  EXPECT_EQ(format("ready", {}), "ready");
  EXPECT_EQ(format("effect", {{"method", "turn/start"}, {"seq", 7}, {"thread", std::string("t1")}}),
            "effect method=turn/start seq=7 thread=t1");
}

TEST(LogTest, QuotesWhatCouldBeTakenForAnotherField) {
  EXPECT_EQ(format("e", {{"peer", "x seq=9"}}), R"(e peer="x seq=9")");
  EXPECT_EQ(format("e", {{"peer", ""}}), R"(e peer="")");
  EXPECT_EQ(format("e", {{"peer", R"(a" seq=9 x=")"}}), R"(e peer="a\" seq=9 x=\"")");
  EXPECT_EQ(format("e", {{"peer", R"(\" seq=9)"}}), R"(e peer="\\\" seq=9")");
}

TEST(LogTest, NoValueMakesASecondLineOrDrivesATerminal) {
  std::string hostile;
  for (int c = 0; c < 256; ++c) hostile.push_back(static_cast<char>(c));
  const std::string line = format("e", {{"peer", hostile}, {"seq", 1}});
  for (const char c : line) EXPECT_FALSE(static_cast<unsigned char>(c) < ' ' || c == 0x7f);
  EXPECT_THAT(line, HasSubstr(R"(\x0a)"));
  EXPECT_THAT(line, HasSubstr(R"(\x0d)"));
  EXPECT_THAT(line, HasSubstr(R"(\x1b)"));
  EXPECT_THAT(line, HasSubstr(R"(\x00)"));
  EXPECT_TRUE(line.ends_with("\" seq=1"));
}

TEST(LogTest, CutsALongValueAndSaysSo) {
  const std::string line = format("e", {{"peer", std::string(3000, 'x')}, {"seq", 1}});
  EXPECT_EQ(line, "e peer=" + std::string(2000, 'x') + "… seq=1");
  EXPECT_THAT(format("e", {{"peer", std::string(2000, 'x')}}), Not(HasSubstr("…")));
  EXPECT_EQ(format("e", {{"peer", "x" + std::string(1998, 'y') + "ü"}}),
            "e peer=x" + std::string(1998, 'y') + "…")
      << "not inside a character";
}

// Under launchd: the folder is made, and what is written is bounded.
TEST(LogTest, FilesAreMadeAndTurnedOver) {
  const zane::testing::TempFolder temp;
  const auto folder = temp / "Logs/Zane";
  ::setenv("ZANE_LOG_DIR", folder.c_str(), 1);
  start("tester");
  const std::string value(1500, 'x');
  for (int64_t i = 0; i < 20'000; ++i) info("line", {{"n", i}, {"value", value}});
  ::unsetenv("ZANE_LOG_DIR");
  start("tester");
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    ++files;
    EXPECT_LE(file.file_size(), kLogFileBytesMax + 2000);
  }
  EXPECT_EQ(files, kLogFilesMax);
  EXPECT_TRUE(std::filesystem::exists(folder / "tester.log"));
}

}  // namespace
}  // namespace zane::log
