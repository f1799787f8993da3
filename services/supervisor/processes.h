// Whose terminal is it? Clients name their processes themselves, so two may use
// one name at the same moment: towards Codex each gets its owner in front, and
// what comes back goes to that owner alone.
#pragma once

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
  // Our name → client, and of those the ones that `command/exec` began.
  std::map<std::string, std::string> owner_;
  std::set<std::string> commands_;
};

}  // namespace zane::supervisor
