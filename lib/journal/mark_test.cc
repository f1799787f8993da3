// What a mark remembers, and when it says nothing.
#include "lib/journal/mark.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::journal {
namespace {

namespace fs = std::filesystem;

class MarkTest : public ::testing::Test {
 protected:
  MarkTest() { fs::create_directories(folder_); }
  Mark open(const char* of = "store") { return Mark(folder_, {temp_ / "home", "key"}, of); }
  fs::path file() const { return fs::directory_iterator(folder_)->path(); }

  zane::testing::TempFolder temp_;
  fs::path folder_ = temp_ / "unkept";
};

TEST_F(MarkTest, WhatWasReachedOutlivesTheProcess) {
  std::string name;
  {
    Mark mark = open();
    name = mark.name();
    EXPECT_EQ(mark.reached(), 0);
    mark.reach(7);
    mark.reach(std::numeric_limits<int64_t>::max());
  }
  Mark mark = open();
  EXPECT_EQ(mark.name(), name);
  EXPECT_EQ(mark.reached(), std::numeric_limits<int64_t>::max());
  mark.renew();
  EXPECT_NE(mark.name(), name);
  mark.reach(0);
  EXPECT_EQ(open().name(), mark.name());
  EXPECT_EQ(open().reached(), 0);
}

TEST_F(MarkTest, EachHomeAndEachStoreHasItsOwn) {
  Mark one = open();
  one.reach(7);
  EXPECT_EQ(open("another").reached(), 0);
  EXPECT_EQ(Mark(folder_, {temp_ / "other", "key"}, "store").reached(), 0);
  EXPECT_EQ(Mark(folder_, {temp_ / "home", "another key"}, "store").reached(), 0)
      << "one that was made anew in its place";
  fs::create_directories(temp_ / "home");
  fs::create_directory_symlink(temp_ / "home", temp_ / "link");
  EXPECT_EQ(Mark(folder_, {temp_ / "link", "key"}, "store").reached(), 7) << "the same home by another path";
}

TEST_F(MarkTest, OneThatOthersCouldWriteSaysNothing) {
  open().reach(7);
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(file(), static_cast<fs::perms>(0666));
  EXPECT_EQ(open().reached(), 0);
  const auto at = file();
  fs::remove(at);
  fs::create_symlink(temp_ / "elsewhere", at);
  open().reach(7);
  EXPECT_FALSE(fs::exists(temp_ / "elsewhere"));
}

TEST_F(MarkTest, OneThatCantBeReadIsBegunAnew) {
  for (const std::string text :
       {"", "x", "0123456789012345678901 -\n", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"}) {
    open().reach(7);
    std::ofstream(file(), std::ios::trunc) << text;
    EXPECT_EQ(open().reached(), 0) << text;
    EXPECT_EQ(open().name().size(), 22u);
  }
}

TEST_F(MarkTest, WithoutAFolderNothingIsRemembered) {
  folder_ = "";
  open().reach(7);
  EXPECT_EQ(open().reached(), 0);
  folder_ = temp_ / "none/such";
  open().reach(7);
  EXPECT_EQ(open().reached(), 0);
}

}  // namespace
}  // namespace zane::journal
