#include "lib/crypto/ec_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "lib/base/file.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::crypto {
namespace {

constexpr size_t kRawKeyBytes = 65;
constexpr size_t kHalfBytes = 32;
constexpr char kGroup[] = "prime256v1";

void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "openssl failed: %s\n", what);
  std::abort();
}

std::string raw_public(evp_pkey_st* key) {
  std::string raw(kRawKeyBytes, '\0');
  size_t length = 0;
  check(
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                                      reinterpret_cast<unsigned char*>(raw.data()), raw.size(), &length) == 1,
      "public key");
  if (length == kRawKeyBytes) return raw;
  // Some builds hand out the compressed point: ask for the coordinates instead.
  BIGNUM* x = nullptr;
  BIGNUM* y = nullptr;
  check(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1,
        "public point");
  raw[0] = 4;
  BN_bn2binpad(x, reinterpret_cast<unsigned char*>(raw.data()) + 1, kHalfBytes);
  BN_bn2binpad(y, reinterpret_cast<unsigned char*>(raw.data()) + 1 + kHalfBytes, kHalfBytes);
  BN_free(x);
  BN_free(y);
  return raw;
}

std::string der_to_raw(const std::vector<unsigned char>& der) {
  const unsigned char* at = der.data();
  ECDSA_SIG* sig = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  check(sig != nullptr, "d2i_ECDSA_SIG");
  std::string raw(2 * kHalfBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, kHalfBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + kHalfBytes, kHalfBytes);
  ECDSA_SIG_free(sig);
  return raw;
}

std::vector<unsigned char> raw_to_der(std::string_view raw) {
  const auto* in = reinterpret_cast<const unsigned char*>(raw.data());
  ECDSA_SIG* sig = ECDSA_SIG_new();
  ECDSA_SIG_set0(sig, BN_bin2bn(in, kHalfBytes, nullptr), BN_bin2bn(in + kHalfBytes, kHalfBytes, nullptr));
  std::vector<unsigned char> der(static_cast<size_t>(i2d_ECDSA_SIG(sig, nullptr)));
  unsigned char* at = der.data();
  i2d_ECDSA_SIG(sig, &at);
  ECDSA_SIG_free(sig);
  return der;
}

absl::StatusOr<EvpKey> parse_pem(const std::string& pem, const std::filesystem::path& file) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EvpKey key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  char group[32] = {};
  if (!key || EVP_PKEY_get_group_name(key.get(), group, sizeof group, nullptr) != 1 ||
      std::string_view(group) != kGroup)
    return absl::FailedPreconditionError(
        "`" + file.string() +
        "` is not a P-256 private key: restore it from a backup, or move it away to "
        "make a new one (every phone must then be paired again)");
  return key;
}

std::string to_pem(evp_pkey_st* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  check(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write pem");
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(length));
  BIO_free(bio);
  return pem;
}

}  // namespace

void EvpFree::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

std::string key_id(std::string_view raw) { return to_base64url(sha256(raw).substr(0, 16)); }

EcPublicKey::EcPublicKey(EvpKey key, std::string raw) : key_(std::move(key)), raw_(std::move(raw)) {}

absl::StatusOr<EcPublicKey> EcPublicKey::from_raw(std::string_view raw) {
  if (raw.size() != kRawKeyBytes || raw[0] != 4)
    return absl::InvalidArgumentError("not an uncompressed P-256 point");
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0);
  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, raw.data(), raw.size());
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  evp_pkey_st* made = nullptr;
  const bool ok = EVP_PKEY_fromdata_init(context) == 1 &&
                  EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, params) == 1;
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  EvpKey key(made);
  if (!ok) return absl::InvalidArgumentError("not a point of P-256");
  return EcPublicKey(std::move(key), std::string(raw));
}

bool EcPublicKey::verify(std::string_view bytes, std::string_view signature) const {
  if (signature.size() != 2 * kHalfBytes) return false;
  const auto der = raw_to_der(signature);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool ok = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
                  EVP_DigestVerify(context, der.data(), der.size(),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
  EVP_MD_CTX_free(context);
  return ok;
}

std::string EcPublicKey::id() const { return key_id(raw_); }

EcKey::EcKey(EvpKey key) : key_(std::move(key)) {
  auto made = EcPublicKey::from_raw(raw_public(key_.get()));
  check(made.ok(), "own public key");
  public_ = std::make_unique<EcPublicKey>(*std::move(made));
}

EcKey EcKey::generate() {
  EvpKey key(EVP_EC_gen("P-256"));
  check(key != nullptr, "EVP_EC_gen");
  return EcKey(std::move(key));
}

absl::StatusOr<EcKey> EcKey::load(const std::filesystem::path& file) {
  auto pem = base::read_secret_file(file);
  if (!pem.ok()) return pem.status();
  auto key = parse_pem(*pem, file);
  if (!key.ok()) return key.status();
  return EcKey(*std::move(key));
}

absl::StatusOr<EcKey> EcKey::load_or_create(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    const EcKey fresh = generate();
    const auto made = base::create_secret_file(file, to_pem(fresh.key_.get()));
    // Another process may have made it at the same moment: then theirs counts.
    if (!made.ok() && made.code() != absl::StatusCode::kAlreadyExists) return made;
  }
  return load(file);
}

std::string EcKey::sign(std::string_view bytes) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  size_t length = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  check(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
            EVP_DigestSign(context, nullptr, &length, data, bytes.size()) == 1,
        "sign");
  std::vector<unsigned char> der(length);
  check(EVP_DigestSign(context, der.data(), &length, data, bytes.size()) == 1, "sign");
  der.resize(length);
  EVP_MD_CTX_free(context);
  return der_to_raw(der);
}

}  // namespace zane::crypto
