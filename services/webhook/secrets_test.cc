// A hook's secret lies where no sandboxed task can read it, or is no secret.
#include "services/webhook/secrets.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/base/file.h"
#include "lib/testing/temp_folder.h"

namespace zane::webhook {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SecretsTest : public ::testing::Test {
 protected:
  SecretsTest() : home_(*base::Home::open((temp_ / "h").string())) { hook_.id = "ci"; }
  void write(const fs::path& file, const std::string& secret, int mode = 0600) {
    std::ofstream(file) << secret;
    fs::permissions(file, static_cast<fs::perms>(mode));
  }
  std::string refusal() {
    const auto secret = secret_of(home_, hook_);
    return secret.ok() ? "" : std::string(secret.status().message());
  }
  zane::testing::TempFolder temp_;
  base::Home home_;
  config::Hook hook_;
};

TEST_F(SecretsTest, OneIsMadeOnceForAHookThatNamesNone) {
  EXPECT_TRUE(*make_secret(home_, hook_));
  const auto secret = secret_of(home_, hook_);
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(secret->size(), 64u);
  EXPECT_FALSE(*make_secret(home_, hook_));
  EXPECT_EQ(*secret_of(home_, hook_), *secret);
  EXPECT_EQ(fs::status(home_.key("hooks")).permissions(), fs::perms::owner_all);
}

TEST_F(SecretsTest, OneOfOnesOwnIsReadWithoutItsLineEnd) {
  fs::create_directory(home_.key("hooks"));
  write(home_.key("hooks") / "ci", "whsec_abc\r\n");
  EXPECT_EQ(*secret_of(home_, hook_), "whsec_abc");
  hook_.secret_file = (home_.root() / "keys" / "mine").string();
  write(hook_.secret_file, "x y\n");
  EXPECT_EQ(*secret_of(home_, hook_), "x y");
  EXPECT_FALSE(*make_secret(home_, hook_)) << "a named file is its owner's to make";
}

TEST_F(SecretsTest, OneThatLiesElsewhereIsRefusedWithTheCure) {
  hook_.secret_file = (temp_ / "ci-secret").string();
  write(hook_.secret_file, "a secret of enough characters");
  EXPECT_THAT(refusal(),
              HasSubstr("mv '" + hook_.secret_file + "' '" + home_.key("hooks").string() + "/ci'"));
  hook_.secret_file = (home_.root() / "keys/../../ci-secret").string();
  EXPECT_THAT(refusal(), HasSubstr("sandboxed task can read it"));
  // A link in $ZANE_HOME protects nothing.
  fs::create_symlink(temp_ / "ci-secret", home_.root() / "keys" / "link");
  hook_.secret_file = (home_.root() / "keys" / "link").string();
  EXPECT_THAT(refusal(), HasSubstr("sandboxed task can read it"));
  // A folder beside it whose name begins alike is not in it.
  hook_.secret_file = home_.root().string() + "-other/secret";
  EXPECT_THAT(refusal(), HasSubstr("sandboxed task can read it"));
}

TEST_F(SecretsTest, OneThatOthersMayReadOrThatIsMissingIsNamed) {
  hook_.secret_file = (home_.root() / "keys" / "mine").string();
  EXPECT_THAT(refusal(), HasSubstr("can't open"));
  write(hook_.secret_file, "a secret of enough characters", 0644);
  EXPECT_THAT(refusal(), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace zane::webhook
