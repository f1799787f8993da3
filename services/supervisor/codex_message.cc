#include "services/supervisor/codex_message.h"

#include <algorithm>
#include <array>

#include "lib/json/scan.h"
#include "lib/json/strict.h"

namespace zane::supervisor {
namespace {

// Codex says `threadId`, or `thread: {id}` where it tells of the thread itself.
std::string lifted(const boost::json::object& params, std::string_view flat, std::string_view nested) {
  if (const auto text = json::string_at(params, flat)) return std::string(*text);
  if (const auto* object = json::object_at(params, nested))
    if (const auto text = json::string_at(*object, "id")) return std::string(*text);
  return "";
}

constexpr std::array<std::string_view, 10> kListMethods = {
    "thread/started",    "thread/status/changed",  "thread/name/updated", "thread/archived",
    "thread/unarchived", "thread/deleted",         "thread/closed",       "turn/started",
    "turn/completed",    "thread/settings/updated"};

}  // namespace

absl::StatusOr<CodexMessage> read_codex_message(std::string_view raw) {
  auto body = json::parse_object(raw);
  if (!body.ok()) return body.status();
  CodexMessage message;
  message.body = *std::move(body);
  if (const auto method = json::string_at(message.body, "method")) message.method = *method;
  if (const auto id = json::member_bytes(raw, "id")) message.id = *id;
  if (message.method.empty() && message.id.empty())
    return absl::InvalidArgumentError("neither a method nor an id");
  message.kind = message.method.empty() ? CodexMessage::Kind::kResponse
                 : message.id.empty()   ? CodexMessage::Kind::kNotification
                                        : CodexMessage::Kind::kRequest;
  if (const auto* params = json::object_at(message.body, "params")) {
    message.thread = lifted(*params, "threadId", "thread");
    message.turn = lifted(*params, "turnId", "turn");
    message.item = lifted(*params, "itemId", "item");
    // The two legacy approvals call the thread a conversation.
    if (message.thread.empty()) message.thread = lifted(*params, "conversationId", "conversation");
  }
  return message;
}

journal::Level level_of(std::string_view method) {
  return std::find(kListMethods.begin(), kListMethods.end(), method) != kListMethods.end()
             ? journal::Level::kList
             : journal::Level::kThread;
}

bool is_process_output(std::string_view method) {
  return method == "process/outputDelta" || method == "process/exited" ||
         method == "command/exec/outputDelta";
}

std::string_view process_key_of(std::string_view method) {
  if (method.starts_with("process/")) return "processHandle";
  if (method == "command/exec" || method.starts_with("command/exec/")) return "processId";
  return "";
}

}  // namespace zane::supervisor
