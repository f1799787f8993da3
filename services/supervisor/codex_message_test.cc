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
  for (const char* raw : {"", "[]", "{}", "7", "{", R"({"params":{}})", R"({"method":7})",
                          "{\"method\":\"x\",\"params\":\"\xff\"}", R"({"method":"x"} {})"})
    EXPECT_FALSE(read_codex_message(raw).ok()) << raw;
  std::string deep = R"({"method":"x","params":)";
  for (int i = 0; i < 100000; ++i) deep += '[';
  EXPECT_FALSE(read_codex_message(deep).ok());
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

}  // namespace
}  // namespace zane::supervisor
