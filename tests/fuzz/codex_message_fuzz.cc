// Fuzzes the parser of what Codex says, against a parser of all of it. Traps where
// an invariant breaks.
#include <cstdint>
#include <string_view>

#include "lib/json/strict.h"
#include "lib/text/utf8.h"
#include "services/supervisor/codex_message.h"
#include "tests/fuzz/json_same.h"

namespace {

namespace bj = boost::json;
using zane::supervisor::CodexMessage;

constexpr size_t kFieldBytesMax = 512;

std::string text_at(const bj::object* object, std::string_view key) {
  const auto text = object ? zane::json::string_at(*object, key) : std::nullopt;
  return text && text->size() <= kFieldBytesMax ? std::string(*text) : "";
}

std::string plain_or_nested(const bj::object* params, const std::string& noun) {
  const std::string plain = text_at(params, noun + "Id");
  if (!plain.empty() || !params) return plain;
  return text_at(zane::json::object_at(*params, noun), "id");
}

void check_against(const bj::object& whole, const CodexMessage& message) {
  const auto* params = zane::json::object_at(whole, "params");
  std::string thread = plain_or_nested(params, "thread");
  if (thread.empty()) thread = plain_or_nested(params, "conversation");
  if (!message.understood || message.method != text_at(&whole, "method") || message.thread != thread ||
      message.turn != plain_or_nested(params, "turn") || message.item != plain_or_nested(params, "item"))
    __builtin_trap();
  const auto* id = whole.if_contains("id");
  if ((id != nullptr) == message.id.empty()) __builtin_trap();
  if (id && !zane::fuzz::same(bj::parse(message.id, {}, {.max_depth = 1000}), *id)) __builtin_trap();
}

void check_resolved(const bj::object& whole, const std::string& resolved) {
  const auto* params = zane::json::object_at(whole, "params");
  const auto* id = params ? params->if_contains("requestId") : nullptr;
  if ((id != nullptr) == resolved.empty()) __builtin_trap();
  if (id && !zane::fuzz::same(bj::parse(resolved, {}, {.max_depth = 1000}), *id)) __builtin_trap();
}

// It goes into messages and rows that hold text alone, and to Codex as part of JSON.
void check_fields(const CodexMessage& message) {
  using Kind = CodexMessage::Kind;
  for (const auto* field : {&message.method, &message.id, &message.thread, &message.turn, &message.item})
    if (!zane::text::is_utf8(*field) || (!message.understood && field->size() > kFieldBytesMax))
      __builtin_trap();
  for (const auto* field : {&message.method, &message.thread, &message.turn, &message.item})
    if (field->size() > kFieldBytesMax) __builtin_trap();
  bj::error_code error;
  if (!message.understood && !message.id.empty() && (bj::parse(message.id, error), error)) __builtin_trap();
  const auto kind = message.method.empty() ? Kind::kResponse
                    : message.id.empty()   ? Kind::kNotification
                                           : Kind::kRequest;
  if (message.kind != kind || (message.method.empty() && message.id.empty())) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = zane::supervisor::read_codex_message(bytes);
  const auto broken = zane::supervisor::read_broken_message(bytes);
  const std::string resolved = zane::supervisor::resolved_request_of(bytes);
  const auto whole = zane::json::parse_codex_object(bytes);
  if (message.ok()) check_fields(*message);
  if (broken.ok()) check_fields(*broken);
  if (!whole.ok()) return 0;
  check_resolved(*whole, resolved);
  if (message.ok())
    check_against(*whole, *message);
  else if (whole->contains("id") || !text_at(&*whole, "method").empty())
    __builtin_trap();
  return 0;
}
