// Bytes as text, hashes, and ES256 as WebCrypto makes it.
#include <sys/stat.h>

#include <fstream>

#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/ec_key.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/jwt.h"
#include "lib/testing/seed.h"
#include "lib/testing/temp_folder.h"

namespace zane::crypto {
namespace {

using ::testing::HasSubstr;
using zane::testing::Seed;
using zane::testing::TempFolder;

std::string put_secret(const std::filesystem::path& file, const std::string& content, mode_t mode = 0600) {
  std::ofstream(file, std::ios::binary) << content;
  ::chmod(file.c_str(), mode);
  return file.string();
}

// ---- base64url --------------------------------------------------------------

TEST(Base64urlTest, WritesTheVectorsOfRfc4648WithoutPadding) {
  const std::pair<std::string, std::string> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64url(bytes), text);
    EXPECT_EQ(from_base64url(text), bytes);
  }
  EXPECT_EQ(to_base64url("\xfb\xff\xbf"), "-_-_");
  EXPECT_EQ(from_base64url("-_-_"), "\xfb\xff\xbf");
}

TEST(Base64urlTest, GivesBackWhateverItWasGiven) {
  Seed seed;
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(seed.between(0, 255)));
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
  }
}

// Two texts for the same bytes would make one id look like two.
TEST(Base64urlTest, RefusesEverySpellingButTheOne) {
  for (const std::string text : {"Zg==", "Zg=", "Zh", "Zm9", "Zm9vY", "A", "+/+/", "Zm 9v", "Zm9v\n",
                                 "\"Zm9v", "Zm9v\xc3\xa9", "Z.9v"})
    EXPECT_FALSE(from_base64url(text)) << text;
  EXPECT_FALSE(from_base64url(std::string_view("Zm9\0", 4)));
}

// Of the 64 last characters exactly those with unused bits of zero are taken.
TEST(Base64urlTest, CountsOneCanonicalTextPerByte) {
  int taken = 0;
  for (int first = 0; first < 128; ++first)
    for (int second = 0; second < 128; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      if (const auto bytes = from_base64url(text)) {
        ++taken;
        EXPECT_EQ(to_base64url(*bytes), text);
      }
    }
  EXPECT_EQ(taken, 256);
}

TEST(Base64Test, TakesPaddedTextAndNoOther) {
  EXPECT_EQ(from_base64("Zg=="), "f");
  EXPECT_EQ(from_base64("Zm8="), "fo");
  EXPECT_EQ(from_base64("+/+/"), "\xfb\xff\xbf");
  EXPECT_EQ(from_base64(""), "");
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "-_-_", "Z===", "====", "Zm8=====", "Zm9v====", "Z=g=", "=Zg="})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(HexTest, WritesEachByteAsTwoDigits) { EXPECT_EQ(to_hex(std::string("\x00\x0f\xff", 3)), "000fff"); }

// ---- hashes -----------------------------------------------------------------

TEST(Sha256Test, FitsTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(HmacTest, FitsTheVectorsOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(
      to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(ConstantTimeTest, ToldApartByAnyBitAndByLength) {
  const std::string mac(32, 'm');
  EXPECT_TRUE(equal_in_constant_time(mac, std::string(32, 'm')));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time(mac, mac.substr(1)));
  EXPECT_FALSE(equal_in_constant_time(mac, mac + "m"));
  for (size_t at = 0; at < mac.size(); ++at) {
    std::string other = mac;
    other[at] ^= 1;
    EXPECT_FALSE(equal_in_constant_time(mac, other)) << at;
  }
}

TEST(RandomTest, IdsAreSixteenBytesAndNeverTheSame) {
  EXPECT_EQ(from_base64url(fresh_id())->size(), 16u);
  EXPECT_EQ(fresh_id().size(), 22u);
  EXPECT_NE(fresh_id(), fresh_id());
  // One in 64 would.
  for (int i = 0; i < 5000; ++i) ASSERT_NE(fresh_id().front(), '-');
  EXPECT_EQ(random_bytes(5).size(), 5u);
}

// ---- ES256 ------------------------------------------------------------------

// Made once by crypto.subtle of node: generateKey, sign, exportKey("raw").
constexpr char kWebKey[] =
    "BIgnYDmuWZ1BdtA60MWo-y74CXXyR9FvF4j1LxKwQA2sZAVxras5rEi5QCepxSkt4c4e2Vcv0urEptH3pJQebfo";
constexpr char kWebSignature[] =
    "Z1emjZzWd8R9O6KdvvMTgf6py3T-wsX_uOiWSA9twBVqJwm76FAZdMv2wU60ELbGV9xcMKZCq9MoxX5DR-_HSA";
constexpr char kWebText[] =
    "zane-command-v1\n{\"mac\":\"AAECAwQFBgcICQoLDA0ODw\",\"text\":\"gr\u00fc\u00dfe\"}";

EcPublicKey web_key() { return *EcPublicKey::from_raw(*from_base64url(kWebKey)); }

TEST(EcPublicKeyTest, VerifiesWhatWebCryptoSigned) {
  EXPECT_TRUE(web_key().verify(kWebText, *from_base64url(kWebSignature)));
  EXPECT_EQ(web_key().id(), "dCwOfroTONXvSdk9PTRsiQ");
  EXPECT_EQ(key_id(web_key().raw()), web_key().id());
}

TEST(EcPublicKeyTest, RefusesEverySingleChangedBit) {
  const std::string good = *from_base64url(kWebSignature);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(web_key().verify(kWebText, bad)) << bit;
  }
  std::string text = kWebText;
  text.back() ^= 1;
  EXPECT_FALSE(web_key().verify(text, good));
  EXPECT_FALSE(web_key().verify("", good));
  EXPECT_FALSE(EcKey::generate().public_key().verify(kWebText, good));
}

TEST(EcPublicKeyTest, RefusesSignaturesThatAreNone) {
  const std::string good = *from_base64url(kWebSignature);
  for (const std::string& bad :
       {std::string(), good.substr(1), good.substr(0, 63), good + '\0', std::string(64, '\0'),
        std::string(64, '\xff'), good.substr(0, 32) + std::string(32, '\0'), good + good})
    EXPECT_FALSE(web_key().verify(kWebText, bad)) << to_hex(bad);
}

TEST(EcPublicKeyTest, RefusesWhatIsNoPointOfTheCurve) {
  const std::string good = *from_base64url(kWebKey);
  std::string off = good;
  off.back() ^= 1;
  std::string compressed = good;
  compressed[0] = 2;
  std::string hybrid = good;
  hybrid[0] = 6;
  for (const std::string& bad :
       {off, compressed, hybrid, good.substr(0, 33), good.substr(1), good + '\0', std::string(),
        std::string(1, '\0'), "\x04" + std::string(64, '\0'), "\x04" + std::string(64, '\xff')})
    EXPECT_FALSE(EcPublicKey::from_raw(bad).ok()) << to_hex(bad);
}

TEST(EcKeyTest, SignsWhatItsPublicHalfVerifies) {
  const EcKey key = EcKey::generate();
  const EcPublicKey other = *EcPublicKey::from_raw(key.public_key().raw());
  // Often enough for an r or s that begins with a zero byte.
  for (int i = 0; i < 600; ++i) {
    const std::string text = "text " + std::to_string(i);
    const std::string signature = key.sign(text);
    ASSERT_EQ(signature.size(), 64u);
    ASSERT_TRUE(other.verify(text, signature)) << text;
  }
}

TEST(EcKeyTest, IsTheSameAfterItsFile) {
  const TempFolder temp;
  const auto made = EcKey::load_or_create(temp / "mac.pem");
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat info {};
  ASSERT_EQ(::stat((temp / "mac.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  for (const auto& again : {EcKey::load_or_create(temp / "mac.pem"), EcKey::load(temp / "mac.pem")}) {
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->public_key().raw(), made->public_key().raw());
    EXPECT_TRUE(made->public_key().verify("x", again->sign("x")));
  }
  EXPECT_NE(EcKey::load_or_create(temp / "other.pem")->public_key().id(), made->public_key().id());
}

TEST(EcKeyTest, RefusesAFileThatOthersMayRead) {
  const TempFolder temp;
  ASSERT_TRUE(EcKey::load_or_create(temp / "mac.pem").ok());
  ::chmod((temp / "mac.pem").c_str(), 0640);
  for (const auto& key : {EcKey::load(temp / "mac.pem"), EcKey::load_or_create(temp / "mac.pem")}) {
    EXPECT_EQ(key.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(key.status().message(), HasSubstr("chmod 600"));
  }
}

// A key that is damaged is never replaced in silence: every phone knows it.
TEST(EcKeyTest, LeavesADamagedOrForeignFileAlone) {
  constexpr char kP384[] =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCWyiAlCZcRyyUCoAln\n"
      "Q8k+pJEWMLoPOLTF3ea1jDjEvrr8jydozZxgwDaHuK9bocyhZANiAAQDkZU6Zk6F\n"
      "TzjPfElsYJh4sh0YyyX5D1KjJ4JdFwsiC9G6ZtptQJ1pVgS6YBbxXtMaSKY2iJ4T\n"
      "iGXWvbYC0WhMMQ4NHZar4O2kJOc+XBWFwtMbkv3fL9OE/kTXIqa3wN0=\n"
      "-----END PRIVATE KEY-----\n";
  const TempFolder temp;
  for (const std::string content :
       {"", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", kP384}) {
    const auto file = temp / "mac.pem";
    put_secret(file, content);
    const auto key = EcKey::load_or_create(file);
    EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition) << content;
    EXPECT_THAT(key.status().message(), HasSubstr(file.string()));
    std::ifstream still(file);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(still), {}), content);
  }
  EXPECT_EQ(EcKey::load(temp / "missing.pem").status().code(), absl::StatusCode::kNotFound);
}

TEST(JwtTest, IsHeadClaimsAndASignatureOverBoth) {
  const EcKey key = EcKey::generate();
  const std::string token = sign_jwt(key, R"({"iss":"m","exp":7})");
  const size_t first = token.find('.');
  const size_t second = token.rfind('.');
  ASSERT_LT(first, second);
  EXPECT_EQ(*from_base64url(token.substr(0, first)), R"({"alg":"ES256","typ":"JWT"})");
  EXPECT_EQ(*from_base64url(token.substr(first + 1, second - first - 1)), R"({"iss":"m","exp":7})");
  EXPECT_TRUE(key.public_key().verify(token.substr(0, second), *from_base64url(token.substr(second + 1))));
  EXPECT_FALSE(EcKey::generate().public_key().verify(token.substr(0, second),
                                                     *from_base64url(token.substr(second + 1))));
}

}  // namespace
}  // namespace zane::crypto
