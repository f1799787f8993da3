// P-256 keys and ES256 signatures as WebCrypto makes them: a signature is the
// 64 raw bytes r||s, a public key the 65 raw bytes of the uncompressed point
// (SEC 1 §2.3.3). Checked against WebCrypto in tests/.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace zane::crypto {

struct EvpFree {
  void operator()(evp_pkey_st* key) const;
};
using EvpKey = std::unique_ptr<evp_pkey_st, EvpFree>;

// The public half: verifies. Movable; any thread may call const methods.
class EcPublicKey {
 public:
  // `raw`: 65 bytes. Refuses points that are not on the curve.
  static absl::StatusOr<EcPublicKey> from_raw(std::string_view raw);

  [[nodiscard]] bool verify(std::string_view bytes, std::string_view signature) const;
  [[nodiscard]] const std::string& raw() const { return raw_; }
  // base64url(SHA-256(raw)[0..16]): how Zane names Macs and devices.
  [[nodiscard]] std::string id() const;

 private:
  EcPublicKey(EvpKey key, std::string raw);
  EvpKey key_;
  std::string raw_;
};

// A key pair: signs.
class EcKey {
 public:
  static EcKey generate();
  // Reads the PEM file (PKCS#8, mode 0600), or makes it if there is none. An
  // unreadable, foreign or too widely readable file is an error with its cure.
  static absl::StatusOr<EcKey> load_or_create(const std::filesystem::path& file);
  static absl::StatusOr<EcKey> load(const std::filesystem::path& file);

  [[nodiscard]] std::string sign(std::string_view bytes) const;
  [[nodiscard]] const EcPublicKey& public_key() const { return *public_; }

 private:
  explicit EcKey(EvpKey key);
  EvpKey key_;
  std::unique_ptr<EcPublicKey> public_;
};

// The id of a raw public key, whether or not it is on the curve.
std::string key_id(std::string_view raw_public_key);

}  // namespace zane::crypto
