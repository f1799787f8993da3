// What is signed and hashed, against vectors computed apart from our code: by a
// few lines of node, after docs/link.md.
#include "lib/link/statement.h"

#include "gtest/gtest.h"
#include "lib/crypto/bytes.h"

namespace zane::link {
namespace {

constexpr char kRequest[] = R"({"id":7,"method":"item/fileChange/requestApproval","params":{"itemId":"i"}})";
constexpr char kShown[] = "{\"method\":\"item/started\",\"params\":{\"text\":\"gr\u00fcn \U0001fa90\\n\"}}";

TEST(ApprovalDigestTest, IsWhatTheDocumentSays) {
  EXPECT_EQ(approval_digest(kRequest, kShown), "DosGJBtGolom8KmT5hcLB4QAmAjjgWTzQda6Np1UleQ");
  EXPECT_EQ(approval_digest(kRequest, ""), "km0bonSh_FI6aEYpTZmRNTMqFYexePwur0NOc4mlEOM");
  EXPECT_EQ(approval_digest("", ""), "qhG7if25LkhWW-i195qMr1O6imw7aoQijOd5Vtildks");
}

// Bytes that move from one part to the other are another approval.
TEST(ApprovalDigestTest, KeepsItsTwoPartsApart) {
  EXPECT_NE(approval_digest("ab", "c"), approval_digest("a", "bc"));
  EXPECT_NE(approval_digest("ab", ""), approval_digest("", "ab"));
  EXPECT_NE(approval_digest("a1\nb", ""), approval_digest("a", "b"));
}

TEST(StatementTest, IsSignedSoThatItCannotPassForACommand) {
  const auto key = crypto::EcKey::generate();
  const Signed said = sign_statement(key, {{"kind", "receipt"}, {"at", 7}});
  EXPECT_EQ(said.statement, R"({"kind":"receipt","at":7})");
  const auto signature = crypto::from_base64url(said.signature);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(key.public_key().verify("zane-statement-v1\n" + said.statement, *signature));
  EXPECT_FALSE(key.public_key().verify(said.statement, *signature));
  EXPECT_FALSE(key.public_key().verify(command_preimage(said.statement), *signature));
  EXPECT_EQ(command_preimage("{}"), "zane-command-v1\n{}");
}

}  // namespace
}  // namespace zane::link
