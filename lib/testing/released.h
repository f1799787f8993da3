// The files that released versions left behind (tests/fixtures/<version>, made by
// tests/fixtures/make.ts), each copied to a folder of its own. For tests alone.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "boost/json.hpp"
#include "gtest/gtest.h"
#include "lib/testing/temp_folder.h"

namespace zane::testing {

// A test with a version as its parameter.
class ReleasedFiles : public ::testing::TestWithParam<std::string> {
 public:
  static std::filesystem::path fixtures() {
    return std::filesystem::path(ZANE_SOURCE_DIR) / "tests/fixtures";
  }
  static std::vector<std::string> versions() {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(fixtures()))
      if (entry.is_directory()) found.insert(entry.path().filename().string());
    return {found.begin(), found.end()};
  }

 protected:
  ReleasedFiles() {
    for (const auto& entry : std::filesystem::directory_iterator(fixtures() / GetParam()))
      std::filesystem::copy_file(entry.path(), folder_ / entry.path().filename().string());
    std::ifstream file(folder_ / "found.json");
    found_ = boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {})).as_object();
  }
  std::string found(const char* thing, const char* what) const {
    return std::string(found_.at(thing).at(what).as_string());
  }

  TempFolder folder_;
  // What make.ts saw of its world.
  boost::json::object found_;
};

}  // namespace zane::testing
