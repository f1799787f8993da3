#include "services/policy/pairing.h"

#include "boost/json.hpp"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/jwt.h"
#include "lib/json/strict.h"
#include "lib/text/utf8.h"

namespace zane::policy {
namespace {

constexpr size_t kPairRequestBytesMax = 4096;
constexpr size_t kDeviceNameBytesMax = 100;

bool is_loopback(const std::string& url) {
  return url.find("://localhost") != std::string::npos || url.find("://127.") != std::string::npos ||
         url.find("://[::1]") != std::string::npos;
}

// A name from outside, fit for a screen: no control characters, not too long.
std::string clean_name(std::string_view name) {
  name = text::cut_at_character(name, kDeviceNameBytesMax);
  std::string clean;
  for (const char c : name)
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) clean.push_back(c);
  return clean.empty() ? "a phone" : clean;
}

// The link writes the secret as base64url; both sides key their HMAC with the
// bytes.
std::string secret_bytes(const std::string& secret) { return crypto::from_base64url(secret).value_or(""); }

}  // namespace

Pairing::Pairing(Store& store, const config::Config& config, const crypto::EcKey& mac_key,
                 const crypto::EcKey& link_key)
    : store_(store), config_(config), mac_key_(mac_key), link_key_(link_key) {}

absl::StatusOr<EnrolLink> Pairing::make_link(int64_t now_ms) {
  if (config_.orbit.url.empty() || config_.orbit.user.empty())
    return absl::FailedPreconditionError(
        "there is no Orbit to enrol at: set `url` and `user` under [orbit] in zane.toml, as `script/run` "
        "does");
  const std::string mac = mac_key_.public_key().id();
  EnrolLink link;
  link.expires_ms = now_ms + config_.policy.pairing_minutes * 60 * 1000;
  const std::string secret = crypto::fresh_id();
  store_.add_pairing_secret(secret, link.expires_ms);
  const std::string token = crypto::sign_jwt(
      link_key_, boost::json::serialize(boost::json::object{{"iss", mac},
                                                            {"sub", config_.orbit.user},
                                                            {"aud", "zane-enroll"},
                                                            {"jti", crypto::fresh_id()},
                                                            {"iat", now_ms / 1000},
                                                            {"exp", link.expires_ms / 1000}}));
  const std::string base = config_.orbit.public_url.empty() ? config_.orbit.url : config_.orbit.public_url;
  link.url =
      base + (base.ends_with('/') ? "" : "/") + "#enroll=" + token + "&mac=" + mac + "&secret=" + secret;
  link.reachable = base.starts_with("https://") && !is_loopback(base);
  if (!link.reachable)
    link.advice =
        "this address works on this machine only; for a phone, give Orbit an https name (`tailscale serve`, "
        "or your own "
        "Cloudflare account: README, \"From a real phone\") and set ZANE_PUBLIC_URL to it";
  return link;
}

std::variant<Pairing::Admitted, Pairing::Refused> Pairing::admit(std::string_view request,
                                                                 std::string_view proof, int64_t now_ms) {
  const Refused bad{"bad-command", "the pairing request can't be read"};
  if (request.size() > kPairRequestBytesMax) return bad;
  const auto given = crypto::from_base64url(proof);
  const auto body = json::parse_strict_object(request);
  if (!given || !body.ok()) return bad;
  const auto key = crypto::from_base64url(json::string_at(*body, "key").value_or(""));
  if (!key || !crypto::EcPublicKey::from_raw(*key).ok())
    return Refused{"bad-command", "the device's key is not a P-256 key"};
  if (json::string_at(*body, "mac") != std::string_view(mac_key_.public_key().id()))
    return Refused{"wrong-mac", "this link is for another Mac"};

  const std::string id = crypto::key_id(*key);
  for (const auto& [secret, used_by] : store_.pairing_secrets(now_ms)) {
    const std::string expected =
        crypto::hmac_sha256(secret_bytes(secret), "zane-pair-v1\n" + std::string(request));
    if (!crypto::equal_in_constant_time(expected, *given)) continue;
    if (!used_by.empty() && used_by != id)
      return Refused{"used", "this link was used by another device already: run `zane pair` for a new one"};
    Device device = store_.device(id).value_or(Device{
        id, *key, clean_name(json::string_at(*body, "name").value_or("")), Role::kOwner, now_ms, now_ms});
    // In this order: killed in between, the link is this device's alone.
    store_.use_pairing_secret(secret, id);
    store_.add_device(device);
    return Admitted{device, secret_bytes(secret), !used_by.empty()};
  }
  return Refused{"expired", "this link is not (or no longer) good: run `zane pair` on the Mac for a new one"};
}

}  // namespace zane::policy
