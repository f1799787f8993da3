#include "services/policy/roles.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "lib/json/strict.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// A method's role as long as its parameters are among `plain`; with any other
// it needs owner.
struct Row {
  Role role;
  std::vector<std::string_view> plain;
};

const std::map<std::string_view, Row>& table() {
  static const std::map<std::string_view, Row> rows = {
      {"zane/attach", {Role::kViewer, {"protocol", "release"}}},
      {"thread/list",
       {Role::kViewer,
        {"limit", "cursor", "sortKey", "sortDirection", "cwd", "archived", "searchTerm", "sourceKinds",
         "modelProviders"}}},
      {"thread/loaded/list", {Role::kViewer, {"limit", "cursor"}}},
      {"thread/read", {Role::kViewer, {"threadId"}}},
      {"thread/turns/list", {Role::kViewer, {"threadId", "cursor", "limit", "sortDirection", "itemsView"}}},
      {"thread/items/list",
       {Role::kViewer, {"threadId", "turnId", "cursor", "limit", "sortDirection", "deferOutput"}}},
      {"thread/items/read", {Role::kViewer, {"threadId", "turnId", "itemIds"}}},
      {"thread/search",
       {Role::kViewer,
        {"searchTerm", "limit", "cursor", "sourceKinds", "archived", "sortKey", "sortDirection"}}},
      {"thread/goal/get", {Role::kViewer, {"threadId"}}},
      {"thread/queue/list", {Role::kViewer, {"threadId"}}},
      {"thread/backgroundTerminals/list", {Role::kViewer, {"threadId", "cursor", "limit"}}},
      {"model/list", {Role::kViewer, {"limit", "cursor", "includeHidden"}}},
      {"permissionProfile/list", {Role::kViewer, {"cwd", "limit", "cursor"}}},
      {"account/rateLimits/read", {Role::kViewer, {}}},

      {"zane/approval/decide", {Role::kApprover, {"approval", "digest", "choice", "answers"}}},

      {"zane/task/start", {Role::kOperator, {"cwd", "prompt", "model", "effort", "permissions"}}},
      // Loads a thread, and goes on with its goal if it has one.
      {"thread/resume", {Role::kOperator, {"threadId", "excludeTurns", "initialTurnsPage"}}},
      {"turn/start",
       {Role::kOperator, {"threadId", "input", "clientUserMessageId", "model", "effort", "summary"}}},
      {"turn/steer", {Role::kOperator, {"threadId", "expectedTurnId", "input", "clientUserMessageId"}}},
      {"turn/interrupt", {Role::kOperator, {"threadId", "turnId"}}},
      {"thread/readState/update", {Role::kOperator, {"threadId", "operation", "expectedRevision"}}},
      {"thread/name/set", {Role::kOperator, {"threadId", "name"}}},
      {"thread/archive", {Role::kOperator, {"threadId"}}},
      {"thread/unarchive", {Role::kOperator, {"threadId"}}},
      {"thread/compact/start", {Role::kOperator, {"threadId"}}},
      {"thread/backgroundTerminals/terminate", {Role::kOperator, {"threadId", "processId"}}},
      {"thread/backgroundTerminals/clean", {Role::kOperator, {"threadId"}}},
  };
  return rows;
}

// Text and inline pictures only: a path or an address in the input would read a
// file or the network.
bool input_is_plain(const bj::object& params) {
  const auto* input = params.if_contains("input");
  if (!input) return true;
  if (!input->is_array()) return false;
  return std::all_of(input->as_array().begin(), input->as_array().end(), [](const bj::value& part) {
    if (!part.is_object()) return false;
    const auto type = json::string_at(part.as_object(), "type");
    const auto url = json::string_at(part.as_object(), "url").value_or("");
    return type == "text" || (type == "image" && url.starts_with("data:image/"));
  });
}

bool asks_full_access(const bj::object& params) {
  const auto* permissions = params.if_contains("permissions");
  return permissions && *permissions != "ask" && *permissions != "read-only";
}

}  // namespace

std::optional<Role> role_from(std::string_view name) {
  if (name == "viewer") return Role::kViewer;
  if (name == "approver") return Role::kApprover;
  if (name == "operator") return Role::kOperator;
  if (name == "owner") return Role::kOwner;
  return std::nullopt;
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kApprover:
      return "approver";
    case Role::kOperator:
      return "operator";
    case Role::kOwner:
      return "owner";
  }
  return "owner";
}

Role required_role(std::string_view method, const bj::object& params) {
  const auto row = table().find(method);
  if (row == table().end()) return Role::kOwner;
  const auto& plain = row->second.plain;
  const bool all_plain = std::all_of(params.begin(), params.end(), [&](const auto& param) {
    return std::find(plain.begin(), plain.end(), std::string_view(param.key())) != plain.end();
  });
  if (!all_plain || !input_is_plain(params)) return Role::kOwner;
  if (method == "zane/task/start" && asks_full_access(params)) return Role::kOwner;
  return row->second.role;
}

Weight weight_of(std::string_view method, const bj::object& params) {
  if (required_role(method, params) == Role::kViewer) return Weight::kReads;
  const bool light = method == "process/writeStdin" || method == "process/resizePty" ||
                     method == "command/exec/write" || method == "command/exec/resize" ||
                     method == "thread/resume";
  return light ? Weight::kLight : Weight::kOrder;
}

bool is_reserved(std::string_view method) {
  return method == "initialize" || method == "initialized" || method.empty();
}

}  // namespace zane::policy
