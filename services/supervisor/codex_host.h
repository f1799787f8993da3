// The seam under Codex's process: how it is begun, whether it lives, what it
// said last. codex_process.h is the real one; tests have one that is scripted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace zane::supervisor {

class CodexHost {
 public:
  virtual ~CodexHost() = default;

  // Begins `codex app-server` and gives its pid. NotFound when there is no such
  // program; errors name the cure.
  virtual absl::StatusOr<int> start() = 0;
  // How the process ended, if it is our child and has.
  virtual bool has_ended(int pid, std::string& how) = 0;
  // The last lines of its log as clean UTF-8, for a message to people.
  virtual std::string last_words() = 0;

  // Written down: this process listened on our socket, so that whoever comes
  // after us knows it even when the socket is gone.
  virtual void note(int64_t pid) = 0;
  // The pid that was noted last, if that very process still lives.
  virtual std::optional<int64_t> living() = 0;
};

}  // namespace zane::supervisor
