#include "services/webhook/verify.h"

#include <charconv>
#include <optional>
#include <vector>

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"

namespace zane::webhook {
namespace {

constexpr size_t kSecretBytesMin = 16;
constexpr int kSignaturesMax = 16;

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

// For what is signed well.
std::variant<Verified, Unverified> in_time(int64_t at_s, std::string dedupe, int64_t now_ms) {
  const int64_t age_ms = now_ms - at_s * 1000;
  if (age_ms > kTimestampAgeMsMax)
    return Unverified{"the timestamp is older than 7 days: check the clocks of the sender and of this Mac",
                      std::move(dedupe)};
  if (-age_ms > kTimestampAheadMsMax)
    return Unverified{"the timestamp is in the future: check the clocks of the sender and of this Mac",
                      std::move(dedupe)};
  return Verified{std::move(dedupe)};
}

constexpr char kNoTime[] = "the timestamp header is missing or not a number of seconds";

bool hex_matches(std::string_view given, const std::string& mac) {
  constexpr std::string_view prefix = "sha256=";
  return given.starts_with(prefix) &&
         crypto::equal_in_constant_time(given.substr(prefix.size()), crypto::to_hex(mac));
}

std::variant<Verified, Unverified> github(std::string_view secret, const Headers& headers,
                                          std::string_view body) {
  std::string given = header(headers, "x-hub-signature-256");
  // Bitbucket, and what speaks like it.
  if (given.empty()) given = header(headers, "x-hub-signature");
  if (given.empty())
    return Unverified{headers.contains("x-event-key")
                          ? "the header X-Hub-Signature is missing: set a secret for the webhook at Bitbucket"
                          : "the header X-Hub-Signature-256 is missing: set a secret at GitHub (or "
                            "X-Hub-Signature: sha256=… at "
                            "Bitbucket)"};
  if (!given.starts_with("sha256="))
    return Unverified{"the signature is not a sha256= one: SHA-1 is not taken, let the sender use SHA-256"};
  const std::string mac = crypto::hmac_sha256(secret, body);
  if (!hex_matches(given, mac))
    return Unverified{
        "the signature does not fit: is the secret the same on both sides? A forwarder that writes the JSON "
        "anew "
        "breaks it as well: it has to pass the bytes on as they are"};
  // GitHub's delivery id is not signed: only the body's MAC can't be made up.
  return Verified{"mac:" + crypto::to_hex(mac)};
}

std::variant<Verified, Unverified> generic(std::string_view secret, const Headers& headers,
                                           std::string_view body, int64_t now_ms) {
  const std::string stamp = header(headers, "x-zane-timestamp");
  const auto at_s = seconds(stamp);
  if (!at_s) return Unverified{kNoTime};
  const std::string mac = crypto::hmac_sha256(secret, stamp + "." + std::string(body));
  if (!hex_matches(header(headers, "x-zane-signature"), mac))
    return Unverified{
        "the signature does not fit: it is the HMAC-SHA256 of `<timestamp>.<body>`, as sha256=<hex>"};
  return in_time(*at_s, "mac:" + crypto::to_hex(mac), now_ms);
}

// The keys that one secret may mean: as it stands, and as base64 with or without
// its prefixes and its padding. Senders differ, and all of them are right.
std::vector<std::string> standard_keys(std::string_view secret) {
  std::vector<std::string> keys{std::string(secret)};
  std::string_view rest = secret;
  for (const std::string_view prefix : {"v1,", "whsec_"})
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  std::string padded(rest);
  while (padded.size() % 4 != 0) padded += '=';
  if (auto key = crypto::from_base64(padded); key && !key->empty()) keys.push_back(*std::move(key));
  if (rest != secret) keys.emplace_back(rest);
  std::erase_if(keys, [](const std::string& key) { return key.size() < kSecretBytesMin; });
  return keys;
}

// Under the standard's own name, or the older one that many senders still use.
std::string either_header(const Headers& headers, const std::string& name) {
  const std::string value = header(headers, "webhook-" + name);
  return value.empty() ? header(headers, "svix-" + name) : value;
}

std::variant<Verified, Unverified> standard(std::string_view secret, const Headers& headers,
                                            std::string_view body, int64_t now_ms) {
  const std::string id = either_header(headers, "id");
  const std::string stamp = either_header(headers, "timestamp");
  // With a dot in it the signed text could be read as another id and body.
  if (id.empty() || id.size() > 256 || id.find('.') != std::string::npos)
    return Unverified{"the header webhook-id is missing, too long or has a dot in it"};
  const auto at_s = seconds(stamp);
  if (!at_s) return Unverified{kNoTime};
  const auto keys = standard_keys(secret);
  if (keys.empty()) return Unverified{"the hook's secret is shorter than 16 bytes: make a longer one"};
  const std::string text = id + "." + stamp + "." + std::string(body);
  bool fits = false;
  // Several signatures, apart by spaces, while a secret is being rotated. All are
  // looked at, whichever fits.
  std::string rest = either_header(headers, "signature");
  for (int count = 0; !rest.empty() && count < kSignaturesMax; ++count) {
    const size_t space = rest.find(' ');
    const std::string one = rest.substr(0, space);
    rest = space == std::string::npos ? "" : rest.substr(space + 1);
    if (!one.starts_with("v1,")) continue;
    const auto given = crypto::from_base64(one.substr(3));
    for (const auto& key : keys)
      fits = (given && crypto::equal_in_constant_time(*given, crypto::hmac_sha256(key, text))) || fits;
  }
  if (fits) return in_time(*at_s, "id:" + id, now_ms);
  return Unverified{
      "no signature of webhook-signature fits: is the secret the same on both sides? A forwarder that writes "
      "the JSON anew breaks it as well"};
}

}  // namespace

bool is_ping(std::string_view json_body) {
  const auto body = json::parse_object(json_body);
  return body.ok() && json::string_at(*body, "zen") && json::int_at(*body, "hook_id");
}

std::string unwrapped(std::string_view content_type, std::string_view body) {
  constexpr std::string_view form = "application/x-www-form-urlencoded";
  constexpr std::string_view field = "payload=";
  if (!content_type.starts_with(form)) return std::string(body);
  const size_t later = body.find("&payload=");
  if (!body.starts_with(field) && later == std::string_view::npos) return std::string(body);
  std::string_view value = body.substr(field.size() + (body.starts_with(field) ? 0 : later + 1));
  value = value.substr(0, value.find('&'));
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    unsigned byte = 0;
    const bool encoded =
        value[i] == '%' && i + 2 < value.size() &&
        std::from_chars(value.data() + i + 1, value.data() + i + 3, byte, 16).ptr == value.data() + i + 3;
    out += encoded ? static_cast<char>(byte) : value[i] == '+' ? ' ' : value[i];
    if (encoded) i += 2;
  }
  return out;
}

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
