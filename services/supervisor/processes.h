// Whose terminal is it? Clients name their processes themselves, so two may use
// one name at the same moment: towards Codex each gets its owner in front, and
// what comes back goes to that owner alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/supervisor/codex_message.h"

namespace zane::supervisor {

inline constexpr size_t kProcessesPerClientMax = 16;

class Processes {
 public:
  // `params` with the client's name for its process replaced by ours; as they
  // are for methods that name none. ResourceExhausted at the bound,
  // AlreadyExists for a second one of a name.
  absl::StatusOr<std::string> to_codex(const std::string& client, std::string_view method,
                                       std::string_view params);

  // Whether the call that began a process took place.
  void began(const std::string& client, std::string_view method, std::string_view params, bool ok);

  // Output for a client: whose, and the message with the client's own name.
  struct Output {
    std::string client;
    std::string raw;
  };
  std::optional<Output> from_codex(const CodexMessage& message);

  // The `processHandle`s of a client that is gone; they are forgotten.
  std::vector<std::string> take_of(const std::string& client);
  // The connection ended, and every process with it: who is to be told.
  std::map<std::string, std::string> take_all();

 private:
  // Our name → client.
  std::map<std::string, std::string> owner_;
};

}  // namespace zane::supervisor
