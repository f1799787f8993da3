// Enrolment: makes the one-time link, and admits the device that knows its
// secret (docs/link.md). The secret never leaves the fragment and this file.
#pragma once

#include <string>
#include <variant>

#include "lib/config/config.h"
#include "lib/crypto/ec_key.h"
#include "services/policy/store.h"

namespace zane::policy {

struct EnrolLink {
  std::string url;
  int64_t expires_ms = 0;
  // Whether a phone can reach it; if not, how to get an address that it can.
  bool reachable = false;
  std::string advice;
};

class Pairing {
 public:
  // References outlive it.
  Pairing(Store& store, const config::Config& config, const crypto::EcKey& mac_key,
          const crypto::EcKey& link_key);

  // FailedPrecondition when there is no Orbit to enrol at, with the cure.
  absl::StatusOr<EnrolLink> make_link(int64_t now_ms);

  struct Admitted {
    Device device;
    std::string secret;  // its bytes, for the answer's proof
    bool repeated = false;
  };
  struct Refused {
    std::string reason;
    std::string message;
  };
  // A repeat by the same device gets the same answer.
  std::variant<Admitted, Refused> admit(std::string_view request, std::string_view proof, int64_t now_ms);

 private:
  Store& store_;
  const config::Config& config_;
  const crypto::EcKey& mac_key_;
  const crypto::EcKey& link_key_;
};

}  // namespace zane::policy
