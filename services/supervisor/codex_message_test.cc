// Codex's messages, looked at and not changed.
#include "services/supervisor/codex_message.h"

#include "gtest/gtest.h"

namespace zane::supervisor {
namespace {

using Kind = CodexMessage::Kind;

TEST(CodexMessageTest, TellsRequestsFromAnswersFromNews) {
  EXPECT_EQ(read_codex_message(R"({"method":"turn/started","params":{}})")->kind, Kind::kNotification);
  EXPECT_EQ(read_codex_message(R"({"id":7,"method":"item/fileChange/requestApproval","params":{}})")->kind,
            Kind::kRequest);
  EXPECT_EQ(read_codex_message(R"({"id":7,"result":{}})")->kind, Kind::kResponse);
  EXPECT_EQ(read_codex_message(R"({"id":7,"error":{"code":1}})")->kind, Kind::kResponse);
}

TEST(CodexMessageTest, KeepsAnIdAsCodexWroteIt) {
  EXPECT_EQ(read_codex_message(R"({"id":7,"result":{"id":8}})")->id, "7");
  EXPECT_EQ(read_codex_message(R"({"result":{"id":8}, "id" : "7" })")->id, "\"7\"");
  EXPECT_EQ(read_codex_message(R"({"id":9007199254740993,"result":{}})")->id, "9007199254740993");
  EXPECT_EQ(read_codex_message(R"({"id":0,"method":"x"})")->kind, Kind::kRequest) << "0 is an id";
}

TEST(CodexMessageTest, LiftsWhereItBelongs) {
  const auto item = read_codex_message(
      R"({"method":"item/started","params":{"threadId":"t","turnId":"u","item":{"id":"i"}}})");
  EXPECT_EQ(item->thread, "t");
  EXPECT_EQ(item->turn, "u");
  EXPECT_EQ(item->item, "i");
  const auto turn =
      read_codex_message(R"({"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}})");
  EXPECT_EQ(turn->turn, "u");
  const auto thread = read_codex_message(R"({"method":"thread/started","params":{"thread":{"id":"t"}}})");
  EXPECT_EQ(thread->thread, "t");
  const auto legacy =
      read_codex_message(R"({"id":1,"method":"execCommandApproval","params":{"conversationId":"t"}})");
  EXPECT_EQ(legacy->thread, "t");
  EXPECT_EQ(read_codex_message(R"({"method":"x","params":{"threadId":7}})")->thread, "");
  EXPECT_EQ(read_codex_message(R"({"method":"x"})")->thread, "");
  EXPECT_EQ(read_codex_message(R"({"method":"x","params":[1]})")->thread, "");
}

TEST(CodexMessageTest, RefusesWhatIsNoMessage) {
  for (const char* raw : {"", "[]", "{}", "7", "{", R"({"params":{}})", R"({"method":7})"})
    EXPECT_FALSE(read_codex_message(raw).ok()) << raw;
  for (const char* raw : {"{\"method\":\"x\",\"params\":\"\xff\"}", R"({"method":"x"} {})"}) {
    ASSERT_TRUE(read_codex_message(raw).ok()) << raw;
    EXPECT_FALSE(read_codex_message(raw)->understood) << raw;
  }
}

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

// serde_json goes to 128; what Codex can say can be carried.
TEST(CodexMessageTest, DepthIsNoReasonToRefuse) {
  for (const int depth : {63, 64, 65, 128, 129, 5000}) {
    const auto news = read_codex_message(R"({"method":"item/completed","params":{"x":)" + nested(depth) +
                                         R"(,"threadId":"t","turnId":"u","item":{"id":"i","deep":)" +
                                         nested(depth) + "}}}");
    ASSERT_TRUE(news.ok()) << depth;
    EXPECT_TRUE(news->understood) << depth;
    EXPECT_EQ(news->thread, "t");
    EXPECT_EQ(news->item, "i");
  }
}

// Nobody waits for ever because one odd message could not be read.
TEST(CodexMessageTest, WhatCanNotBeReadIsStillKnownForWhatItIs) {
  const auto request = read_codex_message(
      R"({"method":"item/fileChange/requestApproval","id":9,"params":{"threadId":"t","turnId":"u","itemId":"i","x":)" +
      std::string(200000, '['));
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->understood);
  EXPECT_EQ(request->kind, Kind::kRequest);
  EXPECT_EQ(request->id, "9");
  EXPECT_EQ(request->thread, "t");
  EXPECT_EQ(request->item, "i");
  const auto answer = read_codex_message(R"({"id":4,"result":{"x":tru)");
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->understood);
  EXPECT_EQ(answer->kind, Kind::kResponse);
  EXPECT_EQ(answer->id, "4");
  const auto cut = read_broken_message(
      R"({"method":"item/agentMessage/delta","params":{"threadId":"t","turnId":"u","delta":"xxxxx)");
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(cut->turn, "u");
}

TEST(CodexMessageTest, NestedNamesFoolNobody) {
  const auto m = read_codex_message(
      R"({"params":{"item":{"threadId":"no","id":"i","thread":{"id":"no"}},"list":[{"threadId":"no"}],"threadId":"t"},"threadId":"no","method":"m"})");
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->thread, "t");
  EXPECT_EQ(m->item, "i");
  EXPECT_EQ(read_codex_message(R"({"method":"m","params":{"thread\u0049d":"t","threadId":"later"}})")->thread,
            "later");
  EXPECT_EQ(read_codex_message(R"({"method":"m","params":{"threadId":"first","thread\u0049d":"t"}})")->thread,
            "t");
  EXPECT_EQ(
      resolved_request_of(R"({"method":"serverRequest/resolved","params":{"threadId":"t","requestId":"7"}})"),
      "\"7\"");
}

// As every other reader of the same bytes does.
TEST(CodexMessageTest, TheLastOfTwoCounts) {
  for (const char* raw :
       {R"({"method":"m","params":{"threadId":"a","turnId":"b"},"params":{"threadId":"t"}})",
        R"({"method":"m","params":{"thread":{"id":"a"},"turn":{"id":"b"},"turn":7,"thread":{"id":"t"}}})"}) {
    EXPECT_EQ(read_codex_message(raw)->thread, "t");
    EXPECT_EQ(read_codex_message(raw)->turn, "");
  }
  EXPECT_EQ(read_codex_message(R"({"method":"m","params":{"threadId":"a"},"params":[]})")->thread, "");
  EXPECT_EQ(resolved_request_of(R"({"method":"m","params":[{"requestId":7}]})"), "");
}

TEST(CodexMessageTest, ATextThatIsNoIdIsNotCutToOne) {
  for (const size_t length : {size_t{513}, size_t{600}, size_t{5000}})
    EXPECT_EQ(
        read_codex_message(R"({"method":"m","params":{"threadId":")" + std::string(length, 'a') + "\"}}")
            ->thread,
        "");
  EXPECT_EQ(read_broken_message(R"({"method":"m","id":71)")->id, "") << "it may be 712";
  EXPECT_EQ(read_broken_message("{\"method\":\"m\",\"id\":\"\xff\",")->id, "");
  EXPECT_EQ(read_broken_message(R"({"method":"m","id":{"a":1},)")->id, "");
}

TEST(CodexMessageTest, UnknownFieldsAndMethodsPass) {
  const auto message =
      read_codex_message(R"({"method":"hologram/started","new":1,"params":{"threadId":"t","new":[1]}})");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->method, "hologram/started");
  EXPECT_EQ(level_of(message->method), journal::Level::kThread);
}

TEST(CodexMessageTest, TheListChangesWithFewMethods) {
  for (const char* method :
       {"thread/started", "thread/name/updated", "turn/started", "turn/completed", "thread/archived"})
    EXPECT_EQ(level_of(method), journal::Level::kList) << method;
  for (const char* method : {"item/agentMessage/delta", "item/completed", ""})
    EXPECT_EQ(level_of(method), journal::Level::kThread);
}

TEST(CodexMessageTest, ProcessesNameThemselvesByTheirMethodsKey) {
  EXPECT_EQ(process_key_of("process/spawn"), "processHandle");
  EXPECT_EQ(process_key_of("process/outputDelta"), "processHandle");
  EXPECT_EQ(process_key_of("command/exec"), "processId");
  EXPECT_EQ(process_key_of("command/exec/outputDelta"), "processId");
  EXPECT_EQ(process_key_of("command/execute"), "");
  EXPECT_EQ(process_key_of("turn/start"), "");
  for (const char* method : {"process/outputDelta", "process/exited", "command/exec/outputDelta"})
    EXPECT_TRUE(is_process_output(method));
  for (const char* method : {"item/commandExecution/outputDelta", "process/spawn"})
    EXPECT_FALSE(is_process_output(method));
}

TEST(CodexMessageTest, WhatIsForAProgramAsksNobody) {
  const auto asks = [](const std::string& method, const std::string& params) {
    return asks_a_person(
        *read_codex_message(R"({"id":1,"method":")" + method + R"(","params":)" + params + "}"));
  };
  for (const char* method : {"item/tool/call", "currentTime/read"})
    EXPECT_FALSE(asks(method, R"({"threadId":"t"})")) << method;
  for (const char* method :
       {"account/chatgptAuthTokens/refresh", "attestation/generate", "item/tool/requestUserInput"})
    EXPECT_FALSE(asks(method, "{}")) << method << " of no thread";
  for (const char* method : {"item/commandExecution/requestApproval", "not/known/yet"})
    EXPECT_TRUE(asks(method, R"({"threadId":"t"})")) << method;
}

}  // namespace
}  // namespace zane::supervisor
