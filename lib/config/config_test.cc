// zane.toml: what is wrong in it is named, with the place and the cure.
#include "lib/config/config.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kHook[] = R"(
[[hook]]
id = "ci"
scheme = "github"
secret_file = "/keys/ci"
cwd = "/work"
prompt = "look at this"
)";

std::string refusal(const std::string& text) {
  const auto config = parse(text, "zane.toml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(config.status().message());
}

std::string hook_without(const std::string& key, const std::string& instead = "") {
  std::string text = kHook;
  const size_t at = text.find("\n" + key + " =");
  text.replace(at + 1, text.find('\n', at + 1) - at - 1, instead);
  return text;
}

TEST(ConfigTest, NoFileMeansTheDefaults) {
  const testing::TempFolder temp;
  const auto config = load(*base::Home::open(temp.path().string()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->codex.binary, "codex");
  EXPECT_EQ(config->policy.pairing_minutes, 15);
  EXPECT_EQ(config->webhook.port, 0);
  EXPECT_TRUE(config->orbit.url.empty());
  EXPECT_TRUE(config->hooks.empty());
}

TEST(ConfigTest, ReadsEveryKey) {
  const testing::TempFolder temp;
  const auto home = *base::Home::open(temp.path().string());
  std::ofstream(home.config_file()) << R"(
[mac]
name = "desk"
[codex]
binary = "/bin/codex"
socket = "/s"
home = "/h"
[orbit]
url = "https://o"
user = "u"
ca_file = "/ca"
public_url = "https://p"
[policy]
folders = ["/a", "~/b"]
pairing_minutes = 5
[webhook]
port = 8080
[journal]
keep_days = 3
keep_mib = 9
)" << kHook << "model = \"m\"\neffort = \"low\"\n";
  const auto c = load(home);
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_EQ(c->mac.name, "desk");
  EXPECT_THAT((std::vector{c->codex.binary, c->codex.socket, c->codex.home}),
              ElementsAre("/bin/codex", "/s", "/h"));
  EXPECT_THAT((std::vector{c->orbit.url, c->orbit.user, c->orbit.ca_file, c->orbit.public_url}),
              ElementsAre("https://o", "u", "/ca", "https://p"));
  EXPECT_THAT(c->policy.folders, ElementsAre("/a", "~/b"));
  EXPECT_EQ(c->policy.pairing_minutes, 5);
  EXPECT_EQ(c->webhook.port, 8080);
  EXPECT_EQ(c->journal.keep_days, 3);
  EXPECT_EQ(c->journal.keep_mib, 9);
  ASSERT_EQ(c->hooks.size(), 1u);
  const Hook& h = c->hooks[0];
  EXPECT_THAT((std::vector{h.id, h.name, h.scheme, h.secret_file, h.cwd, h.prompt, h.model, h.effort}),
              ElementsAre("ci", "ci", "github", "/keys/ci", "/work", "look at this", "m", "low"));
}

TEST(ConfigTest, NamesTheNearestKeyAndSection) {
  EXPECT_THAT(refusal("[orbit]\nulr = \"https://x\""),
              AllOf(HasSubstr("[orbit]"), HasSubstr("`ulr`"), HasSubstr("did you mean `url`?")));
  EXPECT_THAT(refusal("[webhok]\nport = 1"),
              AllOf(HasSubstr("`webhok`"), HasSubstr("did you mean `webhook`?")));
  EXPECT_THAT(refusal("[policy]\nfolder = []"), HasSubstr("did you mean `folders`?"));
  EXPECT_THAT(refusal("hooks = []"), HasSubstr("did you mean `hook`?"));
  EXPECT_THAT(refusal(hook_without("scheme", "shceme = \"github\"")), HasSubstr("did you mean `scheme`?"));
}

TEST(ConfigTest, NamesAllKeysWhenNoneIsNear) {
  EXPECT_THAT(refusal("[codex]\nzzzzzzzz = 1"),
              AllOf(HasSubstr("`binary`"), HasSubstr("`socket`"), HasSubstr("`home`")));
}

TEST(ConfigTest, RefusesAWrongType) {
  EXPECT_THAT(refusal("[orbit]\nurl = 7"), AllOf(HasSubstr("`orbit.url`"), HasSubstr("text in quotes")));
  EXPECT_THAT(refusal("[webhook]\nport = \"80\""),
              AllOf(HasSubstr("`webhook.port`"), HasSubstr("whole number")));
  EXPECT_THAT(refusal("[webhook]\nport = 8.5"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("[policy]\nfolders = \"/a\""), HasSubstr("list of texts"));
  EXPECT_THAT(refusal("[policy]\nfolders = [\"/a\", 1]"), HasSubstr("list of texts"));
  EXPECT_THAT(refusal("orbit = \"https://x\""), HasSubstr("write [orbit]"));
  EXPECT_THAT(refusal("hook = \"ci\""), HasSubstr("write [[hook]]"));
  EXPECT_THAT(refusal("[hook]\nid = \"ci\""), HasSubstr("write [[hook]]"));
}

TEST(ConfigTest, BrokenTomlNamesFileAndLine) {
  EXPECT_THAT(refusal("[orbit]\nurl = \"x\"\nuser = \n"), AllOf(HasSubstr("zane.toml"), HasSubstr("3 |")));
  EXPECT_THAT(refusal("b = [1, }"), HasSubstr("zane.toml"));
  EXPECT_THAT(refusal("[orbit]\nurl = \"a\"\nurl = \"b\""), HasSubstr("zane.toml"));
  refusal("\x01\xff");
  refusal("[orbit\n");
}

TEST(ConfigTest, RefusesNumbersThatMakeNoSense) {
  for (const char* text : {"[webhook]\nport = 65536", "[webhook]\nport = -1", "[policy]\npairing_minutes = 0",
                           "[policy]\npairing_minutes = 61", "[journal]\nkeep_days = 0",
                           "[journal]\nkeep_days = 9223372036854775807", "[journal]\nkeep_mib = 0",
                           "[journal]\nkeep_mib = 9223372036854775807"})
    refusal(text);
  EXPECT_TRUE(
      parse("[webhook]\nport = 65535\n[policy]\npairing_minutes = 60\n[journal]\nkeep_days = 1\nkeep_mib = 1",
            "f")
          .ok());
}

TEST(ConfigTest, AHookSaysAllItNeeds) {
  ASSERT_TRUE(parse(kHook, "f").ok());
  EXPECT_THAT(refusal(hook_without("id")), HasSubstr("needs an `id`"));
  EXPECT_THAT(refusal(hook_without("id", "id = \"a/b\"")), HasSubstr("needs an `id`"));
  EXPECT_THAT(refusal(hook_without("id", "id = \"" + std::string(65, 'x') + "\"")),
              HasSubstr("needs an `id`"));
  EXPECT_TRUE(parse(hook_without("id", "id = \"" + std::string(64, 'x') + "\""), "f").ok());
  EXPECT_THAT(refusal(hook_without("scheme")), AllOf(HasSubstr("hook `ci`"), HasSubstr("`scheme`")));
  EXPECT_THAT(refusal(hook_without("scheme", "scheme = \"none\"")), HasSubstr("`scheme`"));
  EXPECT_TRUE(parse(hook_without("secret_file"), "f").ok()) << "then it is keys/hooks/<id>";
  for (const char* odd : {"secret_file = \"keys/ci\"", "secret_file = \"~/ci\""})
    EXPECT_THAT(refusal(hook_without("secret_file", odd)), HasSubstr("$ZANE_HOME/keys/hooks/ci"));
  EXPECT_THAT(refusal(hook_without("cwd")), HasSubstr("`cwd`"));
  EXPECT_THAT(refusal(hook_without("cwd", "cwd = \"work\"")), HasSubstr("absolute"));
  EXPECT_THAT(refusal(hook_without("prompt")), HasSubstr("`prompt`"));
}

TEST(ConfigTest, AFolderThatWouldHoldEverythingIsRefused) {
  for (const char* odd : {"", ".", "..", "src", "./src", "~root", "~root/src"})
    EXPECT_THAT(refusal("[policy]\nfolders = [\"/work\", \"" + std::string(odd) + "\"]"),
                AllOf(HasSubstr("policy.folders"), HasSubstr("absolute")))
        << odd;
  EXPECT_TRUE(parse("[policy]\nfolders = [\"/work\", \"~\", \"~/src\"]", "f").ok());
}

TEST(ConfigTest, WhatIsNoTextIsRefused) {
  EXPECT_THAT(refusal("[mac]\nname = \"caf\xe9\""), HasSubstr("not UTF-8"));
  EXPECT_EQ(parse("[mac]\nname = \"caf\u00e9\"", "f")->mac.name, "caf\u00e9");
}

TEST(ConfigTest, TwoHooksNeverHaveOneId) {
  EXPECT_THAT(refusal(std::string(kHook) + kHook), HasSubstr("two hooks have the id `ci`"));
  EXPECT_EQ(parse(std::string(kHook) + hook_without("id", "id = \"Ci\""), "f")->hooks.size(), 2u);
}

TEST(NearestTest, IsTheFewestEditsAway) {
  EXPECT_EQ(nearest("uurl", {"user", "url", "ca_file"}), "url");
  EXPECT_EQ(nearest("url", {"user", "url"}), "url");
  EXPECT_EQ(nearest("zzzz", {"user", "url"}), "");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace zane::config
