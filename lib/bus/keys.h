// Who is who on the bus: one CURVE key pair per service (RFC 26/CurveZMQ), made
// at set-up in $ZANE_HOME/keys. Senders are told apart by key and nothing else.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/home.h"

namespace zane::bus {

inline constexpr std::string_view kSupervisor = "supervisor";
inline constexpr std::string_view kPolicy = "policy";
inline constexpr std::string_view kRelay = "relay";
inline constexpr std::string_view kWebhook = "webhook";

// Z85 text, 40 characters each.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

struct Keys {
  std::string self;
  KeyPair own;
  // Public key → service, and the reverse.
  std::map<std::string, std::string> service_of;
  std::map<std::string, std::string> public_of;
};

// Makes the pairs that are missing. Safe when all services start at once.
absl::Status ensure_keys(const base::Home& home);

// `self`'s pair and everyone's public keys.
absl::StatusOr<Keys> load_keys(const base::Home& home, std::string_view self);

}  // namespace zane::bus
