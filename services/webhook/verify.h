// Is this delivery signed by who knows the hook's secret? Over the raw bytes, in
// constant time, before anything is parsed (design §10). Pure.
//
// - "github": `X-Hub-Signature-256: sha256=<hex HMAC of the body>`; Bitbucket's
//   `X-Hub-Signature` too, if it is a sha256= (never SHA-1).
// - "hmac": `X-Zane-Timestamp: <Unix seconds>` and `X-Zane-Signature:
//   sha256=<hex HMAC of "<timestamp>.<body>">`.
// - "standard": Standard Webhooks (webhook-id, webhook-timestamp,
//   webhook-signature: "v1,<base64 HMAC of "<id>.<timestamp>.<body>">"), also under
//   the older names svix-*. One secret is spelled in several ways (with and without
//   "whsec_" and padding): the few that are known are tried.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace zane::webhook {

// As long as Orbit's mailbox keeps a delivery: a Mac asleep for days refuses
// nothing good.
inline constexpr int64_t kTimestampAgeMsMax = int64_t{7} * 24 * 3600 * 1000;
inline constexpr int64_t kTimestampAheadMsMax = int64_t{5} * 60 * 1000;

// Names in lower case.
using Headers = std::map<std::string, std::string>;

struct Verified {
  // What the signature covers and names the delivery: the same for a repeat.
  std::string dedupe;
};
// GitHub's ping, by what is signed: its headers are not.
bool is_ping(std::string_view json_body);

// The payload as JSON where the sender wrapped it in a form (GitHub's other
// content type: `payload=<percent-encoded>`); else as it is.
std::string unwrapped(std::string_view content_type, std::string_view body);

struct Unverified {
  std::string reason;
  // Not empty: the signature fits and only the time does not, by a clock that may be
  // wrong. Then a person may still have it started.
  std::string dedupe = {};
};

std::variant<Verified, Unverified> verify(std::string_view scheme, std::string_view secret,
                                          const Headers& headers, std::string_view body, int64_t now_ms);

}  // namespace zane::webhook
