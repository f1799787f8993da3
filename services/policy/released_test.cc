// policy.db of each released version, opened with today's code: devices, first
// answers and the audit log are all there.
#include "lib/testing/released.h"

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/ec_key.h"
#include "lib/crypto/hash.h"
#include "services/policy/store.h"

namespace zane::policy {
namespace {

class ReleasedPolicyTest : public zane::testing::ReleasedFiles {
 protected:
  std::vector<std::string> texts(const char* sql) {
    journal::Db db(folder_ / "policy.db");
    auto rows = db.query(sql);
    std::vector<std::string> all;
    while (rows.step()) all.push_back(rows.text(0));
    return all;
  }
  const crypto::EcKey mac_ = crypto::EcKey::generate();
};

TEST_P(ReleasedPolicyTest, ThePairedDeviceHasItsKeyAndItsRole) {
  Store store(folder_ / "policy.db", mac_);
  const auto device = store.device(std::string(found_.at("device").as_string()));
  ASSERT_TRUE(device);
  EXPECT_EQ(device->name, "a phone");
  EXPECT_EQ(device->role, Role::kOwner);
  EXPECT_EQ(crypto::key_id(device->key), device->id);
  EXPECT_TRUE(crypto::EcPublicKey::from_raw(device->key).ok());
  EXPECT_EQ(store.devices().size(), 1u);
}

TEST_P(ReleasedPolicyTest, EachOrderHasItsFirstAnswer) {
  const auto ids = texts("SELECT id FROM commands");
  ASSERT_GE(ids.size(), 3u) << "two tasks and a decision";
  Store store(folder_ / "policy.db", mac_);
  for (const auto& id : ids) {
    const auto remembered = store.command(id);
    ASSERT_TRUE(remembered) << id;
    EXPECT_FALSE(remembered->digest.empty());
    ASSERT_TRUE(remembered->answer) << id;
    EXPECT_EQ(remembered->answer->state(), "done");
  }
}

// The chain of hashes is whole, and goes on where it was.
TEST_P(ReleasedPolicyTest, TheAuditLogGoesOn) {
  Store(folder_ / "policy.db", mac_).audit({"test", "allowed", "test", "", "", "", "", 1}, 1);
  const auto records = texts("SELECT record FROM audit ORDER BY n");
  const auto hashes = texts("SELECT hash FROM audit ORDER BY n");
  ASSERT_GT(records.size(), 3u);
  std::string previous;
  bool decided = false;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto record = boost::json::parse(records[i]).as_object();
    EXPECT_EQ(record.at("n").as_int64(), static_cast<int64_t>(i) + 1);
    EXPECT_EQ(std::string(record.at("previous").as_string()), previous);
    EXPECT_EQ(crypto::to_base64url(crypto::sha256(records[i])), hashes[i]);
    previous = hashes[i];
    decided = decided || record.at("what") == "zane/approval/decide";
  }
  EXPECT_TRUE(decided);
}

INSTANTIATE_TEST_SUITE_P(Versions, ReleasedPolicyTest,
                         ::testing::ValuesIn(zane::testing::ReleasedFiles::versions()),
                         [](const auto& info) { return "V" + std::to_string(info.index); });

}  // namespace
}  // namespace zane::policy
