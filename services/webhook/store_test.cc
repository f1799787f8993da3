// Deliveries on the disk: each once, and each with its result.
#include "services/webhook/store.h"

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::webhook {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { reopen(); }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<Store>(temp_ / "webhook.db");
  }
  std::string next() {
    const auto delivery = store_->next_waiting();
    return delivery ? delivery->id : "";
  }
  int64_t count(const char* sql) {
    journal::Db db(temp_ / "webhook.db");
    auto row = db.query(sql);
    row.step();
    return row.integer(0);
  }
  zane::testing::TempFolder temp_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ADeliveryWaitsUntilItIsSettledOverRestartsToo) {
  const std::string body("\0\xff{}", 4);
  EXPECT_TRUE(store_->add({"d1", "h", body, "t1"}, "mac:1", 1000));
  reopen();
  const auto waiting = store_->next_waiting();
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->id, "d1");
  EXPECT_EQ(waiting->hook, "h");
  EXPECT_EQ(waiting->body, body);
  EXPECT_EQ(waiting->trace, "t1");
  store_->settle("d1", "started thread x");
  reopen();
  EXPECT_FALSE(store_->next_waiting());
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'd1' AND result = 'started thread x'"), 1);
  EXPECT_EQ(count("SELECT sum(length(body)) FROM deliveries"), 0) << "the body goes with the result";
}

TEST_F(StoreTest, TheOldestWaitsInFront) {
  store_->add({"late", "h", "", ""}, "mac:1", 2000);
  store_->add({"early", "h", "", ""}, "mac:2", 1000);
  EXPECT_EQ(next(), "early");
  store_->settle("early", "x");
  EXPECT_EQ(next(), "late");
}

TEST_F(StoreTest, TheSameSignedThingIsTakenOncePerHook) {
  EXPECT_TRUE(store_->add({"d1", "h", "", ""}, "mac:1", 1000));
  EXPECT_FALSE(store_->add({"d2", "h", "", ""}, "mac:1", 1001))
      << "another id of Orbit's makes it no other delivery";
  EXPECT_FALSE(store_->add({"d1", "h", "", ""}, "mac:1", 1001)) << "nor does the same";
  EXPECT_TRUE(store_->add({"d3", "h2", "", ""}, "mac:1", 1002));
  EXPECT_TRUE(store_->add({"d4", "h", "", ""}, "mac:2", 1003));
  store_->settle("d1", "done");
  reopen();
  EXPECT_FALSE(store_->add({"d5", "h", "", ""}, "mac:1", 2000)) << "not even when it is done";
}

TEST_F(StoreTest, IsRememberedLongerThanTheMailboxKeepsAnything) {
  EXPECT_GT(kRememberMs, int64_t{7} * 24 * 3600 * 1000);
  store_->add({"done", "h", "", ""}, "mac:1", 1000);
  store_->add({"waits", "h", "", ""}, "mac:2", 1000);
  store_->settle("done", "x");
  store_->forget_old(1000 + kRememberMs);
  EXPECT_FALSE(store_->add({"again", "h", "", ""}, "mac:1", 1000));
  store_->forget_old(1001 + kRememberMs);
  EXPECT_TRUE(store_->add({"again", "h", "", ""}, "mac:1", 1000 + kRememberMs));
  EXPECT_EQ(next(), "waits") << "what still waits is never forgotten";
}

TEST_F(StoreTest, ARefusedOneIsSeenAndStartsNothing) {
  store_->add_settled("r1", "h", "refused: no", 1000);
  EXPECT_FALSE(store_->next_waiting());
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE result = 'refused: no'"), 1);
  // A refused one keeps the good one's place free.
  EXPECT_TRUE(store_->add({"d1", "h", "", ""}, "mac:1", 1001));
}

// A forger who knows a delivery's id must not make the good one unseen.
TEST_F(StoreTest, ARefusedOneDoesNotTakeAGoodOnesId) {
  store_->add_settled("d1", "h", "refused: no", 1000);
  EXPECT_TRUE(store_->add({"d1", "h", "body", ""}, "mac:1", 1001));
  EXPECT_EQ(next(), "d1");
}

TEST_F(StoreTest, RefusedOnesAreBoundedAndGoodOnesKept) {
  store_->add({"d1", "h", "", ""}, "mac:1", 1);
  store_->settle("d1", "done");
  for (int i = 0; i < 1010; ++i) store_->add_settled("r" + std::to_string(i), "h", "refused: no", 1000 + i);
  EXPECT_LE(count("SELECT count(*) FROM deliveries WHERE dedupe IS NULL"), 1001);
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'r1009'"), 1) << "the newest are seen";
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'r0'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM deliveries WHERE id = 'd1'"), 1);
}

}  // namespace
}  // namespace zane::webhook
