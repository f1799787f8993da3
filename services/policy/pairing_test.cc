// Who is admitted by an enrolment link, and who is not.
#include "services/policy/pairing.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

constexpr int64_t kNow = 1700000000000;
constexpr int64_t kMinute = 60 * 1000;

class PairingTest : public ::testing::Test {
 protected:
  PairingTest() {
    config_.orbit.url = "https://orbit.example";
    config_.orbit.user = "user-1";
  }

  std::string part(const std::string& url, const std::string& name) {
    const size_t at = url.find(name + "=");
    return at == std::string::npos
               ? ""
               : url.substr(at + name.size() + 1, url.find('&', at) - at - name.size() - 1);
  }
  std::string fresh_secret(int64_t now_ms = kNow) { return part(pairing_.make_link(now_ms)->url, "secret"); }

  std::string request(const crypto::EcKey& phone, const std::string& name = "Chrome on Android") {
    return bj::serialize(bj::object{{"mac", mac_.public_key().id()},
                                    {"key", crypto::to_base64url(phone.public_key().raw())},
                                    {"name", name},
                                    {"at", kNow}});
  }
  static std::string proof(const std::string& secret, const std::string& body) {
    return crypto::to_base64url(
        crypto::hmac_sha256(*crypto::from_base64url(secret), "zane-pair-v1\n" + body));
  }
  std::string admit(const std::string& secret, const std::string& body, int64_t now_ms = kNow) {
    const auto result = pairing_.admit(body, proof(secret, body), now_ms);
    if (const auto* refused = std::get_if<Pairing::Refused>(&result)) return refused->reason;
    return std::get<Pairing::Admitted>(result).repeated ? "repeated" : "admitted";
  }

  zane::testing::TempFolder temp_;
  config::Config config_;
  const crypto::EcKey mac_ = crypto::EcKey::generate();
  const crypto::EcKey link_ = crypto::EcKey::generate();
  const crypto::EcKey phone_ = crypto::EcKey::generate();
  Store store_{temp_ / "policy.db", mac_};
  Pairing pairing_{store_, config_, mac_, link_};
};

TEST_F(PairingTest, WhoKnowsTheSecretIsAdmitted) {
  const std::string secret = fresh_secret();
  const auto result = pairing_.admit(request(phone_), proof(secret, request(phone_)), kNow);
  const auto* admitted = std::get_if<Pairing::Admitted>(&result);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->device.id, phone_.public_key().id());
  EXPECT_EQ(admitted->device.key, phone_.public_key().raw());
  EXPECT_EQ(admitted->device.name, "Chrome on Android");
  EXPECT_EQ(admitted->secret, *crypto::from_base64url(secret))
      << "the answer's proof is keyed with the bytes";
  const auto kept = store_.device(phone_.public_key().id());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->role, Role::kOwner);
}

TEST_F(PairingTest, TheProofIsWhatTheDocumentSays) {
  // By node: HMAC-SHA256 with the secret's 16 bytes over "zane-pair-v1\n" + body.
  EXPECT_EQ(proof("ABEiM0RVZneImaq7zN3u_w", R"({"a":1})"), "TT8HIOu-Gds0a_PWTZFfTzIbYFLExzrZ_UjM84dsAcI");
}

TEST_F(PairingTest, WhoDoesNotKnowItIsNot) {
  fresh_secret();
  const std::string body = request(phone_);
  EXPECT_EQ(admit(crypto::fresh_id(), body), "expired");
  const auto bare = pairing_.admit(body, "", kNow);
  EXPECT_EQ(std::get<Pairing::Refused>(bare).reason, "expired");
  EXPECT_FALSE(store_.device(phone_.public_key().id()));
}

TEST_F(PairingTest, TheProofCoversEveryByte) {
  const std::string secret = fresh_secret();
  const std::string good = request(phone_);
  const auto result = pairing_.admit(request(phone_, "Chrome on Androie"), proof(secret, good), kNow);
  EXPECT_EQ(std::get<Pairing::Refused>(result).reason, "expired");
  const auto other = crypto::EcKey::generate();
  EXPECT_EQ(std::get<Pairing::Refused>(pairing_.admit(request(other), proof(secret, good), kNow)).reason,
            "expired");
  EXPECT_EQ(admit(secret, good), "admitted") << "what failed has not used the link up";
}

TEST_F(PairingTest, ALinkIsGoodForItsTimeAndNoLonger) {
  const auto link = pairing_.make_link(kNow);
  EXPECT_EQ(link->expires_ms, kNow + 15 * kMinute);
  const std::string secret = part(link->url, "secret");
  EXPECT_EQ(admit(secret, request(phone_), kNow + 15 * kMinute), "expired");
  EXPECT_EQ(admit(secret, request(phone_), kNow + 15 * kMinute - 1), "admitted");
}

TEST_F(PairingTest, ALinkIsGoodForOneDevice) {
  const std::string secret = fresh_secret();
  const auto second = crypto::EcKey::generate();
  EXPECT_EQ(admit(secret, request(phone_)), "admitted");
  EXPECT_EQ(admit(secret, request(second)), "used");
  EXPECT_FALSE(store_.device(second.public_key().id()));
}

// The answer may have been lost: the phone asks again.
TEST_F(PairingTest, TheSameDeviceGetsTheSameAnswerAgain) {
  const std::string secret = fresh_secret();
  EXPECT_EQ(admit(secret, request(phone_)), "admitted");
  store_.set_role(phone_.public_key().id(), Role::kViewer);
  EXPECT_EQ(admit(secret, request(phone_)), "repeated");
  EXPECT_EQ(store_.device(phone_.public_key().id())->role, Role::kViewer) << "a repeat gives no role back";
  EXPECT_EQ(store_.devices().size(), 1u);
}

TEST_F(PairingTest, EachOfSeveralLinksIsGoodForOne) {
  const std::string first = fresh_secret();
  const std::string second = fresh_secret();
  const auto other = crypto::EcKey::generate();
  EXPECT_EQ(admit(second, request(phone_)), "admitted");
  EXPECT_EQ(admit(first, request(other)), "admitted");
}

TEST_F(PairingTest, ALinkOfAnotherMacIsRefused) {
  const std::string secret = fresh_secret();
  bj::object body = bj::parse(request(phone_)).as_object();
  body["mac"] = crypto::fresh_id();
  EXPECT_EQ(admit(secret, bj::serialize(body)), "wrong-mac");
  body.erase("mac");
  EXPECT_EQ(admit(secret, bj::serialize(body)), "wrong-mac");
}

TEST_F(PairingTest, AKeyThatIsNoneIsRefused) {
  const std::string secret = fresh_secret();
  std::string off_curve = phone_.public_key().raw();
  off_curve.back() ^= 1;
  for (const std::string& key :
       {off_curve, std::string(65, '\0'), phone_.public_key().raw().substr(0, 33), std::string()}) {
    bj::object body = bj::parse(request(phone_)).as_object();
    body["key"] = crypto::to_base64url(key);
    EXPECT_EQ(admit(secret, bj::serialize(body)), "bad-command") << crypto::to_hex(key);
  }
  EXPECT_TRUE(store_.devices().empty());
}

TEST_F(PairingTest, ARequestHasOneMeaningAndABound) {
  const std::string secret = fresh_secret();
  const std::string good = request(phone_);
  for (const std::string& bad :
       {std::string("[]"), std::string(), good + "x", good.substr(0, good.size() - 1) + R"(,"key":"x"})",
        request(phone_, std::string(4096, 'x'))})
    EXPECT_EQ(admit(secret, bad), "bad-command") << bad;
}

TEST_F(PairingTest, ANameIsFitForAScreen) {
  const auto named = [&](const std::string& name) {
    const auto phone = crypto::EcKey::generate();
    EXPECT_EQ(admit(fresh_secret(), request(phone, name)), "admitted");
    return store_.device(phone.public_key().id())->name;
  };
  EXPECT_EQ(named("a\x1b[31mb\nc\x7f"), "a[31mbc");
  EXPECT_EQ(named(""), "a phone");
  EXPECT_EQ(named(std::string(300, 'x')), std::string(100, 'x'));
  std::string cut;
  for (int i = 0; i < 33; ++i) cut += "語";
  EXPECT_EQ(named(cut + "語"), cut) << "cut between characters, and only the last one lost";
  EXPECT_EQ(named(std::string(99, 'x') + "語"), std::string(99, 'x'));
}

TEST_F(PairingTest, TheLinkKeepsEverythingInItsFragment) {
  const auto link = pairing_.make_link(kNow);
  ASSERT_TRUE(link.ok());
  EXPECT_TRUE(link->url.starts_with("https://orbit.example/#enroll="));
  EXPECT_EQ(part(link->url, "mac"), mac_.public_key().id());
  EXPECT_EQ(crypto::from_base64url(part(link->url, "secret"))->size(), 16u);
  EXPECT_TRUE(link->reachable);

  const std::string token = part(link->url, "enroll");
  const size_t last = token.rfind('.');
  EXPECT_TRUE(
      link_.public_key().verify(token.substr(0, last), *crypto::from_base64url(token.substr(last + 1))));
  const size_t first = token.find('.');
  const auto claims =
      bj::parse(*crypto::from_base64url(token.substr(first + 1, last - first - 1))).as_object();
  EXPECT_EQ(claims.at("iss"), bj::value(mac_.public_key().id()));
  EXPECT_EQ(claims.at("sub"), bj::value("user-1"));
  EXPECT_EQ(claims.at("aud"), bj::value("zane-enroll"));
  EXPECT_EQ(claims.at("iat").as_int64(), kNow / 1000);
  EXPECT_EQ(claims.at("exp").as_int64(), (kNow + 15 * kMinute) / 1000);
  EXPECT_EQ(token.find(part(link->url, "secret")), std::string::npos);
}

TEST_F(PairingTest, SaysWhenNoPhoneCanReachTheAddress) {
  for (const char* url :
       {"http://localhost:8787", "https://127.0.0.1:1", "https://[::1]/", "http://orbit.example"}) {
    config_.orbit.url = url;
    const auto link = pairing_.make_link(kNow);
    EXPECT_FALSE(link->reachable) << url;
    EXPECT_FALSE(link->advice.empty()) << url;
  }
  config_.orbit.public_url = "https://orbit.example/";
  EXPECT_TRUE(pairing_.make_link(kNow)->reachable);
  EXPECT_TRUE(pairing_.make_link(kNow)->url.starts_with("https://orbit.example/#enroll="));
}

TEST_F(PairingTest, WithoutAnOrbitThereIsNoLink) {
  config_.orbit.url.clear();
  EXPECT_EQ(pairing_.make_link(kNow).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Secrets that wait are few: nobody may fill the disk with them.
TEST_F(PairingTest, TheOldestOfTooManyLinksIsVoid) {
  const std::string oldest = fresh_secret(kNow);
  std::string newest;
  for (int i = 1; i <= kPairingSecretsMax; ++i) newest = fresh_secret(kNow + i);
  EXPECT_EQ(admit(oldest, request(phone_)), "expired");
  EXPECT_EQ(admit(newest, request(phone_)), "admitted");
  EXPECT_EQ(store_.pairing_secrets(kNow).size(), static_cast<size_t>(kPairingSecretsMax));
}

}  // namespace
}  // namespace zane::policy
