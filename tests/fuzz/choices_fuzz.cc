// Fuzzes the parser of an approval's request. Traps where an invariant breaks.
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "lib/json/strict.h"
#include "lib/link/choices.h"
#include "tests/fuzz/json_same.h"

namespace {

namespace bj = boost::json;

bool is_refusal(std::string_view choice) {
  return choice == "decline" || choice == "cancel" || choice == "denied" || choice == "abort";
}

// A decision is what was offered, itself, and nothing stands beside it.
void check_decision(const bj::object& response, const bj::object& params, std::string_view choice) {
  if (response.size() != 1 || !response.contains("decision")) __builtin_trap();
  const auto& decision = response.at("decision");
  if (decision.is_string() && decision.as_string() == choice) return;
  const auto* offered = zane::json::array_at(params, "availableDecisions");
  for (const auto& one : offered ? *offered : bj::array())
    if (one.is_object() && zane::fuzz::same(one, decision)) return;
  __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = zane::json::parse_codex_object(bytes);
  const auto* params = message.ok() ? message->if_contains("params") : nullptr;
  const bool readable = message.ok() && (!params || params->is_null() || params->is_object());
  const bj::object given = params && params->is_object() ? params->as_object() : bj::object();
  for (const std::string_view method :
       {"item/commandExecution/requestApproval", "item/fileChange/requestApproval",
        "item/permissions/requestApproval", "mcpServer/elicitation/request", "item/tool/requestUserInput",
        "execCommandApproval", "x"}) {
    const auto choices = zane::link::choices_of_request(method, bytes);
    std::set<std::string, std::less<>> names;
    bool refusable = false;
    for (const auto& choice : choices) {
      const std::string_view name = choice.at("choice").as_string();
      const bool grants = choice.at("grants").as_bool();
      if (!names.emplace(name).second || grants == is_refusal(name)) __builtin_trap();
      // Nobody grants what nobody could look at.
      if (grants && !readable) __builtin_trap();
      refusable = refusable || !grants;
      const auto response = zane::link::response_for_request(method, bytes, name, nullptr);
      // What is offered is what is taken.
      if (!response || response->grants != grants) __builtin_trap();
      if (response->bytes.empty()) {
        if (grants) __builtin_trap();
        continue;
      }
      const auto object = zane::json::parse_codex_object(response->bytes);
      if (!object.ok()) __builtin_trap();
      if (method.ends_with("/requestApproval") && method != "item/permissions/requestApproval")
        check_decision(*object, given, name);
    }
    if (!refusable) __builtin_trap();
    for (const char* other : {"never offered", "", "acceptForSession", "acceptAlways", "approved", "{}"})
      if (!names.contains(other) && zane::link::response_for_request(method, bytes, other, nullptr))
        __builtin_trap();
  }
  return 0;
}
