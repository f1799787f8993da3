// Deltas told as one: only those that belong together, and nothing of them lost.
#include "lib/journal/merge.h"

#include "gtest/gtest.h"

namespace zane::journal {
namespace {

v1::Event delta(int64_t seq, const std::string& item, const std::string& text, const std::string& more = "",
                const std::string& method = "item/agentMessage/delta") {
  v1::Event event;
  event.set_seq(seq);
  event.set_prev_seq(seq - 1);
  event.set_thread("t");
  event.set_turn("u");
  event.set_item(item);
  event.set_method(method);
  event.set_raw(R"({"method":")" + method + R"(","params":{"threadId":"t","turnId":"u","itemId":")" + item +
                R"(","delta":)" + boost::json::serialize(boost::json::value(text)) + more + "}}");
  return event;
}

TEST(MergeTest, OneAloneStaysAsItWas) {
  Merge merge;
  const auto one = delta(1, "i", "a");
  merge.begin(one);
  EXPECT_EQ(merge.take().SerializeAsString(), one.SerializeAsString());
  EXPECT_TRUE(merge.empty());
}

TEST(MergeTest, ManyOfOneItemAreOne) {
  Merge merge;
  merge.begin(delta(1, "i", "a\n\"\xc3\xa4"));
  EXPECT_TRUE(merge.add(delta(2, "i", "")));
  EXPECT_TRUE(merge.add(delta(5, "i", "\xf0\x9f\x8d\x8e z")));
  const auto all = merge.take();
  EXPECT_EQ(all.seq(), 5);
  EXPECT_EQ(all.merged(), 3);
  const auto params = boost::json::parse(all.raw()).at("params");
  EXPECT_EQ(params.at("delta"), "a\n\"\xc3\xa4\xf0\x9f\x8d\x8e z");
  EXPECT_EQ(params.at("itemId"), "i");
  EXPECT_EQ(params.at("turnId"), "u");
}

TEST(MergeTest, WhatDiffersStaysApart) {
  const auto apart = [](const v1::Event& first, const v1::Event& second) {
    Merge merge;
    merge.begin(first);
    return !merge.add(second);
  };
  EXPECT_FALSE(apart(delta(1, "i", "a"), delta(2, "i", "b")));
  EXPECT_TRUE(apart(delta(1, "i", "a"), delta(2, "j", "b")));
  EXPECT_TRUE(apart(delta(1, "i", "a"), delta(2, "i", "b", "", "item/reasoning/textDelta")));
  EXPECT_TRUE(apart(delta(1, "i", "a", R"(,"summaryIndex":0)"), delta(2, "i", "b", R"(,"summaryIndex":1)")));
  EXPECT_FALSE(apart(delta(1, "i", "a", R"(,"summaryIndex":1)"), delta(2, "i", "b", R"(,"summaryIndex":1)")));
  auto other = delta(2, "i", "b");
  other.set_thread("another");
  EXPECT_TRUE(apart(delta(1, "i", "a"), other));
  other = delta(2, "i", "b");
  other.set_kind("recovered");
  EXPECT_TRUE(apart(delta(1, "i", "a"), other));
  other = delta(2, "i", "b");
  other.set_raw("{");
  EXPECT_TRUE(apart(delta(1, "i", "a"), other));
  other.set_raw(R"({"method":"m","params":{"delta":["b"]}})");
  EXPECT_TRUE(apart(delta(1, "i", "a"), other));
  EXPECT_TRUE(apart(delta(1, "i", "a", "", "item/completed"), delta(2, "i", "b", "", "item/completed")));
}

TEST(MergeTest, TheLastStampIsKept) {
  Merge merge;
  auto first = delta(1, "i", "a");
  auto second = delta(2, "i", "b");
  for (auto* event : {&first, &second}) {
    std::string raw = event->raw();
    raw.back() = ',';
    event->set_raw(raw + "\"emittedAtMs\":" + std::to_string(1000 + event->seq()) + "}");
  }
  merge.begin(first);
  ASSERT_TRUE(merge.add(second));
  const auto merged = boost::json::parse(merge.take().raw());
  EXPECT_EQ(merged.at("emittedAtMs"), 1002);
  EXPECT_EQ(merged.at("params").at("delta"), "ab");
  merge.begin(first);
  EXPECT_FALSE(merge.add(delta(2, "i", "b"))) << "one with a stamp, one without";
}

TEST(MergeTest, OneIsBounded) {
  Merge merge;
  merge.begin(delta(1, "i", std::string(kMergedBytesMax / 2, 'x')));
  EXPECT_TRUE(merge.add(delta(2, "i", "yy")));
  EXPECT_FALSE(merge.add(delta(3, "i", std::string(kMergedBytesMax / 2, 'z')))) << "looked at before";
  EXPECT_LE(merge.take().raw().size(), kMergedBytesMax + 1024);
}

}  // namespace
}  // namespace zane::journal
