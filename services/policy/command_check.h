// Is this order really from that device, for this Mac, now, and once? Pure but
// for the two look-ups it is given (design §7, docs/link.md).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "boost/json.hpp"
#include "services/policy/store.h"
#include "zane/v1/command.pb.h"

namespace zane::policy {

inline constexpr size_t kCommandBytesMax = 256 * 1024;
inline constexpr int64_t kCommandLifeMsMax = int64_t{24} * 3600 * 1000;
// A phone's clock may be ahead of the Mac's by this much.
inline constexpr int64_t kClockSkewMsMax = int64_t{5} * 60 * 1000;

struct Command {
  std::string id;
  // What it is remembered by: ids are the devices' own, so two may use one id.
  [[nodiscard]] std::string key() const { return device.id + "/" + id; }
  Device device;
  std::string method;
  boost::json::object params;
  std::string digest;  // base64url SHA-256 of the signed bytes
  int64_t issued_ms = 0;
  int64_t expires_ms = 0;
};

// Why nothing happens: a reason of docs/link.md and a sentence with the cure.
struct Refusal {
  std::string reason;
  std::string message;
  // Known when the bytes were at least readable, for the receipt.
  std::string command;
  std::string digest;
  // It was this device's, and only its time was wrong: the same bytes could be good
  // at another, and are to stay refused.
  std::optional<Command> untimely;
};

// A repeat: this is the first answer, or the command is still under way.
struct Repeat {
  Command command;
  std::optional<v1::CommandAnswer> answer;
};

struct CheckContext {
  std::string mac;
  int64_t now_ms = 0;
  std::function<std::optional<Device>(const std::string&)> device;
  // By Command::key().
  std::function<std::optional<Store::Remembered>(const std::string&)> remembered;
};

std::variant<Command, Repeat, Refusal> check_command(const v1::SignedCommand& signed_command,
                                                     const CheckContext& context);

}  // namespace zane::policy
