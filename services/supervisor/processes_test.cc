// Terminals of several clients, whose names may be the same.
#include "services/supervisor/processes.h"

#include "boost/json.hpp"
#include "gmock/gmock.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kA[] = "device/a";
constexpr char kB[] = "device/b";

std::string spawn(const std::string& handle) {
  return bj::serialize(bj::object{{"command", bj::array{"sh"}}, {"processHandle", handle}});
}

class ProcessesTest : public ::testing::Test {
 protected:
  // The name Codex knows a process by; "" when it was refused.
  std::string begin(const std::string& client, const std::string& handle,
                    const char* method = "process/spawn") {
    const bj::object params{{std::string(process_key_of(method)), handle}};
    const auto ours = processes_.to_codex(client, method, bj::serialize(params));
    if (!ours.ok()) return "";
    process_ = ours->process;
    return std::string(bj::parse(ours->params).at(process_key_of(method)).as_string());
  }
  std::string name_for(const std::string& client, const std::string& handle) {
    return std::string(bj::parse(processes_.to_codex(client, "process/writeStdin", spawn(handle))->params)
                           .at("processHandle")
                           .as_string());
  }
  // "client: the handle it sees", or "nobody".
  std::string output(const std::string& name, const char* method = "process/outputDelta") {
    const bj::object raw{{"method", method},
                         {"params", {{std::string(process_key_of(method)), name}, {"deltaBase64", "eA=="}}}};
    const std::string text = bj::serialize(raw);
    const auto out = processes_.from_codex(*read_codex_message(text), text);
    if (!out) return "nobody";
    const auto body = bj::parse(out->raw).as_object();
    EXPECT_EQ(body.at("method"), bj::value(method));
    const auto& params = body.at("params").as_object();
    EXPECT_EQ(params.at("deltaBase64"), bj::value("eA=="));
    return out->client + ": " + std::string(params.at(process_key_of(method)).as_string());
  }
  Processes processes_;
  // The one that was begun last.
  uint64_t process_ = 0;
};

TEST_F(ProcessesTest, TwoClientsWithOneHandleAreNeverMixed) {
  const std::string a = begin(kA, "term");
  const std::string b = begin(kB, "term");
  EXPECT_NE(a, b);
  EXPECT_EQ(output(a), "device/a: term");
  EXPECT_EQ(output(b), "device/b: term");
  EXPECT_EQ(name_for(kA, "term"), a) << "keystrokes find their own";
  EXPECT_EQ(name_for(kB, "term"), b);
}

// A handle may look like another client's, separator and all.
TEST_F(ProcessesTest, AHandleThatHoldsTheSeparatorStaysItsOwners) {
  const std::string plain = begin(kA, "term");
  for (const std::string& handle : {plain, std::string("#"), std::string("term#device/a"),
                                    std::string("x#term"), std::string("##"), std::string()}) {
    const std::string name = begin(kB, handle);
    EXPECT_NE(name, plain);
    EXPECT_EQ(output(name), "device/b: " + handle);
  }
  EXPECT_EQ(output(plain), "device/a: term");
}

TEST_F(ProcessesTest, OutputOfNobodysProcessGoesToNobody) {
  begin(kA, "term");
  EXPECT_EQ(output("term"), "nobody");
  EXPECT_EQ(output("device/a#other"), "nobody");
  EXPECT_FALSE(processes_.from_codex(*read_codex_message(R"({"method":"process/outputDelta","params":{}})"),
                                     R"({"method":"process/outputDelta","params":{}})"));
  EXPECT_FALSE(processes_.from_codex(*read_codex_message(R"({"method":"process/outputDelta"})"),
                                     R"({"method":"process/outputDelta"})"));
}

TEST_F(ProcessesTest, AnEndIsToldAndThenForgotten) {
  const std::string a = begin(kA, "term");
  EXPECT_EQ(output(a, "process/exited"), "device/a: term");
  EXPECT_EQ(output(a), "nobody");
  EXPECT_EQ(begin(kA, "term"), a) << "the name is free again";
}

TEST_F(ProcessesTest, ACallThatFailedBeganNothing) {
  const std::string a = begin(kA, "term");
  const uint64_t first = process_;
  processes_.over(first);
  EXPECT_EQ(output(a), "nobody");
  const std::string b = begin(kA, "term");
  EXPECT_EQ(output(b), "device/a: term");
  processes_.over(first);
  EXPECT_EQ(output(b), "device/a: term") << "another one of that name";
}

// Codex would refuse the second, and that refusal must not end the first.
TEST_F(ProcessesTest, ASecondOfTheSameNameIsRefusedAndHarmsNotTheFirst) {
  const std::string first = begin(kA, "term");
  const auto second = processes_.to_codex(kA, "process/spawn", spawn("term"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(output(first), "device/a: term");
}

TEST_F(ProcessesTest, AnExecIsOverWithItsAnswer) {
  const std::string name = begin(kA, "1", "command/exec");
  EXPECT_EQ(output(name, "command/exec/outputDelta"), "device/a: 1");
  processes_.over(process_);
  EXPECT_EQ(output(name, "command/exec/outputDelta"), "nobody");
}

TEST_F(ProcessesTest, WhatNamesNoProcessPassesAsItIs) {
  constexpr char params[] = R"( {"processHandle":"x",  "a":1} )";
  EXPECT_EQ(processes_.to_codex(kA, "turn/start", params)->params, params);
  const auto unnamed = processes_.to_codex(kA, "command/exec", R"({"command":["ls"]})");
  EXPECT_EQ(unnamed->params, R"({"command":["ls"]})");
  EXPECT_EQ(unnamed->process, 0U);
  EXPECT_FALSE(processes_.to_codex(kA, "process/spawn", "[]").ok());
}

TEST_F(ProcessesTest, AreBoundedPerClient) {
  for (size_t i = 0; i < kProcessesPerClientMax; ++i) EXPECT_NE(begin(kA, std::to_string(i)), "");
  EXPECT_EQ(processes_.to_codex(kA, "process/spawn", spawn("more")).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_NE(begin(kB, "term"), "") << "the bound is each client's own";
  EXPECT_EQ(name_for(kA, "0"), "device/a#0") << "the open ones go on";
  output("device/a#0", "process/exited");
  EXPECT_NE(begin(kA, "more"), "");
}

TEST_F(ProcessesTest, EndWithTheirClientOrWithTheConnection) {
  const std::string a1 = begin(kA, "1");
  const std::string a2 = begin(kA, "2");
  const std::string b = begin(kB, "1");
  std::vector<std::string> ended;
  for (const auto& ending : processes_.take_of(kA)) {
    EXPECT_EQ(ending.method, "process/kill");
    ended.emplace_back(bj::parse(ending.params).at("processHandle").as_string());
  }
  EXPECT_THAT(ended, ElementsAre(a1, a2));
  EXPECT_THAT(processes_.take_of(kA), IsEmpty());
  EXPECT_EQ(output(a1), "nobody");
  EXPECT_EQ(output(b), "device/b: 1");
  EXPECT_THAT(processes_.take_all(), ElementsAre(std::pair(b, std::string(kB))));
  EXPECT_EQ(output(b), "nobody");
}

}  // namespace
}  // namespace zane::supervisor
