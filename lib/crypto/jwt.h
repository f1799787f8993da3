// JSON Web Tokens as Orbit takes them (RFC 7519, ES256). Signing alone: nobody on the
// Mac reads one. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "lib/crypto/ec_key.h"

namespace zane::crypto {

// `claims` is a JSON object, signed as it is.
std::string sign_jwt(const EcKey& key, std::string_view claims);

}  // namespace zane::crypto
