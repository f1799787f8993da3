// Starts `codex app-server` in a session of its own, so that it outlives us.
// Knows how to begin one, not how to talk to it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/home.h"
#include "lib/config/config.h"
#include "services/supervisor/codex_host.h"

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

// Codex as a child of this process, or as one that outlived an earlier one.
class LocalCodexHost final : public CodexHost {
 public:
  LocalCodexHost(const config::Config& config, const base::Home& home) : config_(config), home_(home) {}

  // Output to $ZANE_HOME/log/codex.log (emptied first when over 512 KiB). Nothing
  // of ours but its three standard descriptors is handed on.
  absl::StatusOr<int> start() override;
  bool has_ended(int pid, std::string& how) override;
  std::string last_words() override;
  void note(int64_t pid) override;
  std::optional<int64_t> living() override;

  // Codex's socket lies in a folder for temporary files: its age is set anew, so
  // that a cleaner leaves it alone.
  void keep_socket_alive(const std::filesystem::path& socket);

 private:
  [[nodiscard]] std::filesystem::path log_file() const { return home_.root() / "log" / "codex.log"; }

  const config::Config& config_;
  const base::Home& home_;
};

}  // namespace zane::supervisor
