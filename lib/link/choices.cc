#include "lib/link/choices.h"

#include <algorithm>

#include "lib/json/strict.h"

namespace zane::link {
namespace {

namespace bj = boost::json;

enum class Kind { kCommand, kFileChange, kUserInput, kPermissions, kElicitation, kLegacy, kUnknown };

Kind kind_of(std::string_view method) {
  if (method == "item/commandExecution/requestApproval") return Kind::kCommand;
  if (method == "item/fileChange/requestApproval") return Kind::kFileChange;
  if (method == "item/tool/requestUserInput") return Kind::kUserInput;
  if (method == "item/permissions/requestApproval") return Kind::kPermissions;
  if (method == "mcpServer/elicitation/request") return Kind::kElicitation;
  if (method == "execCommandApproval" || method == "applyPatchApproval") return Kind::kLegacy;
  return Kind::kUnknown;
}

bool is_refusal(std::string_view choice) {
  return choice == "decline" || choice == "cancel" || choice == "denied" || choice == "abort";
}

void add(bj::array& choices, std::string_view choice) {
  for (const auto& known : choices)
    if (known.at("choice").as_string() == choice) return;
  choices.push_back({{"choice", choice}, {"grants", !is_refusal(choice)}});
}

// A decision that is an object is named by its own JSON text.
std::string name_of(const bj::value& decision) {
  return decision.is_string() ? std::string(decision.as_string()) : bj::serialize(decision);
}

void add_offered(bj::array& choices, const bj::object& params) {
  const auto* offered = json::array_at(params, "availableDecisions");
  if (!offered) {
    // An older Codex offers nothing by name: only the narrowest grant is safe.
    add(choices, "accept");
    return;
  }
  for (const auto& decision : *offered)
    if (decision.is_string() || decision.is_object()) add(choices, name_of(decision));
}

// How long an MCP tool may be allowed, beyond this once, if it is a tool that asks.
// Source: `_meta.persist` of Codex's `mcpServer/elicitation/request`, a text or several.
bool may_persist(const bj::object& params, std::string_view how_long) {
  const auto* meta = json::object_at(params, "_meta");
  const auto* persist = meta ? meta->if_contains("persist") : nullptr;
  if (!persist) return false;
  if (persist->is_string()) return persist->as_string() == how_long;
  return persist->is_array() &&
         std::any_of(persist->as_array().begin(), persist->as_array().end(),
                     [&](const bj::value& v) { return v.is_string() && v.as_string() == how_long; });
}

bool offered(const bj::array& choices, std::string_view choice) {
  return std::any_of(choices.begin(), choices.end(),
                     [&](const bj::value& known) { return known.at("choice").as_string() == choice; });
}

// {question id: [text, …]} → Codex's {"answers": {id: {"answers": […]}}}
std::optional<std::string> user_input(const bj::object& params, const bj::object& answers) {
  const auto* questions = json::array_at(params, "questions");
  bj::object out;
  for (const auto& answer : answers) {
    const std::string_view id = answer.key();
    const bj::value& texts = answer.value();
    const bool asked =
        questions && std::any_of(questions->begin(), questions->end(), [&](const bj::value& q) {
          return q.is_object() && json::string_at(q.as_object(), "id") == id;
        });
    if (!asked || !texts.is_array()) return std::nullopt;
    for (const auto& text : texts.as_array())
      if (!text.is_string()) return std::nullopt;
    out[id] = {{"answers", texts}};
  }
  return bj::serialize(bj::object{{"answers", out}});
}

std::string permissions_response(const bj::object& params, std::string_view choice) {
  if (choice == "decline") return R"({"permissions":{},"scope":"turn"})";
  const auto* asked = params.if_contains("permissions");
  return bj::serialize(bj::object{{"permissions", asked ? *asked : bj::value(bj::object())},
                                  {"scope", choice == "acceptForSession" ? "session" : "turn"}});
}

std::string elicitation_response(std::string_view choice, const bj::object* answers) {
  const bool grants = !is_refusal(choice);
  bj::object out{{"action", grants ? "accept" : choice}};
  out["content"] = grants ? bj::value(answers ? *answers : bj::object()) : bj::value();
  if (choice == "acceptForSession") out["_meta"] = {{"persist", "session"}};
  if (choice == "acceptAlways") out["_meta"] = {{"persist", "always"}};
  return bj::serialize(out);
}

// What was offered under this name, itself: a text that looks like an object is one
// no more than any other.
std::string decision_response(const bj::object& params, std::string_view choice) {
  if (const auto* offered = json::array_at(params, "availableDecisions"))
    for (const auto& decision : *offered)
      if ((decision.is_string() || decision.is_object()) && name_of(decision) == choice)
        return bj::serialize(bj::object{{"decision", decision}});
  return bj::serialize(bj::object{{"decision", choice}});
}

}  // namespace

bj::array choices_of(std::string_view method, const bj::object& params) {
  bj::array choices;
  switch (kind_of(method)) {
    case Kind::kCommand:
      add_offered(choices, params);
      add(choices, "decline");
      add(choices, "cancel");
      break;
    case Kind::kFileChange:
      if (params.contains("availableDecisions")) {
        add_offered(choices, params);
      } else {
        add(choices, "accept");
        add(choices, "acceptForSession");
      }
      add(choices, "decline");
      add(choices, "cancel");
      break;
    case Kind::kUserInput:
      choices.push_back({{"choice", "answer"}, {"grants", true}});
      add(choices, "cancel");
      break;
    case Kind::kPermissions:
      for (const char* choice : {"accept", "acceptForSession", "decline"}) add(choices, choice);
      break;
    case Kind::kElicitation:
      add(choices, "accept");
      if (may_persist(params, "session")) add(choices, "acceptForSession");
      if (may_persist(params, "always")) add(choices, "acceptAlways");
      add(choices, "decline");
      add(choices, "cancel");
      break;
    case Kind::kLegacy:
      for (const char* choice : {"approved", "denied", "abort"}) add(choices, choice);
      break;
    case Kind::kUnknown:
      add(choices, "decline");
      break;
  }
  return choices;
}

std::optional<Response> response_for(std::string_view method, const bj::object& params,
                                     std::string_view choice, const bj::object* answers) {
  if (!offered(choices_of(method, params), choice)) return std::nullopt;
  Response response;
  response.grants = !is_refusal(choice);
  switch (kind_of(method)) {
    case Kind::kCommand:
    case Kind::kFileChange:
    case Kind::kLegacy:
      response.bytes = decision_response(params, choice);
      break;
    case Kind::kUserInput: {
      const auto bytes = user_input(params, answers && choice == "answer" ? *answers : bj::object());
      if (!bytes) return std::nullopt;
      response.bytes = *bytes;
      break;
    }
    case Kind::kPermissions:
      response.bytes = permissions_response(params, choice);
      break;
    case Kind::kElicitation:
      response.bytes = elicitation_response(choice, answers);
      break;
    case Kind::kUnknown:
      // What its refusal looks like is not known: a JSON-RPC error says it.
      response.bytes.clear();
      break;
  }
  return response;
}

namespace {

// `params` of the message; nothing when it can't be read.
std::optional<bj::object> params_of(std::string_view request) {
  auto message = json::parse_codex_object(request);
  if (!message.ok()) return std::nullopt;
  auto* params = message->if_contains("params");
  if (!params || params->is_null()) return bj::object();
  if (!params->is_object()) return std::nullopt;
  return std::move(params->as_object());
}

}  // namespace

bj::array choices_of_request(std::string_view method, std::string_view request) {
  const auto params = params_of(request);
  if (params) return choices_of(method, *params);
  bj::array refusals;
  for (const auto& choice : choices_of(method, {}))
    if (!choice.at("grants").as_bool()) refusals.push_back(choice);
  return refusals;
}

ToldChoices told_choices(std::string_view method, std::string_view request) {
  ToldChoices told;
  size_t bytes = 0;
  for (auto& choice : choices_of_request(method, request)) {
    const bool grants = choice.at("grants").as_bool();
    const size_t its = choice.at("choice").as_string().size();
    if (grants && bytes + its > kChoicesToldBytesMax) {
      ++told.left_out;
      continue;
    }
    if (grants) bytes += its;
    told.choices.push_back(std::move(choice));
  }
  return told;
}

std::optional<Response> response_for_request(std::string_view method, std::string_view request,
                                             std::string_view choice, const bj::object* answers) {
  const auto params = params_of(request);
  if (params) return response_for(method, *params, choice, answers);
  return is_refusal(choice) ? response_for(method, {}, choice, nullptr) : std::nullopt;
}

}  // namespace zane::link
