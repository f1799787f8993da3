// Whose terminal is it? Clients name their processes themselves, so two may use
// one name at the same moment: towards Codex each gets its owner in front, and
// what comes back goes to that owner alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/supervisor/codex_message.h"

namespace zane::supervisor {

inline constexpr size_t kProcessesPerClientMax = 16;

class Processes {
 public:
  // A call as Codex is to have it; `process` is 0 unless it begins one.
  struct Call {
    std::string params;
    uint64_t process = 0;
  };
  // `params` with the client's name for its process replaced by ours; as they
  // are for methods that name none. ResourceExhausted at the bound,
  // AlreadyExists for a second one of a name.
  absl::StatusOr<Call> to_codex(const std::string& client, std::string_view method, std::string_view params);

  // It never began, or has ended: its name is free. Nothing for one that is forgotten.
  void over(uint64_t process);

  // Output for a client: whose, and the message with the client's own name.
  struct Output {
    std::string client;
    std::string raw;
  };
  std::optional<Output> from_codex(const CodexMessage& message, std::string_view raw);

  // The call that ends each process of a client that is gone; they are forgotten.
  struct Ending {
    std::string method;
    std::string params;
  };
  std::vector<Ending> take_of(const std::string& client);
  // Who has one.
  [[nodiscard]] std::set<std::string> clients() const;
  // The connection ended, and every process with it: who is to be told.
  std::map<std::string, std::string> take_all();

 private:
  struct Owned {
    std::string client;
    uint64_t process = 0;
    // Begun by `command/exec`.
    bool is_command = false;
  };
  // By our name.
  std::map<std::string, Owned> owned_;
  uint64_t last_process_ = 0;
};

}  // namespace zane::supervisor
