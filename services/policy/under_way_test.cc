// An order under way is known: a second one waits for the first's answer.
#include "services/policy/under_way.h"

#include "gtest/gtest.h"
#include "lib/testing/run.h"

namespace zane::policy {
namespace {

v1::CommandAnswer answer(const std::string& state) {
  v1::CommandAnswer a;
  a.set_state(state);
  return a;
}

TEST(UnderWayTest, TheSecondGetsTheFirstsAnswerAndSoDoTheThird) {
  loop::Io io{1};
  UnderWay orders(io);
  EXPECT_TRUE(orders.begin("k"));
  EXPECT_FALSE(orders.begin("k"));
  EXPECT_TRUE(orders.begin("another"));
  std::vector<std::string> got;
  for (int i = 0; i < 2; ++i)
    loop::spawn(io, "waiter", [](UnderWay& o, auto& out) -> loop::Task<> {
      out.push_back((co_await o.wait_for("k"))->state());
    }(orders, got));
  zane::testing::run_ready(io);
  EXPECT_TRUE(got.empty());
  orders.end("k", answer("done"));
  zane::testing::run_ready(io);
  EXPECT_EQ(got, (std::vector<std::string>{"done", "done"}));
  EXPECT_EQ(orders.size(), 1u);
}

TEST(UnderWayTest, WhatIsNotUnderWayIsNotWaitedFor) {
  loop::Io io{1};
  UnderWay orders(io);
  EXPECT_FALSE(zane::testing::run(io, orders.wait_for("k")));
  orders.end("k", answer("done"));
  EXPECT_TRUE(orders.begin("k")) << "an end without a beginning leaves nothing behind";
}

}  // namespace
}  // namespace zane::policy
