// Fuzzes the parser of an approval's request. Traps where an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/link/choices.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const char* method : {"item/commandExecution/requestApproval", "item/permissions/requestApproval",
                             "mcpServer/elicitation/request", "item/tool/requestUserInput", "x"}) {
    for (const auto& choice : zane::link::choices_of_request(method, bytes)) {
      const std::string_view name = choice.at("choice").as_string();
      const auto response = zane::link::response_for_request(method, bytes, name, nullptr);
      if (response && response->grants != choice.at("grants").as_bool()) __builtin_trap();
    }
    if (zane::link::response_for_request(method, bytes, "never offered", nullptr)) __builtin_trap();
  }
  return 0;
}
