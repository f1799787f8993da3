// What may be answered: exactly what was offered, and a refusal always.
#include "lib/link/choices.h"

#include "gmock/gmock.h"

namespace zane::link {
namespace {

namespace bj = boost::json;
using ::testing::ElementsAre;

constexpr char kCommand[] = "item/commandExecution/requestApproval";
constexpr char kFileChange[] = "item/fileChange/requestApproval";
constexpr char kUserInput[] = "item/tool/requestUserInput";
constexpr char kPermissions[] = "item/permissions/requestApproval";
constexpr char kElicitation[] = "mcpServer/elicitation/request";

bj::object object(const char* text) { return bj::parse(text).as_object(); }

// "+accept" grants, "-decline" does not.
std::vector<std::string> shown(const char* method, const char* params = "{}") {
  std::vector<std::string> all;
  for (const auto& one : choices_of(method, object(params)))
    all.push_back((one.at("grants").as_bool() ? "+" : "-") + std::string(one.at("choice").as_string()));
  return all;
}

std::string response(const char* method, const char* params, const char* choice,
                     const char* answers = nullptr) {
  const bj::object given = answers ? object(answers) : bj::object();
  const auto r = response_for(method, object(params), choice, answers ? &given : nullptr);
  return r ? (r->grants ? "+" : "-") + r->bytes : "none";
}

TEST(ChoicesTest, ACommandShowsWhatCodexOffersAndARefusal) {
  EXPECT_THAT(shown(kCommand, R"({"availableDecisions":["accept","acceptForSession","cancel"]})"),
              ElementsAre("+accept", "+acceptForSession", "-cancel", "-decline"));
  EXPECT_THAT(shown(kCommand, R"({"availableDecisions":[]})"), ElementsAre("-decline", "-cancel"));
  EXPECT_THAT(shown(kCommand), ElementsAre("+accept", "-decline", "-cancel"))
      << "an older Codex: the narrowest grant";
  EXPECT_THAT(shown(kCommand, R"({"availableDecisions":null})"),
              ElementsAre("+accept", "-decline", "-cancel"));
  EXPECT_THAT(shown(kCommand, R"({"availableDecisions":["accept","accept",7,null,["x"]]})"),
              ElementsAre("+accept", "-decline", "-cancel"));
}

TEST(ChoicesTest, ADecisionThatIsAnObjectIsNamedByItsJson) {
  constexpr char params[] =
      R"({"availableDecisions":["accept",{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["git","a\"b"]}}]})";
  constexpr char choice[] = R"({"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["git","a\"b"]}})";
  EXPECT_THAT(shown(kCommand, params),
              ElementsAre("+accept", std::string("+") + choice, "-decline", "-cancel"));
  EXPECT_EQ(response(kCommand, params, choice), std::string("+{\"decision\":") + choice + "}");
  EXPECT_EQ(
      response(kCommand, params, R"({"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["rm"]}})"),
      "none");
}

TEST(ChoicesTest, ATextThatLooksLikeAnObjectIsAText) {
  constexpr char params[] = R"({"availableDecisions":["{},\"decision\":\"accept\""]})";
  EXPECT_EQ(response(kCommand, params, R"({},"decision":"accept")"),
            R"(+{"decision":"{},\"decision\":\"accept\""})");
}

TEST(ChoicesTest, ADecisionTooLongToComeBackIsCountedAndRefusalsStay) {
  const bj::object amendment{{"acceptWithExecpolicyAmendment",
                              {{"execpolicy_amendment", bj::array{std::string(kChoicesToldBytesMax, 'x')}}}}};
  const bj::object request{{"params", {{"availableDecisions", bj::array{"accept", amendment, "cancel"}}}}};
  const auto told = told_choices(kCommand, bj::serialize(request));
  std::vector<std::string> names;
  for (const auto& choice : told.choices) names.emplace_back(choice.at("choice").as_string());
  EXPECT_THAT(names, ElementsAre("accept", "cancel", "decline"));
  EXPECT_EQ(told.left_out, 1);
  EXPECT_EQ(told_choices(kCommand, "no JSON").choices.size(), 2u) << "what can't be read can be refused";
}

TEST(ChoicesTest, WhatWasNotOfferedIsNoAnswer) {
  constexpr char params[] = R"({"availableDecisions":["accept","cancel"]})";
  EXPECT_EQ(response(kCommand, params, "accept"), R"(+{"decision":"accept"})");
  EXPECT_EQ(response(kCommand, params, "decline"), R"(-{"decision":"decline"})");
  EXPECT_EQ(response(kCommand, params, "cancel"), R"(-{"decision":"cancel"})");
  for (const char* choice : {"acceptForSession", "", "Accept", "accept ", "answer", "{}", "approved"})
    EXPECT_EQ(response(kCommand, params, choice), "none") << choice;
  EXPECT_EQ(response(kCommand, "{}", "acceptForSession"), "none");
}

TEST(ChoicesTest, AFileChange) {
  EXPECT_THAT(shown(kFileChange), ElementsAre("+accept", "+acceptForSession", "-decline", "-cancel"));
  EXPECT_THAT(shown(kFileChange, R"({"availableDecisions":["accept"]})"),
              ElementsAre("+accept", "-decline", "-cancel"));
  EXPECT_EQ(response(kFileChange, "{}", "acceptForSession"), R"(+{"decision":"acceptForSession"})");
  EXPECT_EQ(response(kFileChange, R"({"availableDecisions":["accept"]})", "acceptForSession"), "none");
}

TEST(ChoicesTest, UserInputTakesAnswersToWhatWasAskedAlone) {
  constexpr char params[] = R"({"questions":[{"id":"q1","question":"?"},{"id":"q2"}, 7]})";
  EXPECT_THAT(shown(kUserInput, params), ElementsAre("+answer", "-cancel"));
  EXPECT_EQ(response(kUserInput, params, "answer", R"({"q1":["yes"],"q2":["a","b"]})"),
            R"(+{"answers":{"q1":{"answers":["yes"]},"q2":{"answers":["a","b"]}}})");
  EXPECT_EQ(response(kUserInput, params, "cancel", R"({"q1":["yes"]})"), R"(-{"answers":{}})")
      << "a cancel answers nothing";
  for (const char* answers : {R"({"q3":["yes"]})", R"({"q1":["yes"],"q3":["x"]})", R"({"q1":"yes"})",
                              R"({"q1":[7]})", R"({"q1":[["yes"]]})", R"({"q1":null})", R"({"":["x"]})"})
    EXPECT_EQ(response(kUserInput, params, "answer", answers), "none") << answers;
  EXPECT_EQ(response(kUserInput, "{}", "answer", R"({"q1":["yes"]})"), "none");
  EXPECT_EQ(response(kUserInput, params, "accept"), "none");
}

TEST(ChoicesTest, PermissionsGrantWhatWasAskedAndNoMore) {
  constexpr char params[] = R"({"permissions":{"network":{"enabled":true}},"reason":"r"})";
  EXPECT_THAT(shown(kPermissions, params), ElementsAre("+accept", "+acceptForSession", "-decline"));
  EXPECT_EQ(response(kPermissions, params, "accept"),
            R"(+{"permissions":{"network":{"enabled":true}},"scope":"turn"})");
  EXPECT_EQ(response(kPermissions, params, "acceptForSession"),
            R"(+{"permissions":{"network":{"enabled":true}},"scope":"session"})");
  EXPECT_EQ(response(kPermissions, params, "decline"), R"(-{"permissions":{},"scope":"turn"})");
  EXPECT_EQ(response(kPermissions, params, "accept", R"({"permissions":{"fileSystem":{}}})"),
            R"(+{"permissions":{"network":{"enabled":true}},"scope":"turn"})")
      << "answers add nothing";
  EXPECT_EQ(response(kPermissions, params, "cancel"), "none");
}

TEST(ChoicesTest, AnElicitation) {
  EXPECT_THAT(shown(kElicitation), ElementsAre("+accept", "-decline", "-cancel"));
  EXPECT_EQ(response(kElicitation, "{}", "accept", R"({"name":"x"})"),
            R"(+{"action":"accept","content":{"name":"x"}})");
  EXPECT_EQ(response(kElicitation, "{}", "decline", R"({"name":"x"})"),
            R"(-{"action":"decline","content":null})");
  EXPECT_EQ(response(kElicitation, "{}", "cancel"), R"(-{"action":"cancel","content":null})");
  EXPECT_EQ(response(kElicitation, "{}", "answer"), "none");
}

TEST(ChoicesTest, AToolThatMayBeAllowedForLonger) {
  constexpr char kBoth[] = R"({"_meta":{"persist":["session","always"]}})";
  EXPECT_THAT(shown(kElicitation, kBoth),
              ElementsAre("+accept", "+acceptForSession", "+acceptAlways", "-decline", "-cancel"));
  EXPECT_THAT(shown(kElicitation, R"({"_meta":{"persist":"session"}})"),
              ElementsAre("+accept", "+acceptForSession", "-decline", "-cancel"));
  for (const char* none :
       {R"({"_meta":{"persist":[7]}})", R"({"_meta":{"persist":true}})", R"({"_meta":null})"})
    EXPECT_THAT(shown(kElicitation, none), ElementsAre("+accept", "-decline", "-cancel")) << none;
  EXPECT_EQ(response(kElicitation, kBoth, "acceptForSession"),
            R"(+{"action":"accept","content":{},"_meta":{"persist":"session"}})");
  EXPECT_EQ(response(kElicitation, kBoth, "acceptAlways"),
            R"(+{"action":"accept","content":{},"_meta":{"persist":"always"}})");
  EXPECT_EQ(response(kElicitation, "{}", "acceptAlways"), "none") << "not offered";
}

TEST(ChoicesTest, TheTwoOfOldHaveWordsOfTheirOwn) {
  for (const char* method : {"execCommandApproval", "applyPatchApproval"}) {
    EXPECT_THAT(shown(method), ElementsAre("+approved", "-denied", "-abort"));
    EXPECT_EQ(response(method, "{}", "denied"), R"(-{"decision":"denied"})");
    EXPECT_EQ(response(method, "{}", "approved_for_session"), "none");
    EXPECT_EQ(response(method, "{}", "accept"), "none");
  }
}

TEST(ChoicesTest, WhatIsNotKnownCanOnlyBeDeclined) {
  for (const char* method : {"item/hologram/requestApproval", "", "item/commandExecution/requestApprova"}) {
    EXPECT_THAT(shown(method, R"({"availableDecisions":["accept"]})"), ElementsAre("-decline"));
    EXPECT_EQ(response(method, R"({"availableDecisions":["accept"]})", "accept"), "none");
    EXPECT_EQ(response(method, "{}", "decline"), "-") << "a JSON-RPC error says it";
  }
}

}  // namespace
}  // namespace zane::link
