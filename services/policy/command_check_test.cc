// Commands as a phone signs them, and every way in which one is not good.
#include "services/policy/command_check.h"

#include <limits>
#include <map>

#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/link/statement.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

constexpr int64_t kNow = 1700000000000;
constexpr int64_t kMinute = 60 * 1000;

class CommandCheckTest : public ::testing::Test {
 protected:
  CommandCheckTest() {
    for (const auto* key : {&phone_, &other_phone_}) {
      const auto& half = key->public_key();
      devices_[half.id()] = Device{half.id(), half.raw(), "a phone", Role::kOwner, 0, 0};
    }
  }

  bj::object body() const {
    return {{"mac", "mac-1"},
            {"device", phone_.public_key().id()},
            {"id", id_},
            {"issuedAt", kNow - kMinute},
            {"expiresAt", kNow + kMinute},
            {"method", "turn/start"},
            {"params", {{"threadId", "t"}}}};
  }

  v1::SignedCommand sign(const std::string& bytes, const crypto::EcKey& key) const {
    v1::SignedCommand c;
    c.set_command(bytes);
    c.set_device(key.public_key().id());
    c.set_signature(crypto::to_base64url(key.sign("zane-command-v1\n" + bytes)));
    return c;
  }
  v1::SignedCommand sign(const bj::object& o) const { return sign(bj::serialize(o), phone_); }

  auto check(const v1::SignedCommand& command, int64_t now_ms = kNow) {
    CheckContext context;
    context.mac = "mac-1";
    context.now_ms = now_ms;
    context.device = [this](const std::string& id) -> std::optional<Device> {
      const auto found = devices_.find(id);
      if (found == devices_.end()) return std::nullopt;
      return found->second;
    };
    context.remembered = [this](const std::string& key) -> std::optional<Store::Remembered> {
      const auto found = remembered_.find(key);
      if (found == remembered_.end()) return std::nullopt;
      return found->second;
    };
    return check_command(command, context);
  }

  std::string verdict(const v1::SignedCommand& command, int64_t now_ms = kNow) {
    const auto checked = check(command, now_ms);
    if (const auto* refusal = std::get_if<Refusal>(&checked)) {
      EXPECT_FALSE(refusal->message.empty());
      return refusal->reason;
    }
    return std::holds_alternative<Repeat>(checked) ? "repeat" : "good";
  }
  std::string verdict(const bj::object& o, int64_t now_ms = kNow) { return verdict(sign(o), now_ms); }
  std::string with(std::string_view key, bj::value value) {
    bj::object changed = body();
    changed[key] = std::move(value);
    return verdict(changed);
  }
  void remember(const v1::SignedCommand& command, bool answered = true) {
    const auto checked = check(command);
    const auto& good = std::get<Command>(checked);
    Store::Remembered known{good.digest, std::nullopt};
    if (answered) known.answer.emplace().set_state("done");
    remembered_[good.key()] = known;
  }

  const crypto::EcKey phone_ = crypto::EcKey::generate();
  const crypto::EcKey other_phone_ = crypto::EcKey::generate();
  const std::string id_ = crypto::fresh_id();
  std::map<std::string, Device> devices_;
  std::map<std::string, Store::Remembered> remembered_;
};

TEST_F(CommandCheckTest, AGoodCommandIsRead) {
  const auto signed_command = sign(body());
  const auto checked = check(signed_command);
  const auto* command = std::get_if<Command>(&checked);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->id, id_);
  EXPECT_EQ(command->device.id, phone_.public_key().id());
  EXPECT_EQ(command->method, "turn/start");
  EXPECT_EQ(command->params, (bj::object{{"threadId", "t"}}));
  EXPECT_EQ(command->digest, crypto::to_base64url(crypto::sha256(signed_command.command())));
}

// The same bytes, kept by somebody, would be good once the clock is.
TEST_F(CommandCheckTest, WhatIsOnlyUntimelyIsToldSoThatItStaysRefused) {
  const auto refusal = [&](int64_t now_ms) { return std::get<Refusal>(check(sign(body()), now_ms)); };
  for (const int64_t now : {kNow + 2 * kMinute, kNow - 10 * kMinute}) {
    ASSERT_TRUE(refusal(now).untimely) << now;
    EXPECT_EQ(refusal(now).untimely->id, id_);
    EXPECT_EQ(refusal(now).untimely->issued_ms, kNow - kMinute);
  }
  auto stranger = body();
  stranger["mac"] = "mac-2";
  EXPECT_FALSE(std::get<Refusal>(check(sign(stranger))).untimely);
}

TEST_F(CommandCheckTest, WhatWasMadeBeforeTheDeviceWasPairedStaysRefused) {
  devices_[phone_.public_key().id()].paired_ms = kNow + 2 * kMinute;
  EXPECT_EQ(verdict(body()), "good") << "their clocks may differ";
  devices_[phone_.public_key().id()].paired_ms = kNow + 6 * kMinute;
  EXPECT_EQ(verdict(body()), "expired");
}

TEST_F(CommandCheckTest, ASignatureIsOverTheseBytesByThisDevice) {
  const auto good = sign(body());
  const std::string& bytes = good.command();
  for (size_t at = 0; at < bytes.size(); at += 7) {
    auto changed = good;
    (*changed.mutable_command())[at] ^= 1;
    EXPECT_EQ(verdict(changed), "bad-signature") << at;
  }
  auto by_other = sign(bytes, other_phone_);
  EXPECT_EQ(verdict(by_other), "bad-command") << "the bytes name another device than signed";
  by_other.set_device(phone_.public_key().id());
  EXPECT_EQ(verdict(by_other), "bad-signature");
  auto unsigned_command = good;
  for (const std::string signature : {"", "c2ln", "not base64url!"}) {
    unsigned_command.set_signature(signature);
    EXPECT_EQ(verdict(unsigned_command), "bad-signature");
  }
  auto padded = good;
  padded.set_signature(good.signature() + "==");
  EXPECT_EQ(verdict(padded), "bad-signature");
  // A statement's or a bare signature is none of a command.
  for (const std::string prefix : {"", "zane-statement-v1\n", "zane-command-v1"}) {
    auto other_use = good;
    other_use.set_signature(crypto::to_base64url(phone_.sign(prefix + bytes)));
    EXPECT_EQ(verdict(other_use), "bad-signature") << prefix;
  }
}

TEST_F(CommandCheckTest, ADeviceThatIsNotPairedIsRefused) {
  const auto stranger = crypto::EcKey::generate();
  EXPECT_EQ(verdict(sign(bj::serialize(body()), stranger)), "unknown-device");
  const auto good = sign(body());
  remember(good);
  devices_.erase(phone_.public_key().id());
  EXPECT_EQ(verdict(good), "unknown-device") << "a revoked one gets no first answer either";
}

TEST_F(CommandCheckTest, AnotherMacsCommandIsRefused) {
  EXPECT_EQ(with("mac", "mac-2"), "wrong-mac");
  EXPECT_EQ(with("mac", 1), "wrong-mac");
  auto without = body();
  without.erase("mac");
  EXPECT_EQ(verdict(without), "wrong-mac");
}

TEST_F(CommandCheckTest, EveryMemberIsNeeded) {
  for (const char* key : {"device", "id", "issuedAt", "expiresAt", "method", "params"}) {
    auto without = body();
    without.erase(key);
    EXPECT_EQ(verdict(without), "bad-command") << key;
    EXPECT_EQ(with(key, nullptr), "bad-command") << key;
  }
  EXPECT_EQ(with("params", bj::array{}), "bad-command");
  EXPECT_EQ(with("issuedAt", 1.7e12), "bad-command");
  EXPECT_EQ(with("expiresAt", bj::string(std::to_string(kNow + kMinute))), "bad-command");
  for (const std::string id : {"", "short", "AAAAAAAAAAAAAAAAAAAAAAA",
                               "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB"})
    EXPECT_EQ(with("id", bj::string(id)), "bad-command") << id;
}

// ---- time -------------------------------------------------------------------------

TEST_F(CommandCheckTest, ExpiresForWhoComesTooLateTheFirstTime) {
  EXPECT_EQ(verdict(body(), kNow + kMinute), "good");
  EXPECT_EQ(verdict(body(), kNow + kMinute + 1), "expired");
}

TEST_F(CommandCheckTest, AClockThatIsAheadIsSaidToBe) {
  auto ahead = body();
  ahead["issuedAt"] = kNow + kClockSkewMsMax;
  ahead["expiresAt"] = kNow + kClockSkewMsMax + kMinute;
  EXPECT_EQ(verdict(ahead), "good");
  ahead["issuedAt"] = kNow + kClockSkewMsMax + 1;
  EXPECT_EQ(verdict(ahead), "clock");
}

TEST_F(CommandCheckTest, LivesForADayAtMost) {
  auto long_lived = body();
  long_lived["issuedAt"] = kNow;
  long_lived["expiresAt"] = kNow + kCommandLifeMsMax;
  EXPECT_EQ(verdict(long_lived), "good");
  long_lived["expiresAt"] = kNow + kCommandLifeMsMax + 1;
  EXPECT_EQ(verdict(long_lived), "bad-command");
  EXPECT_EQ(with("expiresAt", kNow - kMinute), "bad-command") << "it ends as it begins";
}

// A life so long that its length overflows is no short one: it would be good
// again after its id was forgotten.
TEST_F(CommandCheckTest, NoTimesOverflowIntoAShortLife) {
  for (const int64_t issued :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::min() + 1, int64_t{-1}}) {
    auto endless = body();
    endless["issuedAt"] = issued;
    endless["expiresAt"] = std::numeric_limits<int64_t>::max();
    EXPECT_EQ(verdict(endless), "bad-command") << issued;
  }
  EXPECT_EQ(with("expiresAt", std::numeric_limits<int64_t>::max()), "bad-command");
}

// ---- once -------------------------------------------------------------------------

TEST_F(CommandCheckTest, TheSameBytesGetTheFirstAnswerHoweverLate) {
  const auto first = sign(body());
  remember(first);
  EXPECT_EQ(verdict(first), "repeat");
  const auto late = check(first, kNow + 40 * 3600 * 1000);
  const auto* repeat = std::get_if<Repeat>(&late);
  ASSERT_TRUE(repeat);
  EXPECT_EQ(repeat->answer->state(), "done");
  // ECDSA signs the same bytes differently each time: that is the same command.
  EXPECT_EQ(verdict(sign(body())), "repeat");
}

TEST_F(CommandCheckTest, ARepeatWhileTheFirstIsUnderWayHasNoAnswerYet) {
  const auto first = sign(body());
  remember(first, /*answered=*/false);
  const auto again = check(first);
  ASSERT_TRUE(std::holds_alternative<Repeat>(again));
  EXPECT_FALSE(std::get<Repeat>(again).answer);
}

TEST_F(CommandCheckTest, TheSameIdForOtherBytesIsRefused) {
  remember(sign(body()));
  EXPECT_EQ(with("method", "turn/interrupt"), "reused-id");
  const std::string spaced = bj::serialize(body()) + " ";
  EXPECT_EQ(verdict(sign(spaced, phone_)), "reused-id") << "not even a blank";
}

TEST_F(CommandCheckTest, TwoDevicesMayUseOneId) {
  remember(sign(body()));
  auto same_id = body();
  same_id["device"] = other_phone_.public_key().id();
  EXPECT_EQ(verdict(sign(bj::serialize(same_id), other_phone_)), "good");
}

// ---- form -------------------------------------------------------------------------

TEST_F(CommandCheckTest, OneMeaningOnly) {
  const std::string good = bj::serialize(body());
  const std::string open = good.substr(0, good.size() - 1);
  for (const std::string& bad :
       {open + R"(,"method":"process/spawn"})", open + R"(,"m\u0065thod":"process/spawn"})",
        R"({"params":{"x":1,"x":2},)" + good.substr(1), good + "x", good + good, "[" + good + "]",
        std::string(), std::string("null"), open + ",\"x\":\"\xff\"}", open + R"(,"x":"\ud800"})"})
    EXPECT_EQ(verdict(sign(bad, phone_)), "bad-command") << bad;
  const auto deep = [&](int depth) {
    return sign(open + ",\"x\":" + std::string(static_cast<size_t>(depth), '[') +
                    std::string(static_cast<size_t>(depth), ']') + "}",
                phone_);
  };
  EXPECT_EQ(verdict(deep(63)), "good");
  EXPECT_EQ(verdict(deep(64)), "bad-command");
}

TEST_F(CommandCheckTest, HasABoundToTheByte) {
  auto padded = body();
  padded["params"] = {{"x", ""}};
  const size_t rest = bj::serialize(padded).size();
  padded["params"].as_object()["x"] = std::string(kCommandBytesMax - rest, 'x');
  ASSERT_EQ(bj::serialize(padded).size(), kCommandBytesMax);
  EXPECT_EQ(verdict(padded), "good");
  padded["params"].as_object()["x"] = std::string(kCommandBytesMax - rest + 1, 'x');
  EXPECT_EQ(verdict(padded), "bad-command");
}

TEST_F(CommandCheckTest, ARefusalNamesTheCommandOnceItsSignatureWasGood) {
  const auto late = sign(body());
  const auto expired = std::get<Refusal>(check(late, kNow + 2 * kMinute));
  EXPECT_EQ(expired.command, id_);
  EXPECT_EQ(expired.digest, crypto::to_base64url(crypto::sha256(late.command())));
  auto forged = late;
  forged.set_signature("c2ln");
  EXPECT_EQ(std::get<Refusal>(check(forged)).command, "");
}

}  // namespace
}  // namespace zane::policy
