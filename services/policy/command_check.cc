#include "services/policy/command_check.h"

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/link/statement.h"

namespace zane::policy {
namespace {

bool is_fresh_id(std::string_view id) {
  const auto bytes = crypto::from_base64url(id);
  return bytes && bytes->size() == 16;
}

bool signature_fits(const v1::SignedCommand& signed_command, const Device& device) {
  const auto key = crypto::EcPublicKey::from_raw(device.key);
  const auto signature = crypto::from_base64url(signed_command.signature());
  return key.ok() && signature && key->verify(link::command_preimage(signed_command.command()), *signature);
}

// The times of a command that has not been seen before.
std::optional<Refusal> check_times(int64_t issued, int64_t expires, int64_t now, const Device& device) {
  if (issued > now + kClockSkewMsMax)
    return Refusal{"clock",
                   "the phone's clock and the Mac's differ by more than 5 minutes: set both to network time",
                   "",
                   "",
                   {}};
  // Neither is before 1970, so that the difference can't overflow into a short one.
  if (issued < 0 || expires <= issued || expires - issued > kCommandLifeMsMax)
    return Refusal{"bad-command", "a command may live for 24 hours at most", "", "", {}};
  if (now > expires)
    return Refusal{"expired", "it reached the Mac too late: send it again if you still want it", "", "", {}};
  // Then it was refused, as no device's.
  if (issued + kClockSkewMsMax < device.paired_ms)
    return Refusal{"expired",
                   "it was made before this device was paired: send it again if you still want it",
                   "",
                   "",
                   {}};
  return std::nullopt;
}

}  // namespace

std::variant<Command, Repeat, Refusal> check_command(const v1::SignedCommand& signed_command,
                                                     const CheckContext& context) {
  Command command;
  if (signed_command.command().size() > kCommandBytesMax)
    return Refusal{"bad-command", "a command may have 256 KiB at most", "", "", {}};
  command.digest = crypto::to_base64url(crypto::sha256(signed_command.command()));
  const auto refuse = [&](std::string reason, std::string message) {
    return Refusal{std::move(reason), std::move(message), command.id, command.digest, {}};
  };
  const auto device = context.device(signed_command.device());
  if (!device) {
    // Named, so that the page that waits for this answer knows it for one.
    const auto named = json::parse_strict_object(signed_command.command());
    const auto its_id = named.ok() ? json::string_at(*named, "id") : std::nullopt;
    if (its_id && is_fresh_id(*its_id)) command.id = *its_id;
    return refuse("unknown-device",
                  "this device is not paired with this Mac: run `zane pair` there and open its link");
  }
  if (!signature_fits(signed_command, *device))
    return refuse("bad-signature", "the signature is not this device's");
  const auto body = json::parse_strict_object(signed_command.command());
  if (!body.ok())
    return refuse("bad-command", "the command can't be read: " + std::string(body.status().message()));
  const auto id = json::string_at(*body, "id");
  const auto method = json::string_at(*body, "method");
  const auto issued = json::int_at(*body, "issuedAt");
  const auto expires = json::int_at(*body, "expiresAt");
  const auto* params = json::object_at(*body, "params");
  if (id && is_fresh_id(*id)) command.id = *id;
  if (command.id.empty() || !method || !issued || !expires || !params)
    return refuse("bad-command", "a command needs `id`, `method`, `params`, `issuedAt` and `expiresAt`");
  if (json::string_at(*body, "mac") != std::string_view(context.mac))
    return refuse("wrong-mac", "this command is for another Mac");
  if (json::string_at(*body, "device") != std::string_view(device->id))
    return refuse("bad-command", "the command names another device than the one that signed it");
  command.device = *device;
  command.method = *method;
  command.params = *params;
  command.issued_ms = *issued;
  command.expires_ms = *expires;
  if (auto known = context.remembered(command.key())) {
    if (known->digest != command.digest)
      return refuse("reused-id", "this id was used for another command before");
    return Repeat{std::move(command), std::move(known->answer)};
  }
  if (const auto untimely = check_times(*issued, *expires, context.now_ms, *device)) {
    auto refusal = refuse(untimely->reason, untimely->message);
    // What lives too long is wrong at any time.
    if (refusal.reason != "bad-command") refusal.untimely = std::move(command);
    return refusal;
  }
  return command;
}

}  // namespace zane::policy
