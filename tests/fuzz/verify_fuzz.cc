// Fuzzes what is done with a webhook: a header's text, a line end, the body. Signed
// well it is taken, otherwise not. Traps where an invariant breaks.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "services/webhook/verify.h"

namespace {

namespace crypto = zane::crypto;
using namespace zane::webhook;

constexpr std::string_view kSecret = "a secret that nobody can guess";
constexpr int64_t kNow = 1700000000000;
constexpr char kStamp[] = "1700000000";

// What names it, or "" when it is not taken.
std::string taken(const char* scheme, const Headers& headers, std::string_view body) {
  const auto verdict = verify(scheme, kSecret, headers, body, kNow);
  const auto* verified = std::get_if<Verified>(&verdict);
  if (verified && verified->dedupe.empty()) __builtin_trap();
  return verified ? verified->dedupe : "";
}

std::string base64(std::string_view bytes) {
  std::string text = crypto::to_base64url(bytes);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  return text;
}

void check_signed(const std::string& text, std::string_view body) {
  const std::string other = std::string(body) + "x";
  const Headers github = {
      {"x-hub-signature-256", "sha256=" + crypto::to_hex(crypto::hmac_sha256(kSecret, body))}};
  const Headers hmac = {{"x-zane-timestamp", kStamp},
                        {"x-zane-signature", "sha256=" + crypto::to_hex(crypto::hmac_sha256(
                                                             kSecret, kStamp + ("." + std::string(body))))}};
  if (taken("github", github, body).empty() || taken("hmac", hmac, body).empty()) __builtin_trap();
  if (!taken("github", github, other).empty() || !taken("hmac", hmac, other).empty()) __builtin_trap();
  // The text is an id, and stands before the signature that fits as one that does not.
  const std::string mac = crypto::hmac_sha256(kSecret, text + "." + kStamp + "." + std::string(body));
  const Headers standard = {
      {"webhook-id", text}, {"webhook-timestamp", kStamp}, {"webhook-signature", "v1,no v1," + base64(mac)}};
  const bool is_id = !text.empty() && text.size() <= 256 && text.find('.') == std::string::npos;
  if (taken("standard", standard, body) != (is_id ? "id:" + text : "")) __builtin_trap();
  if (!taken("standard", standard, other).empty()) __builtin_trap();
}

std::string percent_encoded(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += "%" + crypto::to_hex(std::string_view(&c, 1));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t half = bytes.find('\n');
  const std::string text(bytes.substr(0, half));
  const std::string_view body = half == std::string_view::npos ? "" : bytes.substr(half + 1);
  const Headers unsigned_headers = {{"x-hub-signature-256", text}, {"x-hub-signature", text},
                                    {"x-zane-timestamp", text},    {"x-zane-signature", text},
                                    {"webhook-id", text},          {"webhook-timestamp", kStamp},
                                    {"webhook-signature", text},   {"svix-signature", text}};
  for (const char* scheme : {"github", "hmac", "standard", "another"})
    if (!taken(scheme, unsigned_headers, body).empty()) __builtin_trap();
  check_signed(text, body);

  constexpr char form[] = "application/x-www-form-urlencoded";
  // A payload comes out of a form as it went in, and never longer than the form.
  if (unwrapped(form, "payload=" + percent_encoded(bytes)) != bytes ||
      unwrapped(form, "&payload=" + percent_encoded(bytes)) != bytes ||
      unwrapped(form, "a=b&payload=" + percent_encoded(bytes) + "&c=d") != bytes)
    __builtin_trap();
  if (unwrapped(form, body).size() > body.size() || unwrapped(text, body).size() > body.size())
    __builtin_trap();
  if (unwrapped("application/json", body) != body) __builtin_trap();
  if (is_ping(body) && body.find('{') == std::string_view::npos) __builtin_trap();
  return 0;
}
