// What the Mac says over its own signature, so that nobody between it and the
// phone can make it say something else (docs/link.md). Used by policy
// (receipts, pairing) and supervisor (approvals).
#pragma once

#include <string>

#include "boost/json.hpp"
#include "lib/crypto/ec_key.h"

namespace zane::link {

struct Signed {
  std::string statement;
  std::string signature;
};

// Serialises and signs.
Signed sign_statement(const crypto::EcKey& mac_key, const boost::json::object& statement);

// base64url(SHA-256("zane-approval-v1\n" + lengths and bytes of both)).
std::string approval_digest(std::string_view request, std::string_view shown);

// What a device's signature covers.
std::string command_preimage(std::string_view command);

}  // namespace zane::link
