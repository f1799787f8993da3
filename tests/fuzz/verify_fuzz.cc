// Fuzzes the parser of a webhook. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "services/webhook/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t half = bytes.find('\n');
  const std::string text(bytes.substr(0, half));
  const std::string_view body = half == std::string_view::npos ? "" : bytes.substr(half + 1);
  const zane::webhook::Headers headers = {{"x-hub-signature-256", text},       {"x-zane-timestamp", text},
                                          {"x-zane-signature", text},          {"webhook-id", text},
                                          {"webhook-timestamp", "1700000000"}, {"webhook-signature", text}};
  for (const char* scheme : {"github", "hmac", "standard"})
    if (std::holds_alternative<zane::webhook::Verified>(
            zane::webhook::verify(scheme, "a secret that nobody can guess", headers, body, 1700000000000)))
      __builtin_trap();
  (void)zane::webhook::is_ping(body);
  (void)zane::webhook::unwrapped("application/x-www-form-urlencoded", body);
  return 0;
}
