// One JSON-RPC message from Codex, looked at but not changed: what kind it is
// and where it belongs. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "boost/json.hpp"
#include "lib/journal/journal.h"

namespace zane::supervisor {

struct CodexMessage {
  enum class Kind { kNotification, kRequest, kResponse };
  Kind kind = Kind::kNotification;
  std::string method;
  // The JSON-RPC id as Codex wrote it (a number or a text with its quotes).
  std::string id;
  std::string thread;
  std::string turn;
  std::string item;
  boost::json::object body;
};

// InvalidArgument when it is not a JSON-RPC object.
absl::StatusOr<CodexMessage> read_codex_message(std::string_view raw);

// Whether the list of threads changes with this method.
journal::Level level_of(std::string_view method);

// Output and end of a client's own process: goes to that client alone.
bool is_process_output(std::string_view method);

// The parameter that names a client's process, or "" when the method has none.
std::string_view process_key_of(std::string_view method);

}  // namespace zane::supervisor
