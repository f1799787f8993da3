#include "lib/crypto/x25519.h"

#include <memory>

#include "openssl/evp.h"

namespace zane::crypto {
namespace {

constexpr size_t kKeyBytes = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT
}

}  // namespace

std::optional<std::string> x25519(std::string_view own_secret, std::string_view peer_public) {
  if (own_secret.size() != kKeyBytes || peer_public.size() != kKeyBytes) return std::nullopt;
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  const Key own(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes_of(own_secret), kKeyBytes),
                &EVP_PKEY_free);
  const Key peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(peer_public), kKeyBytes),
                 &EVP_PKEY_free);
  if (!own || !peer) return std::nullopt;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(own.get(), nullptr), &EVP_PKEY_CTX_free);
  std::string shared(kKeyBytes, '\0');
  size_t length = shared.size();
  // OpenSSL refuses a peer whose key gives zero (RFC 7748 §6.1).
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(shared.data()), &length) !=
          1 ||  // NOLINT
      length != kKeyBytes)
    return std::nullopt;
  return shared;
}

}  // namespace zane::crypto
