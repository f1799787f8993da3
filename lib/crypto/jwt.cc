#include "lib/crypto/jwt.h"

#include "lib/crypto/bytes.h"

namespace zane::crypto {

std::string sign_jwt(const EcKey& key, std::string_view claims) {
  const std::string text = to_base64url(R"({"alg":"ES256","typ":"JWT"})") + "." + to_base64url(claims);
  return text + "." + to_base64url(key.sign(text));
}

}  // namespace zane::crypto
