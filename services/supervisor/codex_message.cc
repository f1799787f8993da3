#include "services/supervisor/codex_message.h"

#include <algorithm>
#include <array>

#include "boost/json.hpp"
#include "boost/json/basic_parser_impl.hpp"
#include "lib/json/scan.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;

constexpr std::array<std::string_view, 10> kListMethods = {
    "thread/started",    "thread/status/changed",  "thread/name/updated", "thread/archived",
    "thread/unarchived", "thread/deleted",         "thread/closed",       "turn/started",
    "turn/completed",    "thread/settings/updated"};

// A routing field is an id; a longer text is none of Codex's.
constexpr size_t kFieldBytesMax = 512;

// Walks the text, checks that it is JSON, and keeps the texts at a few places:
// `method`, `params.threadId`, `params.thread.id`, … The last of two counts.
struct RouteFinder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  enum class In { kNothing, kParams, kThread, kTurn, kItem, kConversation };

  std::string method, thread, turn, item, conversation;
  // Codex says `threadId`, or `thread: {id}` where it tells of the thread
  // itself; the plain one counts.
  std::string nested_thread, nested_turn, nested_item, nested_conversation;
  bool has_id = false;

  int depth = 0;
  std::string key_part;
  std::string text_part;
  In in = In::kNothing;       // the object of depth 3 or, as kParams, of depth 2
  std::string* to = nullptr;  // where the value that comes now is kept
  In opens = In::kNothing;    // what the object that comes now would be

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    ++depth;
    if (opens != In::kNothing) in = opens;
    value_is_over();
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code&) {
    if (depth == 3 && in != In::kParams && in != In::kNothing) in = In::kParams;
    if (depth == 2) in = In::kNothing;
    --depth;
    return true;
  }
  bool on_array_begin(bj::error_code&) {
    ++depth;
    value_is_over();
    return true;
  }
  bool on_array_end(std::size_t, bj::error_code&) {
    --depth;
    return true;
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    if (watched()) keep(key_part, part);
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, bj::error_code&) {
    if (!watched()) return true;
    if (key_part.empty()) {
      on_name({part.data(), part.size()});
    } else {
      keep(key_part, part);
      on_name(key_part);
      key_part.clear();
    }
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
    if (to) keep(text_part, part);
    return true;
  }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
    if (to) {
      keep(text_part, part);
      *to = text_part.size() <= kFieldBytesMax ? text_part : std::string();
    }
    value_is_over();
    return true;
  }
  bool on_number_part(bj::string_view, bj::error_code&) { return true; }
  bool on_int64(int64_t, bj::string_view, bj::error_code&) { return value_is_over(); }
  bool on_uint64(uint64_t, bj::string_view, bj::error_code&) { return value_is_over(); }
  bool on_double(double, bj::string_view, bj::error_code&) { return value_is_over(); }
  bool on_bool(bool, bj::error_code&) { return value_is_over(); }
  bool on_null(bj::error_code&) { return value_is_over(); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

 private:
  // One byte more than a field may have, so that a longer one is seen to be longer.
  static void keep(std::string& text, bj::string_view part) {
    text.append(part.data(),
                std::min(part.size(), kFieldBytesMax + 1 - std::min(text.size(), kFieldBytesMax + 1)));
  }
  [[nodiscard]] bool watched() const {
    return depth == 1 || (depth == 2 && in == In::kParams) ||
           (depth == 3 && in != In::kParams && in != In::kNothing);
  }
  bool value_is_over() {
    to = nullptr;
    opens = In::kNothing;
    text_part.clear();
    return true;
  }
  void on_name(std::string_view name) {
    value_is_over();
    if (depth == 1) {
      if (name == "method") to = &method;
      if (name == "id") has_id = true;
      if (name == "params") {
        opens = In::kParams;
        for (std::string* field : {&thread, &turn, &item, &conversation, &nested_thread, &nested_turn,
                                   &nested_item, &nested_conversation})
          field->clear();
      }
    } else if (depth == 2) {
      if (name == "threadId") to = &thread;
      if (name == "turnId") to = &turn;
      if (name == "itemId") to = &item;
      if (name == "conversationId") to = &conversation;
      if (name == "thread") opens = In::kThread;
      if (name == "turn") opens = In::kTurn;
      if (name == "item") opens = In::kItem;
      if (name == "conversation") opens = In::kConversation;
      if (opens != In::kNothing) nested_id(opens).clear();
    } else if (name == "id") {
      to = &nested_id(in);
    }
    if (to) to->clear();
  }
  std::string& nested_id(In of) {
    return of == In::kThread ? nested_thread
           : of == In::kTurn ? nested_turn
           : of == In::kItem ? nested_item
                             : nested_conversation;
  }
};

const std::string& either(const std::string& plain, const std::string& nested) {
  return plain.empty() ? nested : plain;
}

// The text of a member by its bytes alone, where the whole can't be parsed.
std::string text_of(std::string_view object, std::string_view key) {
  const auto bytes = json::member_bytes(object, key);
  if (!bytes || bytes->size() < 2 || bytes->size() > kFieldBytesMax || bytes->front() != '"') return "";
  bj::error_code error;
  const auto value = bj::parse(*bytes, error);
  return error || !value.is_string() ? "" : std::string(value.get_string());
}

// Of a broken message: an id as JSON-RPC knows them, and nothing that the break may
// have cut short.
std::string id_of(std::string_view head) {
  const auto bytes = json::member_bytes(head, "id");
  if (!bytes || bytes->size() > kFieldBytesMax || bytes->data() + bytes->size() == head.data() + head.size())
    return "";
  bj::error_code error;
  const auto value = bj::parse(*bytes, error);
  return error || !(value.is_string() || value.is_number()) ? "" : std::string(*bytes);
}

CodexMessage::Kind kind_of(const CodexMessage& message) {
  return message.method.empty() ? CodexMessage::Kind::kResponse
         : message.id.empty()   ? CodexMessage::Kind::kNotification
                                : CodexMessage::Kind::kRequest;
}

}  // namespace

absl::StatusOr<CodexMessage> read_codex_message(std::string_view raw) {
  bj::parse_options options;
  options.max_depth = kCodexDepthMax;
  bj::basic_parser<RouteFinder> finder(options);
  bj::error_code error;
  const size_t first = raw.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || raw[first] != '{')
    return absl::InvalidArgumentError("not a JSON object");
  const size_t read = finder.write_some(false, raw.data(), raw.size(), error);
  if (error || raw.find_first_not_of(" \t\r\n", read) != std::string_view::npos)
    return read_broken_message(raw);
  const RouteFinder& found = finder.handler();
  CodexMessage message;
  message.method = found.method;
  if (found.has_id) message.id = json::member_bytes(raw, "id").value_or("");
  if (message.method.empty() && message.id.empty())
    return absl::InvalidArgumentError("neither a method nor an id");
  message.kind = kind_of(message);
  message.thread = either(found.thread, found.nested_thread);
  message.turn = either(found.turn, found.nested_turn);
  message.item = either(found.item, found.nested_item);
  // The two legacy approvals call the thread a conversation.
  if (message.thread.empty()) message.thread = either(found.conversation, found.nested_conversation);
  return message;
}

absl::StatusOr<CodexMessage> read_broken_message(std::string_view head) {
  CodexMessage message;
  message.understood = false;
  message.method = text_of(head, "method");
  message.id = id_of(head);
  if (message.method.empty() && message.id.empty())
    return absl::InvalidArgumentError("not JSON, and neither a method nor an id can be made out");
  message.kind = kind_of(message);
  const auto params = json::member_onwards(head, "params").value_or("");
  message.thread = text_of(params, "threadId");
  message.turn = text_of(params, "turnId");
  message.item = text_of(params, "itemId");
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

std::string resolved_request_of(std::string_view raw) {
  const auto params = json::member_bytes(raw, "params");
  const auto id = params ? json::member_bytes(*params, "requestId") : std::nullopt;
  return std::string(id.value_or(""));
}

bool asks_a_person(const CodexMessage& message) {
  return !message.thread.empty() && message.method != "item/tool/call" &&
         message.method != "currentTime/read";
}

}  // namespace zane::supervisor
