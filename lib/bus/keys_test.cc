// The services' keys in their folder.
#include "lib/bus/keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "lib/testing/temp_folder.h"

namespace zane::bus {
namespace {

TEST(KeysTest, AreMadeOnceForTheirOwnerAlone) {
  const zane::testing::TempFolder temp;
  const auto home = *base::Home::open(temp.path().string());
  ASSERT_TRUE(ensure_keys(home).ok());
  const auto first = load_keys(home, kRelay);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(ensure_keys(home).ok());
  EXPECT_EQ(load_keys(home, kRelay)->own.secret_key, first->own.secret_key);
  EXPECT_EQ(first->service_of.size(), 4u);
  for (const auto& entry : std::filesystem::directory_iterator(home.root() / "keys")) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST(KeysTest, APublicHalfThatWasLostIsDerivedAgain) {
  const zane::testing::TempFolder temp;
  const auto home = *base::Home::open(temp.path().string());
  ASSERT_TRUE(ensure_keys(home).ok());
  const auto before = *load_keys(home, kPolicy);
  std::filesystem::remove(home.key("bus-policy.pub"));
  EXPECT_FALSE(load_keys(home, kPolicy).ok());
  ASSERT_TRUE(ensure_keys(home).ok());
  EXPECT_EQ(load_keys(home, kPolicy)->own.public_key, before.own.public_key);
}

TEST(KeysTest, ADamagedOrWidelyReadableKeyIsRefused) {
  const zane::testing::TempFolder temp;
  const auto home = *base::Home::open(temp.path().string());
  ASSERT_TRUE(ensure_keys(home).ok());
  ::chmod(home.key("bus-relay.key").c_str(), 0644);
  EXPECT_EQ(load_keys(home, kRelay).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(load_keys(home, kPolicy).ok()) << "the secret halves of others are not read";
  ::chmod(home.key("bus-relay.key").c_str(), 0600);
  ASSERT_EQ(::truncate(home.key("bus-relay.key").c_str(), 39), 0);
  EXPECT_EQ(load_keys(home, kRelay).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace zane::bus
