// No delivery holds up another, and nobody is asked in a circle.
#include "services/webhook/queue.h"

#include "gmock/gmock.h"
#include "lib/testing/seed.h"

namespace zane::webhook {
namespace {

using namespace std::chrono_literals;

const Queue::Time kStart{1h};

TEST(QueueTest, AFewAreUnderWayAtOnceOldestFirst) {
  Queue queue;
  const std::vector<std::string> waiting{"a", "b", "c", "d", "e"};
  std::string order;
  while (const auto next = queue.next(waiting, kStart)) {
    order += *next;
    queue.begin(*next);
  }
  EXPECT_EQ(order, "abcd");
  queue.done("b");
  EXPECT_EQ(queue.next({"a", "c", "d", "e"}, kStart), "e");
}

TEST(QueueTest, OneThatComesToNoEndHoldsUpNoOther) {
  Queue queue;
  queue.begin("bad");
  queue.again("bad", kStart);
  EXPECT_EQ(queue.next({"bad", "good"}, kStart), "good");
  EXPECT_EQ(queue.look_again(kStart), kStart + 1s);
  EXPECT_EQ(queue.next({"bad"}, kStart + 1s), "bad");
  auto now = kStart;
  for (const auto pause : {2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    queue.begin("bad");
    queue.again("bad", now);
    EXPECT_EQ(queue.look_again(now), now + pause);
    EXPECT_FALSE(queue.next({"bad"}, now + pause - 1ms));
    now += pause;
  }
}

// With somebody away one asks, ever more rarely, and the others take their turn at it.
TEST(QueueTest, AbsenceIsAskedAboutByOneAtATime) {
  Queue queue;
  const std::vector<std::string> waiting{"a", "b", "c"};
  for (const auto& each : waiting) queue.begin(each);
  for (const auto& each : waiting) queue.away(each, kStart);
  EXPECT_FALSE(queue.next(waiting, kStart + 999ms));
  ASSERT_EQ(queue.next(waiting, kStart + 1s), "a");
  queue.begin("a");
  EXPECT_FALSE(queue.next(waiting, kStart + 1s)) << "one alone";
  queue.away("a", kStart + 1s);
  EXPECT_FALSE(queue.next(waiting, kStart + 2s)) << "the pause grows";
  EXPECT_EQ(queue.next(waiting, kStart + 3s), "b") << "the next one's turn";
  queue.begin("b");
  queue.done("b");
  EXPECT_EQ(queue.next({"a", "c"}, kStart + 3s), "c");
  queue.begin("c");
  EXPECT_EQ(queue.next({"a", "c"}, kStart + 3s), "a") << "somebody is there: several again";
}

TEST(QueueTest, WhoIsBackIsAskedAtOnce) {
  Queue queue;
  for (int i = 0; i < 9; ++i) {
    queue.begin("a");
    queue.away("a", kStart);
  }
  EXPECT_FALSE(queue.next({"a"}, kStart));
  queue.back();
  EXPECT_EQ(queue.next({"a"}, kStart), "a");
}

// Whatever happens in whatever order: never more at once than allowed, none twice
// at once, and each is asked for within the longest pause.
TEST(QueueTest, EachGetsItsTurn) {
  zane::testing::Seed seed;
  for (int round = 0; round < 200; ++round) {
    Queue queue;
    std::vector<std::string> waiting{"always away", "never ends"};
    for (int i = 0; i < 10; ++i) waiting.push_back("good " + std::to_string(i));
    std::vector<std::string> under_way;
    auto now = kStart;
    for (int step = 0; step < 2000 && waiting.size() > 2; ++step) {
      while (const auto next = queue.next(waiting, now)) {
        ASSERT_THAT(under_way, ::testing::Not(::testing::Contains(*next)));
        queue.begin(*next);
        under_way.push_back(*next);
        ASSERT_LE(under_way.size(), size_t{kUnderWayMax});
      }
      if (under_way.empty()) {
        ASSERT_LE(queue.look_again(now), now + Pauses{}.longest);
        now = queue.look_again(now);
        continue;
      }
      const auto which = under_way.begin() + seed.between(0, static_cast<int64_t>(under_way.size()) - 1);
      const std::string delivery = *which;
      under_way.erase(which);
      if (delivery == "always away" || (delivery != "never ends" && seed.one_in(8))) {
        queue.away(delivery, now);
      } else if (delivery == "never ends") {
        queue.again(delivery, now);
      } else {
        queue.done(delivery);
        std::erase(waiting, delivery);
      }
      now += std::chrono::milliseconds(seed.between(0, 500));
    }
    ASSERT_EQ(waiting.size(), 2u) << "the good ones are through";
    ASSERT_LT(now - kStart, 30min);
  }
}

}  // namespace
}  // namespace zane::webhook
