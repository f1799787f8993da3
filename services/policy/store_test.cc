// What policy keeps over its own end: devices, first answers, the audit log.
#include "services/policy/store.h"

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { reopen(); }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<Store>(file(), mac_);
  }
  std::filesystem::path file() const { return temp_ / "policy.db"; }

  // As `zane audit verify` must: each record's hash, its signature, the record
  // before. The number of the first bad one, 0 when all is well.
  int64_t first_bad_record() {
    journal::Db db(file());
    auto row = db.query("SELECT n, record, hash, signature FROM audit ORDER BY n");
    std::string previous;
    int64_t expected = 1;
    while (row.step()) {
      const auto record = bj::parse(row.text(1)).as_object();
      const auto signature = crypto::from_base64url(row.text(3));
      const bool good = row.integer(0) == expected && record.at("n").as_int64() == expected &&
                        std::string(record.at("previous").as_string()) == previous &&
                        crypto::to_base64url(crypto::sha256(row.text(1))) == row.text(2) && signature &&
                        mac_.public_key().verify(row.text(2), *signature);
      if (!good) return expected;
      previous = row.text(2);
      ++expected;
    }
    return 0;
  }
  void tamper(const char* sql) {
    journal::Db db(file());
    db.run(sql);
    ASSERT_GT(db.changes(), 0);
  }
  void write_records(int count) {
    for (int i = 0; i < count; ++i) {
      AuditRecord record;
      record.what = "turn/start";
      record.decision = i % 2 ? "allowed" : "refused";
      record.who = "device/d";
      record.about = "thread \"" + std::to_string(i) + "\"\n";
      store_->audit(record, 1000 + i, i % 2 ? Durability::kNow : Durability::kSoon);
    }
  }

  zane::testing::TempFolder temp_;
  const crypto::EcKey mac_ = crypto::EcKey::generate();
  std::unique_ptr<Store> store_;
};

v1::CommandAnswer answer(const std::string& state) {
  v1::CommandAnswer a;
  a.set_state(state);
  a.set_result(std::string("\0\xff raw", 6));
  return a;
}

// ---- audit ------------------------------------------------------------------------

TEST_F(StoreTest, AuditIsAChainOverRestarts) {
  write_records(5);
  reopen();
  write_records(5);
  EXPECT_EQ(first_bad_record(), 0);
  const auto tail = store_->audit_tail(3);
  ASSERT_EQ(tail.size(), 3u);
  EXPECT_EQ(bj::parse(tail[2]).at("n").as_int64(), 10);
  EXPECT_EQ(bj::parse(tail[0]).at("n").as_int64(), 8);
}

TEST_F(StoreTest, AuditShowsAnyChange) {
  for (const char* sql :
       {"UPDATE audit SET record = replace(record, 'refused', 'allowed') WHERE n = 3",
        "UPDATE audit SET signature = (SELECT signature FROM audit WHERE n = 2) WHERE n = 3",
        "DELETE FROM audit WHERE n = 3", "UPDATE audit SET n = 100 WHERE n = 3",
        R"(UPDATE audit SET record = (SELECT record FROM audit WHERE n = 2),
             hash = (SELECT hash FROM audit WHERE n = 2),
             signature = (SELECT signature FROM audit WHERE n = 2) WHERE n = 3)"}) {
    std::filesystem::remove(file());
    reopen();
    write_records(5);
    store_.reset();
    tamper(sql);
    EXPECT_EQ(first_bad_record(), 3) << sql;
  }
}

// Who can write the file but has not the Mac's key can't mend the chain.
TEST_F(StoreTest, AuditIsSignedByTheMacAlone) {
  write_records(2);
  store_.reset();
  const auto other = crypto::EcKey::generate();
  Store(file(), other).audit({.what = "turn/start", .decision = "allowed", .who = "device/d"}, 2000);
  EXPECT_EQ(first_bad_record(), 3);
}

TEST_F(StoreTest, AuditSaysWhatThereIsToSay) {
  store_->audit(
      {.what = "peer-refused", .decision = "refused", .who = "unknown", .reason = "no key", .count = 7},
      1234);
  const auto record = bj::parse(store_->audit_tail(1).at(0)).as_object();
  EXPECT_EQ(record.at("at").as_int64(), 1234);
  EXPECT_EQ(record.at("count").as_int64(), 7);
  EXPECT_EQ(record.at("reason"), bj::value("no key"));
  EXPECT_FALSE(record.contains("command")) << "nothing empty";
}

// ---- first answers --------------------------------------------------------------

TEST_F(StoreTest, TheFirstAnswerOutlivesTheProcess) {
  EXPECT_FALSE(store_->command("c1"));
  store_->remember_command("c1", "digest-1", 1000, Durability::kNow);
  ASSERT_TRUE(store_->command("c1"));
  EXPECT_FALSE(store_->command("c1")->answer) << "under way";
  store_->remember_answer("c1", answer("done"));
  reopen();
  const auto known = store_->command("c1");
  ASSERT_TRUE(known && known->answer);
  EXPECT_EQ(known->digest, "digest-1");
  EXPECT_EQ(known->answer->SerializeAsString(), answer("done").SerializeAsString());
}

TEST_F(StoreTest, AnIdKeepsItsFirstBytes) {
  store_->remember_command("c1", "digest-1", 1000, Durability::kNow);
  store_->remember_answer("c1", answer("done"));
  store_->remember_command("c1", "digest-2", 2000, Durability::kNow);
  EXPECT_EQ(store_->command("c1")->digest, "digest-1");
  EXPECT_EQ(store_->command("c1")->answer->state(), "done");
}

TEST_F(StoreTest, ForgetsNoIdThatCouldStillBeGood) {
  EXPECT_GT(kRememberCommandMs, int64_t{24} * 3600 * 1000 + int64_t{5} * 60 * 1000)
      << "a command's life and the clocks' difference";
  store_->remember_command("c1", "d", 1000, Durability::kSoon);
  store_->forget_old(1000 + kRememberCommandMs);
  EXPECT_TRUE(store_->command("c1"));
  store_->forget_old(1001 + kRememberCommandMs);
  EXPECT_FALSE(store_->command("c1"));
}

TEST_F(StoreTest, WhatCouldBeGoodInYearsStaysRefusedAndIsBounded) {
  const int64_t year = int64_t{365} * 86'400'000;
  for (int n = 0; n < 300; ++n)
    store_->remember_refusal("d1/" + std::to_string(n), "digest", answer("refused"), year + n, 1000);
  store_->remember_refusal("d2/0", "digest", answer("refused"), year, 1000);
  store_->remember_refusal("d1/now", "digest", answer("refused"), 1000, 1000);
  store_->forget_old(year);
  EXPECT_EQ(store_->command("d1/299")->answer->state(), "refused");
  EXPECT_TRUE(store_->command("d2/0")) << "another device's";
  EXPECT_FALSE(store_->command("d1/0"));
  EXPECT_TRUE(store_->command("d1/44"));
  EXPECT_FALSE(store_->command("d1/now"));
}

TEST_F(StoreTest, WhatItMayHaveForgottenOutlivesTheProcess) {
  EXPECT_EQ(store_->forgotten_until(), 0);
  store_->set_forgotten_until(5000);
  reopen();
  EXPECT_EQ(store_->forgotten_until(), 5000);
}

// ---- devices ----------------------------------------------------------------------

TEST_F(StoreTest, DevicesOutliveTheProcess) {
  std::string key(65, '\0');
  key[64] = '\xff';
  store_->add_device({"d1", key, "phone", Role::kApprover, 5, 5});
  store_->seen("d1", 99);
  reopen();
  const auto device = store_->device("d1");
  ASSERT_TRUE(device);
  EXPECT_EQ(device->key, key);
  EXPECT_EQ(device->role, Role::kApprover);
  EXPECT_EQ(device->paired_ms, 5);
  EXPECT_EQ(device->last_seen_ms, 99);
  EXPECT_FALSE(store_->device("d2"));
}

TEST_F(StoreTest, ADeviceThatComesAgainChangesItsNameAlone) {
  store_->add_device({"d1", "key-1", "phone", Role::kViewer, 5, 5});
  store_->add_device({"d1", "key-2", "other", Role::kOwner, 9, 9});
  const auto device = *store_->device("d1");
  EXPECT_EQ(device.name, "other");
  EXPECT_EQ(device.key, "key-1");
  EXPECT_EQ(device.role, Role::kViewer);
}

TEST_F(StoreTest, ARoleThatIsNotKnownIsTheLeast) {
  store_->add_device({"d1", "k", "phone", Role::kOwner, 5, 5});
  tamper("UPDATE devices SET role = 'emperor'");
  EXPECT_EQ(store_->device("d1")->role, Role::kViewer);
}

}  // namespace
}  // namespace zane::policy
