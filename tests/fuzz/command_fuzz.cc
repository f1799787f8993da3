// Fuzzes the parser of a phone's order. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "services/policy/command_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  zane::v1::SignedCommand command;
  command.set_command(std::string(bytes));
  command.set_device("d");
  command.set_signature(std::string(bytes.substr(0, 86)));
  zane::policy::CheckContext context;
  context.mac = "m";
  context.now_ms = 1700000000000;
  context.device = [](const std::string&) { return std::optional<zane::policy::Device>(); };
  context.remembered = [](const std::string&) { return std::optional<zane::policy::Store::Remembered>(); };
  if (!std::holds_alternative<zane::policy::Refusal>(zane::policy::check_command(command, context)))
    __builtin_trap();
  return 0;
}
