#include "lib/bus/keys.h"

#include <array>

#include "lib/base/file.h"
#include "zmq.h"

namespace zane::bus {
namespace {

constexpr std::array kServices = {kSupervisor, kPolicy, kRelay, kWebhook};
constexpr size_t kKeyTextBytes = 40;

std::filesystem::path secret_file(const base::Home& home, std::string_view service) {
  return home.key("bus-" + std::string(service) + ".key");
}
std::filesystem::path public_file(const base::Home& home, std::string_view service) {
  return home.key("bus-" + std::string(service) + ".pub");
}

absl::StatusOr<std::string> read_key(const std::filesystem::path& file) {
  auto text = base::read_secret_file(file);
  if (!text.ok()) return text;
  if (text->size() != kKeyTextBytes)
    return absl::FailedPreconditionError("`" + file.string() +
                                         "` is damaged: delete keys/bus-*.* in $ZANE_HOME and start again");
  return text;
}

absl::StatusOr<std::string> public_from(const std::string& secret) {
  char out[kKeyTextBytes + 1] = {};
  if (zmq_curve_public(out, secret.c_str()) != 0)
    return absl::InternalError("ZeroMQ was built without CURVE");
  return std::string(out);
}

absl::Status ensure_pair(const base::Home& home, std::string_view service) {
  char public_text[kKeyTextBytes + 1] = {};
  char secret_text[kKeyTextBytes + 1] = {};
  if (zmq_curve_keypair(public_text, secret_text) != 0)
    return absl::InternalError("ZeroMQ was built without CURVE: install a libzmq with libsodium");
  auto made = base::create_secret_file(secret_file(home, service), secret_text);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  // Whoever won the race wrote the secret; the public half follows from it.
  auto secret = read_key(secret_file(home, service));
  if (!secret.ok()) return secret.status();
  auto derived = public_from(*secret);
  if (!derived.ok()) return derived.status();
  made = base::create_secret_file(public_file(home, service), *derived);
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

}  // namespace

absl::Status ensure_keys(const base::Home& home) {
  for (const auto service : kServices) {
    std::error_code ignored;
    if (std::filesystem::exists(public_file(home, service), ignored)) continue;
    if (auto made = ensure_pair(home, service); !made.ok()) return made;
  }
  return absl::OkStatus();
}

absl::StatusOr<Keys> load_keys(const base::Home& home, std::string_view self) {
  Keys keys;
  keys.self = self;
  for (const auto service : kServices) {
    auto text = read_key(public_file(home, service));
    if (!text.ok()) return text.status();
    keys.service_of[*text] = service;
    keys.public_of[std::string(service)] = *text;
  }
  auto secret = read_key(secret_file(home, self));
  if (!secret.ok()) return secret.status();
  keys.own = {keys.public_of[std::string(self)], *secret};
  return keys;
}

}  // namespace zane::bus
