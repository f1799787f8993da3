// Fuzzes the parser of a phone's order, signed by a paired device and by none. Traps
// where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/crypto/bytes.h"
#include "lib/crypto/ec_key.h"
#include "lib/json/strict.h"
#include "lib/link/statement.h"
#include "services/policy/command_check.h"
#include "services/policy/roles.h"
#include "tests/fuzz/json_same.h"

namespace {

using namespace zane::policy;

constexpr int64_t kNow = 1700000000000;

// Named by a short word instead of its key, so that a corpus can name it.
const zane::crypto::EcKey& key() {
  static const auto* made = new zane::crypto::EcKey(zane::crypto::EcKey::generate());
  return *made;
}

CheckContext context() {
  CheckContext context;
  context.mac = "m";
  context.now_ms = kNow;
  context.device = [](const std::string& id) -> std::optional<Device> {
    if (id != "d") return std::nullopt;
    return Device{"d", key().public_key().raw(), "", Role::kOwner, 0, 0};
  };
  context.remembered = [](const std::string&) { return std::optional<Store::Remembered>(); };
  return context;
}

bool refused(const zane::v1::SignedCommand& command, const CheckContext& context, std::string_view reason) {
  const auto verdict = check_command(command, context);
  const auto* refusal = std::get_if<Refusal>(&verdict);
  return refusal && refusal->reason == reason;
}

void check_taken(const Command& taken, std::string_view bytes) {
  const auto body = zane::json::parse_strict_object(bytes);
  if (!body.ok() || bytes.size() > kCommandBytesMax) __builtin_trap();
  const auto issued = zane::json::int_at(*body, "issuedAt");
  const auto* params = zane::json::object_at(*body, "params");
  const auto id = zane::crypto::from_base64url(taken.id);
  if (!id || id->size() != 16 || zane::json::string_at(*body, "id") != std::string_view(taken.id))
    __builtin_trap();
  if (zane::json::string_at(*body, "mac") != "m" || zane::json::string_at(*body, "device") != "d")
    __builtin_trap();
  if (zane::json::string_at(*body, "method") != std::string_view(taken.method)) __builtin_trap();
  if (!params || !zane::fuzz::same(*params, taken.params)) __builtin_trap();
  if (!issued || *issued > kNow + kClockSkewMsMax || taken.expires_ms < kNow ||
      taken.expires_ms - *issued > kCommandLifeMsMax)
    __builtin_trap();
  // A parameter that no table names never needs less.
  auto more = taken.params;
  more["zane-never-heard-of"] = 1;
  if (required_role(taken.method, more) != Role::kOwner) __builtin_trap();
  if (weight_of(taken.method, more) == Weight::kReads) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  zane::v1::SignedCommand command;
  command.set_command(std::string(bytes));
  command.set_device("x");
  command.set_signature(std::string(bytes.substr(0, 86)));
  CheckContext known = context();
  if (!refused(command, known, "unknown-device")) __builtin_trap();
  command.set_device("d");
  if (!refused(command, known, "bad-signature")) __builtin_trap();
  command.set_signature(
      zane::crypto::to_base64url(key().sign(zane::link::command_preimage(command.command()))));
  const auto verdict = check_command(command, known);
  const auto* taken = std::get_if<Command>(&verdict);
  if (!taken) return std::holds_alternative<Refusal>(verdict) ? 0 : (__builtin_trap(), 0);
  check_taken(*taken, bytes);

  // Its id is good for these bytes alone, from then on.
  std::string digest = taken->digest;
  known.remembered = [&](const std::string& name) -> std::optional<Store::Remembered> {
    if (name != "d/" + taken->id) return std::nullopt;
    return Store::Remembered{digest, std::nullopt};
  };
  if (!std::holds_alternative<Repeat>(check_command(command, known))) __builtin_trap();
  digest = "another";
  if (!refused(command, known, "reused-id")) __builtin_trap();
  known = context();
  known.mac = "another";
  if (!refused(command, known, "wrong-mac")) __builtin_trap();
  return 0;
}
