// Deliveries against signatures made apart from our code (by node), and every
// way in which one is not good.
#include "services/webhook/verify.h"

#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::webhook {
namespace {

constexpr char kSecret[] = "a-hook-secret-of-good-length";
constexpr char kBody[] = "{\"action\":\"opened\",\"number\":7,\"title\":\"gr\u00fcn\"}";
constexpr int64_t kStamp = 1700000000;
constexpr int64_t kNow = kStamp * 1000;

const Headers kGithub = {
    {"x-hub-signature-256", "sha256=1a237f35345e35fa2211263a6a5951764d7de54872f70c8edf5950866a0d6ed5"}};
const Headers kGeneric = {
    {"x-zane-timestamp", "1700000000"},
    {"x-zane-signature", "sha256=97d53a4921af01ed6f6ac78d27dfa482431e60370732ac5109c805b7e7794a6e"}};
const Headers kStandard = {{"webhook-id", "msg_2Kx"},
                           {"webhook-timestamp", "1700000000"},
                           {"webhook-signature", "v1,RBPBvgbwCemviiCOUz/4N5JsqaXwPOUfRcSFwWNrnRA="}};

// What the delivery is known by, or "" when it is refused.
std::string known_by(std::string_view scheme, const Headers& headers, std::string_view body = kBody,
                     std::string_view secret = kSecret, int64_t now_ms = kNow) {
  const auto verdict = verify(scheme, secret, headers, body, now_ms);
  if (const auto* refused = std::get_if<Unverified>(&verdict)) {
    EXPECT_FALSE(refused->reason.empty());
    EXPECT_EQ(refused->reason.find(secret.empty() ? "\n" : secret), std::string::npos)
        << "no secret in a reason";
    return "";
  }
  EXPECT_FALSE(std::get<Verified>(verdict).dedupe.empty());
  return std::get<Verified>(verdict).dedupe;
}

bool good(std::string_view scheme, const Headers& headers, std::string_view body = kBody,
          std::string_view secret = kSecret, int64_t now_ms = kNow) {
  return !known_by(scheme, headers, body, secret, now_ms).empty();
}

Headers with(Headers headers, const std::string& name, const std::string& value) {
  headers[name] = value;
  return headers;
}
Headers without(Headers headers, const std::string& name) {
  headers.erase(name);
  return headers;
}

struct Scheme {
  const char* name;
  const Headers* headers;
  const char* signature;
};
const Scheme kSchemes[] = {{"github", &kGithub, "x-hub-signature-256"},
                           {"hmac", &kGeneric, "x-zane-signature"},
                           {"standard", &kStandard, "webhook-signature"}};

TEST(VerifyTest, GoodDeliveriesAreTaken) {
  for (const auto& s : kSchemes) EXPECT_TRUE(good(s.name, *s.headers)) << s.name;
  const Headers empty = {
      {"x-hub-signature-256", "sha256=4f1165d3ab0fa6bdedf4dc6d59ec6509958f47a22949fb68cd6c1c5066ba969f"}};
  EXPECT_TRUE(good("github", empty, "")) << "an empty body is one too";
}

TEST(VerifyTest, ASecretWithItsPrefixIsBase64) {
  const auto signed_so =
      with(kStandard, "webhook-signature", "v1,MTGgn0i3tQXNkAnauMWgjB9vs2B0oG8ge5Gj/XEEzlM=");
  EXPECT_TRUE(good("standard", signed_so, kBody, "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"));
  EXPECT_FALSE(good("standard", signed_so));
}

// Svix's own reference vector, under both families of names.
TEST(VerifyTest, TheOlderNamesAreTakenToo) {
  constexpr char kSvixSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  constexpr int64_t kThen = int64_t{1614265330} * 1000;
  for (const std::string family : {"svix", "webhook"}) {
    const Headers headers = {{family + "-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
                             {family + "-timestamp", "1614265330"},
                             {family + "-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}};
    EXPECT_TRUE(good("standard", headers, R"({"test": 2432232314})", kSvixSecret, kThen)) << family;
  }
}

TEST(VerifyTest, OneSecretInItsSeveralSpellings) {
  const std::string key = "0123456789abcdefghijklmnop";  // its base64 has padding
  const std::string base64 = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=";
  const std::string unpadded = base64.substr(0, base64.size() - 1);
  const auto signed_with = [&](const std::string& by) {
    std::string mac =
        crypto::to_base64url(crypto::hmac_sha256(by, std::string("msg_2Kx.1700000000.") + kBody));
    for (char& c : mac) c = c == '-' ? '+' : c == '_' ? '/' : c;
    return with(kStandard, "webhook-signature", "v1," + mac + "=");
  };
  for (const std::string& secret :
       {"whsec_" + base64, base64, "v1,whsec_" + base64, "whsec_" + unpadded, unpadded})
    EXPECT_TRUE(good("standard", signed_with(key), kBody, secret)) << secret;
  const std::string as_text = "whsec_" + base64;
  EXPECT_TRUE(good("standard", signed_with(as_text), kBody, as_text)) << "the text itself is the key";
  EXPECT_FALSE(good("standard", signed_with("another-key-of-good-length"), kBody, as_text));
}

TEST(VerifyTest, BitbucketsHeaderWithSha256AndNeverWithSha1) {
  Headers bitbucket = {{"x-event-key", "repo:push"}, {"x-hub-signature", kGithub.at("x-hub-signature-256")}};
  EXPECT_TRUE(good("github", bitbucket));
  bitbucket["x-hub-signature"] = "sha1=0123456789012345678901234567890123456789";
  const auto refused = verify("github", kSecret, bitbucket, kBody, kNow);
  EXPECT_THAT(std::get<Unverified>(refused).reason, ::testing::HasSubstr("SHA-1"));
  const auto missing = verify("github", kSecret, {{"x-event-key", "repo:push"}}, kBody, kNow);
  EXPECT_THAT(std::get<Unverified>(missing).reason, ::testing::HasSubstr("Bitbucket"));
  const auto rewritten = verify("github", kSecret, kGithub, R"({"a": 1})", kNow);
  EXPECT_THAT(std::get<Unverified>(rewritten).reason, ::testing::HasSubstr("forwarder"));
}

TEST(VerifyTest, APingIsOneByWhatIsSigned) {
  EXPECT_TRUE(is_ping(R"({"zen":"Keep it simple.","hook_id":7,"hook":{}})"));
  for (const char* body :
       {"", "{}", R"({"zen":"x"})", R"({"action":"ping","hook_id":7})", R"(["zen","hook_id"])"})
    EXPECT_FALSE(is_ping(body)) << body;
}

TEST(VerifyTest, AFormIsUnwrappedAndNothingElseTouched) {
  constexpr char kForm[] = "application/x-www-form-urlencoded; charset=utf-8";
  EXPECT_EQ(unwrapped(kForm, "payload=%7B%22a%22%3A%22x+y%2B%C3%BC%22%7D"), R"({"a":"x y+ü"})");
  EXPECT_EQ(unwrapped(kForm, "a=1&payload=%7B%7D&b=2"), "{}");
  EXPECT_EQ(unwrapped(kForm, "payload=%zz%4"), "%zz%4") << "what is no escape stays";
  EXPECT_EQ(unwrapped(kForm, "nothing=here"), "nothing=here");
  EXPECT_EQ(unwrapped("application/json", "payload=%7B%7D"), "payload=%7B%7D");
}

TEST(VerifyTest, AnyChangedByteOfTheBodyShows) {
  for (const auto& s : kSchemes) {
    std::string body = kBody;
    for (size_t at = 0; at < body.size(); ++at) {
      body[at] ^= 1;
      EXPECT_FALSE(good(s.name, *s.headers, body)) << s.name << " " << at;
      body[at] ^= 1;
    }
    EXPECT_FALSE(good(s.name, *s.headers, body + "\n")) << s.name;
    EXPECT_FALSE(good(s.name, *s.headers, body.substr(1))) << s.name;
    EXPECT_FALSE(good(s.name, *s.headers, "")) << s.name;
  }
}

TEST(VerifyTest, AnySignatureButTheRightOneIsRefused) {
  for (const auto& s : kSchemes) {
    const std::string right = s.headers->at(s.signature);
    EXPECT_FALSE(good(s.name, without(*s.headers, s.signature))) << s.name;
    const bool is_hex = right.starts_with("sha256=");
    const size_t prefix = right.find_first_of("=,") + 1;
    const std::string text = right.substr(prefix);
    std::string flipped = right;
    flipped[prefix] = flipped[prefix] == '0' ? '1' : '0';
    for (const std::string& wrong :
         {flipped, text, right.substr(0, right.size() - 1), right + "0", right.substr(0, prefix),
          "sha1=" + text, "SHA256=" + text, "v2," + text, "v1a," + text,
          std::string(is_hex ? "sha256=" : "v1,"), std::string(64, '0')})
      EXPECT_FALSE(good(s.name, with(*s.headers, s.signature, wrong))) << s.name << " " << wrong;
  }
}

TEST(VerifyTest, AnotherSecretOrAShortOneIsRefused) {
  for (const auto& s : kSchemes) {
    EXPECT_FALSE(good(s.name, *s.headers, kBody, std::string(kSecret) + "x")) << s.name;
    EXPECT_FALSE(good(s.name, *s.headers, kBody, "")) << s.name;
  }
  const auto signed_with = [](const std::string& secret) {
    return Headers{{"x-hub-signature-256", "sha256=" + crypto::to_hex(crypto::hmac_sha256(secret, kBody))}};
  };
  EXPECT_TRUE(good("github", signed_with("0123456789abcdef"), kBody, "0123456789abcdef"));
  EXPECT_FALSE(good("github", signed_with("0123456789abcde"), kBody, "0123456789abcde"));
}

// The prefix and base64 make a short key look long.
TEST(VerifyTest, AKeyIsMeasuredWithoutItsWrapping) {
  const auto signed_with = [](const std::string& key) {
    const std::string mac = crypto::hmac_sha256(key, std::string("msg_2Kx.1700000000.") + kBody);
    std::string text = crypto::to_base64url(mac);
    for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
    return with(kStandard, "webhook-signature", "v1," + text + "=");
  };
  EXPECT_FALSE(good("standard", signed_with("0123456789ab"), kBody, "whsec_MDEyMzQ1Njc4OWFi")) << "12 bytes";
  EXPECT_TRUE(good("standard", signed_with("0123456789abcdefgh"), kBody, "whsec_MDEyMzQ1Njc4OWFiY2RlZmdo"))
      << "18 bytes";
}

TEST(VerifyTest, TheTimeIsSignedAndHasAWindow) {
  for (const auto& [scheme, headers, stamp] : {std::tuple{"hmac", kGeneric, "x-zane-timestamp"},
                                               std::tuple{"standard", kStandard, "webhook-timestamp"}}) {
    EXPECT_TRUE(good(scheme, headers, kBody, kSecret, kNow + kTimestampAgeMsMax))
        << scheme << ": the Mac slept for days";
    EXPECT_FALSE(good(scheme, headers, kBody, kSecret, kNow + kTimestampAgeMsMax + 1)) << scheme;
    EXPECT_TRUE(good(scheme, headers, kBody, kSecret, kNow - kTimestampAheadMsMax)) << scheme;
    EXPECT_FALSE(good(scheme, headers, kBody, kSecret, kNow - kTimestampAheadMsMax - 1)) << scheme;
    EXPECT_FALSE(good(scheme, without(headers, stamp))) << scheme;
    for (const char* other :
         {"1700000001", "1700000000 ", " 1700000000", "+1700000000", "01700000000", "1700000000.0",
          "-1700000000", "99999999999999999999", "9223372036854775807", "", "now"})
      EXPECT_FALSE(good(scheme, with(headers, stamp, other))) << scheme << " " << other;
  }
}

// A wrong clock is nobody's forgery: such a one is kept for a person to send again.
TEST(VerifyTest, WhatOnlyComesAtAnOddTimeIsKnownAsSigned) {
  for (const auto& [scheme, headers] : {std::pair{"hmac", kGeneric}, std::pair{"standard", kStandard}}) {
    for (const int64_t now : {kNow + kTimestampAgeMsMax + 1, kNow - kTimestampAheadMsMax - 1, int64_t{0}}) {
      const auto late = verify(scheme, kSecret, headers, kBody, now);
      EXPECT_EQ(std::get<Unverified>(late).dedupe, known_by(scheme, headers)) << scheme;
      EXPECT_THAT(std::get<Unverified>(late).reason, ::testing::HasSubstr("clock"));
    }
    const auto forged = verify(scheme, kSecret, headers, "{}", int64_t{0});
    EXPECT_EQ(std::get<Unverified>(forged).dedupe, "") << scheme;
  }
  EXPECT_EQ(std::get<Unverified>(verify("github", kSecret, {}, kBody, 0)).dedupe, "");
}

// A stamp that is far away must not overflow on its way to milliseconds.
TEST(VerifyTest, AStampAtTheEndOfTimeIsRefusedEvenIfSigned) {
  for (const std::string stamp : {"1099511627776", "1099511627777", "9223372036854775"}) {
    const std::string mac = crypto::to_hex(crypto::hmac_sha256(kSecret, stamp + "." + kBody));
    EXPECT_FALSE(good("hmac", {{"x-zane-timestamp", stamp}, {"x-zane-signature", "sha256=" + mac}}));
  }
}

TEST(VerifyTest, AStandardDeliveryNamesItself) {
  EXPECT_FALSE(good("standard", with(kStandard, "webhook-id", "msg_2Ky")));
  EXPECT_FALSE(good("standard", with(kStandard, "webhook-id", "")));
  EXPECT_FALSE(good("standard", without(kStandard, "webhook-id")));
}

// The signed text is "<id>.<timestamp>.<body>": with dots in an id the same
// bytes could be read as another id and another body.
TEST(VerifyTest, TheSameSignatureIsNeverForAnotherSplit) {
  const std::string body = "1700000001.{}";
  const std::string mac = crypto::hmac_sha256(kSecret, "msg.1700000000." + body);
  std::string text = crypto::to_base64url(mac);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const Headers honest = {
      {"webhook-id", "msg"}, {"webhook-timestamp", "1700000000"}, {"webhook-signature", "v1," + text + "="}};
  EXPECT_TRUE(good("standard", honest, body));
  auto resplit = with(honest, "webhook-id", "msg.1700000000");
  resplit["webhook-timestamp"] = "1700000001";
  EXPECT_FALSE(good("standard", resplit, "{}"));
}

TEST(VerifyTest, OneOfSeveralSignaturesIsEnough) {
  const std::string right = kStandard.at("webhook-signature");
  const std::string wrong = "v1," + std::string(43, 'A') + "=";
  EXPECT_TRUE(good("standard", with(kStandard, "webhook-signature", wrong + " " + right)));
  EXPECT_TRUE(good("standard", with(kStandard, "webhook-signature", "v1a,xyz " + right + " " + wrong)));
  EXPECT_FALSE(good("standard", with(kStandard, "webhook-signature", wrong + " " + wrong)));
  EXPECT_FALSE(good("standard", with(kStandard, "webhook-signature", " ")));
  EXPECT_FALSE(good("standard", with(kStandard, "webhook-signature", std::string(20000, ' '))));
}

TEST(VerifyTest, NoSchemeTakesAnothersHeaders) {
  Headers all = kGithub;
  all.insert(kGeneric.begin(), kGeneric.end());
  all.insert(kStandard.begin(), kStandard.end());
  for (const char* scheme : {"", "none", "GitHub", "hmac "}) EXPECT_FALSE(good(scheme, all)) << scheme;
  for (const auto& one : kSchemes)
    for (const auto& other : kSchemes)
      if (one.headers != other.headers) {
        EXPECT_FALSE(good(one.name, *other.headers)) << one.name << " " << other.name;
      }
}

// ---- the same delivery again ------------------------------------------------------

TEST(DedupeTest, ARepeatIsKnownByWhatIsSigned) {
  for (const auto& s : kSchemes)
    EXPECT_EQ(known_by(s.name, *s.headers), known_by(s.name, *s.headers, kBody, kSecret, kNow + 1000))
        << s.name;
  // GitHub's own id is not signed: with another one it is the same delivery.
  EXPECT_EQ(known_by("github", with(kGithub, "x-github-delivery", "a")),
            known_by("github", with(kGithub, "x-github-delivery", "b")));
  // A rotated secret signs the same message anew.
  const std::string right = kStandard.at("webhook-signature");
  EXPECT_EQ(known_by("standard", kStandard),
            known_by("standard", with(kStandard, "webhook-signature", "v1,AAAA " + right)));
}

TEST(DedupeTest, OtherDeliveriesAreOthers) {
  const auto github = [](const std::string& body) {
    return known_by("github",
                    {{"x-hub-signature-256", "sha256=" + crypto::to_hex(crypto::hmac_sha256(kSecret, body))}},
                    body);
  };
  EXPECT_NE(github("{\"n\":1}"), github("{\"n\":2}"));
  const auto generic = [](const std::string& stamp) {
    const std::string mac = crypto::to_hex(crypto::hmac_sha256(kSecret, stamp + "." + kBody));
    return known_by("hmac", {{"x-zane-timestamp", stamp}, {"x-zane-signature", "sha256=" + mac}});
  };
  EXPECT_NE(generic("1700000000"), generic("1700000001"));
}

}  // namespace
}  // namespace zane::webhook
