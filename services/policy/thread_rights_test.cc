// Who may act in a thread, by what a turn in it may do.
#include "services/policy/thread_rights.h"

#include "gtest/gtest.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

class ThreadRightsTest : public ::testing::Test {
 protected:
  ThreadRightsTest() {
    std::filesystem::create_directories(temp_ / "in" / "side");
    std::filesystem::create_directories(temp_ / "out");
    facts_.set_known(true);
    facts_.set_powers_known(true);
    facts_.set_approval_policy("on-request");
    facts_.set_reviewer("user");
    facts_.set_profile("zane");
    facts_.set_cwd((temp_ / "in").string());
    facts_.add_writable_roots((temp_ / "in").string() + "/side");
  }
  Role role() {
    Looked looked;
    return right_in(facts_, {(temp_ / "in").string()}, looked).role;
  }

  zane::testing::TempFolder temp_;
  v1::ThreadFacts facts_;
};

TEST_F(ThreadRightsTest, AThreadThatAsksInAnAllowedFolderIsAnOperators) {
  EXPECT_EQ(role(), Role::kOperator);
  facts_.set_profile("zane-read-only");
  EXPECT_EQ(role(), Role::kOperator);
}

TEST_F(ThreadRightsTest, EachThingThatWidensItTakesAnOwner) {
  const auto good = facts_;
  for (const char* policy : {"never", "", "granular", R"({"granular":{}})", "on-failure"}) {
    facts_.set_approval_policy(policy);
    EXPECT_EQ(role(), Role::kOwner) << policy;
  }
  facts_ = good;
  for (const char* profile : {"", ":danger-full-access", ":workspace", "Zane", "mine"}) {
    facts_.set_profile(profile);
    EXPECT_EQ(role(), Role::kOwner) << profile;
  }
  facts_ = good;
  facts_.set_reviewer("auto_review");
  EXPECT_EQ(role(), Role::kOwner);
  facts_ = good;
  facts_.set_cwd((temp_ / "out").string());
  EXPECT_EQ(role(), Role::kOwner);
  facts_ = good;
  facts_.add_writable_roots((temp_ / "out").string());
  EXPECT_EQ(role(), Role::kOwner);
  Looked looked;
  EXPECT_EQ(right_in(good, {}, looked).role, Role::kOwner) << "no folder is allowed";
}

TEST_F(ThreadRightsTest, WhatIsNotKnownTakesAnOwner) {
  Looked looked;
  facts_.set_powers_known(false);
  EXPECT_EQ(role(), Role::kOwner);
  EXPECT_EQ(right_in(v1::ThreadFacts(), {"/"}, looked).role, Role::kOwner);
}

TEST(ActsInThreadTest, WhatStartsOrGoesOnWithATurn) {
  for (const char* method : {"turn/start", "turn/steer", "thread/resume", "thread/compact/start"})
    EXPECT_TRUE(acts_in_thread(method)) << method;
  for (const char* method : {"turn/interrupt", "thread/list", "thread/read", "zane/task/start"})
    EXPECT_FALSE(acts_in_thread(method)) << method;
}

}  // namespace
}  // namespace zane::policy
