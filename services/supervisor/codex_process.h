// Starts `codex app-server` in a session of its own, so that it outlives us.
// Knows how to begin one, not how to talk to it.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/home.h"
#include "lib/config/config.h"

namespace zane::supervisor {

// The permission profiles every Codex of ours knows (docs/ARCHITECTURE.md):
// as Codex's own, but $ZANE_HOME can't be read.
inline constexpr char kWorkspaceProfile[] = "zane";
inline constexpr char kReadOnlyProfile[] = "zane-read-only";

struct CodexProgram {
  std::filesystem::path socket;
  std::vector<std::string> arguments;  // [0] is the program
  std::string codex_home;              // CODEX_HOME, or empty: inherit
};

// What to run. NotFound when there is no such program, with the cure.
absl::StatusOr<CodexProgram> codex_program(const config::Config& config, const base::Home& home);

// Begins it, output to $ZANE_HOME/log/codex.log (emptied first when over 512 KiB).
absl::StatusOr<int> spawn_codex(const CodexProgram& program, const base::Home& home);

// How the process ended, if it is our child and has.
bool has_ended(int pid, std::string& how);

// The last lines of its log, for a message to people.
std::string last_words(const base::Home& home);

}  // namespace zane::supervisor
