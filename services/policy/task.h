// A task as people start it (`zane/task/start`, a hook, `zane start`) turned
// into what Codex takes: `thread/start` and `turn/start`. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "boost/json.hpp"
#include "zane/v1/command.pb.h"

namespace zane::policy {

inline constexpr size_t kPromptBytesMax = 128 * 1024;

// The profiles supervisor starts Codex with (services/supervisor/codex_process.h):
// Codex's own, but Zane's folder can't be read.
inline constexpr char kAskProfile[] = "zane";
inline constexpr char kReadOnlyProfile[] = "zane-read-only";
inline constexpr char kFullAccessProfile[] = ":danger-full-access";

// InvalidArgument with the cure. `command_id` becomes the message's own id.
absl::StatusOr<v1::StartTask> start_task(const boost::json::object& params, const std::string& command_id);

// The prompt of a hook's task: what its owner wrote, then the payload, fenced
// and named as untrusted. Bytes that are not UTF-8 are replaced, and it is said;
// so is that the payload was cut, when `whole_bytes` is more than it has.
std::string hook_prompt(const std::string& prompt, const std::string& payload, int64_t whole_bytes = 0);

}  // namespace zane::policy
