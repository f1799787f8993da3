// Each thing that doctor can find is found, and names its cure.
#include "console/checks.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::console {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ChecksTest : public ::testing::Test {
 protected:
  ChecksTest() {
    machine_.zane_home = temp_ / "z";
    machine_.user_home = temp_ / "u";
    machine_.path = (temp_ / "bin").string() + ":" + (temp_ / "bin2").string();
    machine_.descriptors = 8192;
    for (const char* folder : {"z/data", "u", "bin", "bin2"}) fs::create_directories(temp_ / folder);
    fs::permissions(machine_.zane_home, fs::perms::owner_all);
  }
  void program(const fs::path& file, const std::string& text = "#!/bin/sh\n") {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms::owner_all);
  }
  static std::string told(const v1::Check& check) { return check.state() + ": " + check.message(); }
  zane::testing::TempFolder temp_;
  Machine machine_;
};

TEST_F(ChecksTest, AFolderThatIsOpenOrMissingIsNamed) {
  EXPECT_EQ(check_home(machine_).state(), "ok");
  fs::permissions(machine_.zane_home, static_cast<fs::perms>(0750));
  EXPECT_THAT(told(check_home(machine_)), AllOf(HasSubstr("warn: "), HasSubstr("chmod 700")));
  fs::permissions(machine_.zane_home, static_cast<fs::perms>(0770));
  EXPECT_THAT(told(check_home(machine_)), HasSubstr("fail: "));
  machine_.zane_home = temp_ / "none";
  EXPECT_THAT(told(check_home(machine_)), AllOf(HasSubstr("warn: "), HasSubstr("script/run")));
  machine_.zane_home = temp_ / std::string(90, 'x');
  fs::create_directories(machine_.zane_home);
  fs::permissions(machine_.zane_home, fs::perms::owner_all);
  EXPECT_THAT(told(check_home(machine_)), AllOf(HasSubstr("fail: "), HasSubstr("shorter")));
}

TEST_F(ChecksTest, CodexIsFoundWhereItIsAndNamedWhereItCouldBe) {
  EXPECT_THAT(told(check_codex(machine_)), AllOf(HasSubstr("warn: not on PATH"), HasSubstr("nvm")));
  program(temp_ / "u/.nvm/versions/node/v22.1.0/bin/codex");
  program(temp_ / "u/.volta/bin/codex");
  EXPECT_THAT(told(check_codex(machine_)),
              AllOf(HasSubstr("v22.1.0/bin/codex`"), HasSubstr(".volta/bin/codex`"),
                    HasSubstr("set `binary` under [codex]")));
  program(temp_ / "bin2/codex", "#!/usr/bin/env node\n");
  EXPECT_THAT(told(check_codex(machine_)), AllOf(HasSubstr("fail: "), HasSubstr("127"), HasSubstr("node")));
  program(temp_ / "bin/node");
  EXPECT_EQ(told(check_codex(machine_)), "ok: " + (temp_ / "bin2/codex").string());
  std::ofstream(temp_ / "bin/codex") << "not a program";
  EXPECT_EQ(told(check_codex(machine_)), "ok: " + (temp_ / "bin2/codex").string());
}

TEST_F(ChecksTest, DamagedFilesLimitsAndLocaleAreNamed) {
  EXPECT_EQ(check_set_aside(machine_).state(), "ok");
  for (const char* part : {"", "-wal", "-shm"})
    std::ofstream(machine_.zane_home / ("data/policy.db.damaged-17" + std::string(part)));
  EXPECT_THAT(told(check_set_aside(machine_)),
              AllOf(HasSubstr("damaged: policy.db.damaged-17: "), HasSubstr("zane pair")));
  std::filesystem::create_directory(machine_.zane_home / "data/journal");
  std::ofstream(machine_.zane_home / "data/journal/1.log.damaged-17");
  EXPECT_THAT(told(check_set_aside(machine_)),
              HasSubstr("17, 1 of the journal's (what stood there can't be told"));
  EXPECT_EQ(check_descriptors(machine_).state(), "ok");
  machine_.descriptors = 256;
  EXPECT_THAT(told(check_descriptors(machine_)), HasSubstr("ulimit -n"));
  EXPECT_EQ(check_locale(machine_).state(), "ok");
  machine_.utf8 = false;
  EXPECT_THAT(told(check_locale(machine_)), HasSubstr("LANG"));
}

TEST_F(ChecksTest, ALostKeyIsNamed) {
  EXPECT_EQ(check_keys(machine_).state(), "ok");
  fs::create_directories(machine_.zane_home / "keys");
  std::ofstream(machine_.zane_home / "keys/link.pub") << "x";
  EXPECT_THAT(told(check_keys(machine_)), AllOf(HasSubstr("fail: "), HasSubstr("`link.pem`")));
  std::ofstream(machine_.zane_home / "data/policy.db") << "x";
  EXPECT_THAT(told(check_keys(machine_)), HasSubstr("`mac.pem` and `link.pem`"));
  for (const char* key : {"mac.pem", "link.pem"}) std::ofstream(machine_.zane_home / "keys" / key) << "x";
  EXPECT_EQ(check_keys(machine_).state(), "ok");
}

TEST_F(ChecksTest, WhatAServiceSaidWhenItEndedIsTold) {
  EXPECT_EQ(check_ended(machine_).state(), "ok");
  fs::create_directories(machine_.zane_home / "run");
  std::ofstream(machine_.zane_home / "run/policy.ended") << "1700000000\n`policy.db`: update Zane\n";
  std::ofstream(machine_.zane_home / "run/relay.ended") << "no time";
  EXPECT_THAT(told(check_ended(machine_)),
              AllOf(HasSubstr("fail: policy ended at "), HasSubstr("update Zane"), Not(HasSubstr("relay"))));
  EXPECT_EQ(told(check_supervisor(machine_)), "ok: not running");
}

TEST_F(ChecksTest, TheDiskIsLookedAt) {
  const auto disk = check_disk(machine_);
  EXPECT_THAT(disk.message(), HasSubstr("MiB free"));
  machine_.zane_home = temp_ / "none";
  EXPECT_THAT(told(check_disk(machine_)), HasSubstr("can't look"));
  EXPECT_EQ(local_checks(machine_).size(), 9u);
}

}  // namespace
}  // namespace zane::console
