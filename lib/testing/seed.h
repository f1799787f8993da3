// Chance that can be had again: the seed of a test is $ZANE_SEED or a fixed
// number, and is printed when the test fails. For tests alone.
#pragma once

#include <cstdlib>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace zane::testing {

class Seed {
 public:
  Seed() {
    const char* given = std::getenv("ZANE_SEED");
    value_ = given ? std::strtoull(given, nullptr, 10) : 20240229;
    random.seed(value_);
    ::testing::Test::RecordProperty("seed", std::to_string(value_));
  }
  ~Seed() {
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "run again with ZANE_SEED=" << value_;
  }
  // From `least` to `most`, both included.
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
  }
  bool one_in(int64_t n) { return between(1, n) == 1; }

  std::mt19937_64 random;

 private:
  uint64_t value_;
};

}  // namespace zane::testing
