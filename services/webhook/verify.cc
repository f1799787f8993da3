#include "services/webhook/verify.h"

#include <charconv>
#include <optional>

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::webhook {
namespace {

constexpr size_t kSecretBytesMin = 16;

std::string header(const Headers& headers, const std::string& name) {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<int64_t> seconds(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > int64_t{1} << 40)
    return std::nullopt;
  return value;
}

std::optional<Unverified> check_time(const std::string& text, int64_t now_ms) {
  const auto at = seconds(text);
  if (!at) return Unverified{"the timestamp header is missing or not a number of seconds"};
  const int64_t age_ms = now_ms - *at * 1000;
  if (age_ms > kTimestampAgeMsMax) return Unverified{"the timestamp is older than 7 days"};
  if (-age_ms > kTimestampAheadMsMax)
    return Unverified{"the timestamp is in the future: check the sender's clock"};
  return std::nullopt;
}

bool hex_matches(std::string_view given, const std::string& mac) {
  constexpr std::string_view prefix = "sha256=";
  return given.starts_with(prefix) &&
         crypto::equal_in_constant_time(given.substr(prefix.size()), crypto::to_hex(mac));
}

std::variant<Verified, Unverified> github(std::string_view secret, const Headers& headers,
                                          std::string_view body) {
  const std::string given = header(headers, "x-hub-signature-256");
  if (given.empty()) return Unverified{"the header X-Hub-Signature-256 is missing: set a secret at GitHub"};
  const std::string mac = crypto::hmac_sha256(secret, body);
  if (!hex_matches(given, mac))
    return Unverified{"the signature does not fit: is the secret the same on both sides?"};
  // GitHub's delivery id is not signed: only the body's MAC can't be made up.
  return Verified{"mac:" + crypto::to_hex(mac)};
}

std::variant<Verified, Unverified> generic(std::string_view secret, const Headers& headers,
                                           std::string_view body, int64_t now_ms) {
  const std::string stamp = header(headers, "x-zane-timestamp");
  if (auto bad = check_time(stamp, now_ms)) return *bad;
  const std::string mac = crypto::hmac_sha256(secret, stamp + "." + std::string(body));
  if (!hex_matches(header(headers, "x-zane-signature"), mac))
    return Unverified{
        "the signature does not fit: it is the HMAC-SHA256 of `<timestamp>.<body>`, as sha256=<hex>"};
  return Verified{"mac:" + crypto::to_hex(mac)};
}

// A "whsec_" secret is base64; any other is taken as it is.
std::string standard_key(std::string_view secret) {
  constexpr std::string_view prefix = "whsec_";
  if (!secret.starts_with(prefix)) return std::string(secret);
  return crypto::from_base64(secret.substr(prefix.size())).value_or(std::string(secret));
}

std::variant<Verified, Unverified> standard(std::string_view secret, const Headers& headers,
                                            std::string_view body, int64_t now_ms) {
  const std::string id = header(headers, "webhook-id");
  const std::string stamp = header(headers, "webhook-timestamp");
  // With a dot in it the signed text could be read as another id and body.
  if (id.empty() || id.size() > 256 || id.find('.') != std::string::npos)
    return Unverified{"the header webhook-id is missing, too long or has a dot in it"};
  if (auto bad = check_time(stamp, now_ms)) return *bad;
  const std::string key = standard_key(secret);
  if (key.size() < kSecretBytesMin)
    return Unverified{"the hook's secret is shorter than 16 bytes: make a longer one"};
  const std::string mac = crypto::hmac_sha256(key, id + "." + stamp + "." + std::string(body));
  // Several signatures, apart by spaces, while a secret is being rotated.
  std::string rest = header(headers, "webhook-signature");
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    const std::string one = rest.substr(0, space);
    rest = space == std::string::npos ? "" : rest.substr(space + 1);
    if (!one.starts_with("v1,")) continue;
    const auto given = crypto::from_base64(one.substr(3));
    if (given && crypto::equal_in_constant_time(*given, mac)) return Verified{"id:" + id};
  }
  return Unverified{"no signature of webhook-signature fits: is the secret the same on both sides?"};
}

}  // namespace

std::variant<Verified, Unverified> verify(std::string_view scheme, std::string_view secret,
                                          const Headers& headers, std::string_view body, int64_t now_ms) {
  if (secret.size() < kSecretBytesMin)
    return Unverified{"the hook's secret is shorter than 16 characters: make a longer one"};
  if (scheme == "github") return github(secret, headers, body);
  if (scheme == "hmac") return generic(secret, headers, body, now_ms);
  if (scheme == "standard") return standard(secret, headers, body, now_ms);
  return Unverified{"the hook's `scheme` is not known"};
}

}  // namespace zane::webhook
