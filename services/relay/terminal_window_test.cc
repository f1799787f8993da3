// What a page sees of a terminal that says more than the link carries.
#include "services/relay/terminal_window.h"

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"

namespace zane::relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string output(const std::string& handle, size_t base64_bytes = 4000) {
  return R"({"method":"process/outputDelta","params":{"processHandle":")" + handle +
         R"(","stream":"stdout","capReached":false,"deltaBase64":")" + std::string(base64_bytes, 'A') +
         "\"}}";
}
std::string text_in(const std::string& raw) {
  return *crypto::from_base64(boost::json::parse(raw).at("params").at("deltaBase64").as_string());
}

TEST(TerminalWindowTest, WhatTheLinkCarriesPassesUntouched) {
  TerminalWindow window;
  EXPECT_THAT(window.pass("device/d", output("p"), kTerminalWaitingMax), ElementsAre(output("p")));
}

TEST(TerminalWindowTest, WhatIsLeftOutIsCountedAndSaidBeforeTheNext) {
  TerminalWindow window;
  for (int i = 0; i < 1000; ++i)
    EXPECT_THAT(window.pass("device/d", output("p"), kTerminalWaitingMax + 1), IsEmpty());
  EXPECT_THAT(window.pass("device/d", output("p"), kTerminalWaitingMax - 1), IsEmpty())
      << "not on and off at one bound";
  const auto again = window.pass("device/d", output("p", 8), kTerminalResumeBytes);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_THAT(text_in(again[0]), HasSubstr("2.8 MiB of output left out"));
  EXPECT_EQ(boost::json::parse(again[0]).at("params").at("processHandle"), "p");
  EXPECT_EQ(again[1], output("p", 8));
  EXPECT_EQ(window.pass("device/d", output("p"), 0).size(), 1u) << "said once";
}

TEST(TerminalWindowTest, AnExitAlwaysPassesAndTerminalsAreToldApart) {
  TerminalWindow window;
  const std::string exit = R"({"method":"process/exited","params":{"processHandle":"p","exitCode":0}})";
  EXPECT_THAT(window.pass("device/d", output("p"), kTerminalWaitingMax + 1), IsEmpty());
  EXPECT_THAT(window.pass("device/d", output("q"), 0), ElementsAre(output("q")))
      << "nothing of it was left out";
  EXPECT_THAT(window.pass("device/e", output("p"), 0), ElementsAre(output("p")));
  EXPECT_THAT(window.pass("device/d", exit, kTerminalWaitingMax + 1), ElementsAre(exit));
  EXPECT_EQ(window.pass("device/d", output("p"), 0).size(), 1u) << "another terminal of that name";
}

}  // namespace
}  // namespace zane::relay
