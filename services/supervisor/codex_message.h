// One JSON-RPC message from Codex, looked at but not changed: what kind it is
// and where it belongs. One pass that keeps only the routing fields, whatever
// else the message holds and however deep. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/journal/journal.h"

namespace zane::supervisor {

// serde_json, which Codex reads and writes with, goes to 128. Beyond this a
// message is not understood; nothing here recurses, so the number is no danger.
inline constexpr size_t kCodexDepthMax = 10000;

struct CodexMessage {
  enum class Kind { kNotification, kRequest, kResponse };
  Kind kind = Kind::kNotification;
  std::string method;
  // The JSON-RPC id as Codex wrote it (a number or a text with its quotes).
  std::string id;
  std::string thread;
  std::string turn;
  std::string item;
  // False: it is no good JSON, too deep, or cut off. A request can be refused and
  // no more; an answer ends its call; of news it is known that there was some.
  bool understood = true;
};

// InvalidArgument when nothing can be made out, neither a method nor an id.
absl::StatusOr<CodexMessage> read_codex_message(std::string_view raw);
// What can be made out of a message of which only the head is there.
absl::StatusOr<CodexMessage> read_broken_message(std::string_view head);

// Whether the list of threads changes with this method.
journal::Level level_of(std::string_view method);

// Output and end of a client's own process: goes to that client alone.
bool is_process_output(std::string_view method);

// The parameter that names a client's process, or "" when the method has none.
std::string_view process_key_of(std::string_view method);

// The id that `serverRequest/resolved` names, as Codex wrote it; "" when none.
std::string resolved_request_of(std::string_view raw);

// A server request that asks a person, in a thread. Anything else is for a
// program: for another client of Codex, if it is not ours (design §5).
bool asks_a_person(const CodexMessage& message);

}  // namespace zane::supervisor
