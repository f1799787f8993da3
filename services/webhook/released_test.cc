// webhook.db of each released version, opened with today's code: every delivery and
// its result are there, and what started then is a duplicate today.
#include "lib/testing/released.h"

#include "gmock/gmock.h"
#include "services/webhook/store.h"
#include "services/webhook/verify.h"

namespace zane::webhook {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

class ReleasedWebhookTest : public zane::testing::ReleasedFiles {};

TEST_P(ReleasedWebhookTest, EachDeliveryHasItsResult) {
  Store store(folder_ / "webhook.db");
  std::map<std::string, std::string> results;
  for (const auto& delivery : store.latest(100)) {
    EXPECT_EQ(delivery.hook, "ci");
    EXPECT_GT(delivery.at_ms, 1700000000000);
    results[delivery.id] = delivery.result;
  }
  const auto& told = found_.at("deliveries").as_array();
  ASSERT_THAT(results, SizeIs(told.size()));
  EXPECT_THAT(results[std::string(told.at(0).at("delivery").as_string())], StartsWith("started "));
  EXPECT_THAT(results[std::string(told.at(1).at("delivery").as_string())], StartsWith("refused: "));
  EXPECT_THAT(store.waiting("ci"), SizeIs(0));
}

// By the MAC of its body, under any other id.
TEST_P(ReleasedWebhookTest, WhatStartedThenDoesNotStartAgain) {
  Store store(folder_ / "webhook.db");
  const auto& told = found_.at("deliveries").as_array();
  const auto dedupe = [&](size_t which) {
    const std::string body(told.at(which).at("body").as_string());
    const std::string signature(told.at(which).at("signature").as_string());
    const auto verdict = verify("github", std::string(found_.at("secret").as_string()),
                                {{"x-hub-signature-256", signature}}, body, 1);
    const auto* verified = std::get_if<Verified>(&verdict);
    return verified ? verified->dedupe : "";
  };
  EXPECT_EQ(store.add({"again", "ci", "{}", "t", ""}, dedupe(0), 1), Store::Added::kStarted);
  EXPECT_EQ(dedupe(1), "") << "its signature fits no better than then";
  EXPECT_EQ(store.add({"new", "ci", "{}", "t", ""}, "mac:new", 1), Store::Added::kFresh);
}

INSTANTIATE_TEST_SUITE_P(Versions, ReleasedWebhookTest,
                         ::testing::ValuesIn(zane::testing::ReleasedFiles::versions()),
                         [](const auto& info) { return "V" + std::to_string(info.index); });

}  // namespace
}  // namespace zane::webhook
