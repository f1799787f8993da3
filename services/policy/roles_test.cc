// Which role a command needs, by method and parameters.
#include "services/policy/roles.h"

#include "gtest/gtest.h"

namespace zane::policy {
namespace {

Weight weight(std::string_view method, const char* params = "{}") {
  return weight_of(method, boost::json::parse(params).as_object());
}

std::string_view needed(std::string_view method, const char* params = "{}") {
  return name_of(required_role(method, boost::json::parse(params).as_object()));
}

TEST(RolesTest, ReadingIsForEveryDevice) {
  for (const char* method : {"zane/attach", "thread/list", "thread/read", "thread/turns/list",
                             "thread/items/list", "model/list", "account/rateLimits/read"}) {
    EXPECT_EQ(needed(method), "viewer") << method;
    EXPECT_EQ(weight(method), Weight::kReads) << method;
  }
  EXPECT_EQ(needed("thread/read", R"({"threadId":"t"})"), "viewer");
}

// Codex goes on with a thread's goal when it is resumed, and a thread read whole
// may be longer than any connection carries.
TEST(RolesTest, ReadingNeverResumesNorReadsAThreadWhole) {
  EXPECT_EQ(needed("thread/resume", R"({"threadId":"t","excludeTurns":true})"), "operator");
  EXPECT_NE(weight("thread/resume", R"({"threadId":"t"})"), Weight::kReads);
  EXPECT_EQ(needed("thread/read", R"({"threadId":"t","includeTurns":true})"), "owner");
}

// With parameters that make it more than a read it is remembered as an order.
TEST(RolesTest, AReadIsOneByItsParametersToo) {
  EXPECT_EQ(weight("thread/list", R"({"limit":5})"), Weight::kReads);
  EXPECT_EQ(weight("thread/list", R"({"limit":5,"somethingNew":true})"), Weight::kOrder);
  EXPECT_EQ(weight("thread/read", R"({"threadId":"t","includeTurns":true})"), Weight::kOrder);
}

TEST(RolesTest, DecidingTakesAnApproverAndStartingAnOperator) {
  EXPECT_EQ(needed("zane/approval/decide", R"({"approval":"a","digest":"d","choice":"accept","answers":{}})"),
            "approver");
  EXPECT_EQ(needed("zane/task/start", R"({"cwd":"/w","prompt":"p","model":"m","effort":"low"})"), "operator");
  EXPECT_EQ(needed("turn/start",
                   R"({"threadId":"t","input":[{"type":"text","text":"x"}],"model":"m","effort":"low"})"),
            "operator");
  for (const char* method : {"turn/steer", "turn/interrupt", "thread/name/set", "thread/archive",
                             "thread/compact/start", "thread/readState/update"})
    EXPECT_EQ(needed(method), "operator") << method;
  for (const char* method : {"zane/approval/decide", "zane/task/start", "turn/start", "turn/interrupt"})
    EXPECT_EQ(weight(method), Weight::kOrder) << method;
}

// A mere turn can run anything unasked when these are its to choose.
TEST(RolesTest, WhatWidensATurnTakesAnOwner) {
  for (const char* params :
       {R"({"threadId":"t","approvalPolicy":"never"})",
        R"({"threadId":"t","sandboxPolicy":{"type":"dangerFullAccess"}})",
        R"({"threadId":"t","permissions":"full"})", R"({"threadId":"t","cwd":"/"})",
        R"({"threadId":"t","config":{}})", R"({"threadId":"t","approvalsReviewer":"x"})",
        R"({"threadId":"t","environments":[]})", R"({"threadId":"t","runtimeWorkspaceRoots":["/"]})",
        R"({"threadId":"t","approvalPolicy":null})", R"({"threadId":"t","notKnownYet":1})",
        R"({"threadId":"t","Model":"m"})", R"({"threadId":"t","thread_id":"u"})"})
    EXPECT_EQ(needed("turn/start", params), "owner") << params;
  for (const char* key : {"approvalPolicy", "sandbox", "permissions", "config", "cwd", "path", "history"})
    EXPECT_EQ(needed("thread/resume", (std::string(R"({"threadId":"t",")") + key + "\":1}").c_str()), "owner")
        << key;
}

TEST(RolesTest, WhatReadsAFileOfTheMacTakesAnOwner) {
  for (const char* part :
       {R"({"type":"localImage","path":"/etc/passwd"})", R"({"type":"skill","name":"x","path":"/x"})",
        R"({"type":"mention","path":"/x"})", R"({"type":"notKnownYet"})", R"({"text":"no type"})",
        R"({"type":7})", "\"text\"", "null"})
    for (const char* method : {"turn/start", "turn/steer"}) {
      const std::string good = R"({"type":"text","text":"x"})";
      EXPECT_EQ(needed(method, (R"({"threadId":"t","input":[)" + good + "," + part + "]}").c_str()), "owner")
          << part;
    }
  EXPECT_EQ(needed("turn/start", R"({"threadId":"t","input":{"type":"text"}})"), "owner");
  EXPECT_EQ(
      needed(
          "turn/start",
          R"({"threadId":"t","input":[{"type":"text","text":"x"},{"type":"image","url":"data:image/png;base64,AA"}]})"),
      "operator");
  // An address is fetched by Codex: only a picture that is in the command is plain.
  for (const char* url :
       {"file:///etc/passwd", "/etc/passwd", "http://127.0.0.1/", "https://x/y.png", "", "DATA:text/plain,x"})
    EXPECT_EQ(
        needed("turn/start",
               (R"({"threadId":"t","input":[{"type":"image","url":")" + std::string(url) + "\"}]}").c_str()),
        "owner")
        << url;
}

TEST(RolesTest, FullAccessTakesAnOwner) {
  EXPECT_EQ(needed("zane/task/start", R"({"cwd":"/w","prompt":"p","permissions":"ask"})"), "operator");
  EXPECT_EQ(needed("zane/task/start", R"({"cwd":"/w","prompt":"p","permissions":"read-only"})"), "operator");
  for (const char* permissions : {"\"full-access\"", "\"\"", "\"Ask\"", "null", "[\"ask\"]", "7"})
    EXPECT_EQ(needed("zane/task/start",
                     (std::string(R"({"cwd":"/w","prompt":"p","permissions":)") + permissions + "}").c_str()),
              "owner")
        << permissions;
}

TEST(RolesTest, TerminalsFilesAndTheUnknownTakeAnOwner) {
  for (const char* method :
       {"thread/shellCommand", "process/spawn", "process/writeStdin", "command/exec", "command/exec/write",
        "fs/readFile", "config/value/write", "thread/start", "thread/fork", "thread/rollback",
        "account/logout", "zane/anything", "not/known", "", "turn/start ", "Turn/start"})
    EXPECT_EQ(needed(method), "owner") << method;
  EXPECT_EQ(needed(std::string_view("turn/start\0", 11)), "owner");
  EXPECT_EQ(weight("process/spawn"), Weight::kOrder);
  EXPECT_EQ(weight("not/known"), Weight::kOrder);
}

TEST(RolesTest, NamesGoBothWaysAndNoOtherIsARole) {
  for (const Role role : {Role::kViewer, Role::kApprover, Role::kOperator, Role::kOwner})
    EXPECT_EQ(role_from(name_of(role)), role);
  for (const char* name : {"", "Owner", "admin", "owner "}) EXPECT_FALSE(role_from(name)) << name;
  EXPECT_LT(Role::kViewer, Role::kApprover);
  EXPECT_LT(Role::kApprover, Role::kOperator);
  EXPECT_LT(Role::kOperator, Role::kOwner);
}

TEST(RolesTest, ConnectionsAreNotAPhonesToOpen) {
  for (const char* method : {"initialize", "initialized", ""}) EXPECT_TRUE(is_reserved(method));
  EXPECT_FALSE(is_reserved("turn/start"));
}

TEST(RolesTest, KeystrokesAreRememberedButNotAnnounced) {
  for (const char* method :
       {"process/writeStdin", "process/resizePty", "command/exec/write", "command/exec/resize"})
    EXPECT_EQ(weight(method), Weight::kLight);
  for (const char* method : {"process/spawn", "process/kill", "turn/start"})
    EXPECT_EQ(weight(method), Weight::kOrder);
}

}  // namespace
}  // namespace zane::policy
