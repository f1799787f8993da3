#include "services/supervisor/processes.h"

#include <algorithm>

#include "lib/json/strict.h"

namespace zane::supervisor {
namespace {

// Can't occur in a client's key, which is made of ids.
constexpr char kSeparator = '#';

std::string our_name(const std::string& client, std::string_view name) {
  return client + kSeparator + std::string(name);
}

bool begins_process(std::string_view method) { return method == "process/spawn" || method == "command/exec"; }

}  // namespace

absl::StatusOr<Processes::Call> Processes::to_codex(const std::string& client, std::string_view method,
                                                    std::string_view params) {
  const auto key = process_key_of(method);
  if (key.empty()) return Call{std::string(params)};
  auto object = json::parse_object(params);
  if (!object.ok()) return object.status();
  const auto name = json::string_at(*object, key);
  if (!name) return Call{std::string(params)};
  const std::string ours = our_name(client, *name);
  (*object)[key] = ours;
  Call call{boost::json::serialize(*object)};
  if (!begins_process(method)) return call;
  const auto count =
      std::count_if(owned_.begin(), owned_.end(), [&](const auto& e) { return e.second.client == client; });
  if (static_cast<size_t>(count) >= kProcessesPerClientMax)
    return absl::ResourceExhaustedError("too many terminals are open: close one first");
  // Codex would refuse it, and by that refusal the first would lose its owner.
  if (owned_.contains(ours))
    return absl::AlreadyExistsError("a terminal of this name is open already: choose another name");
  // Output may come before the answer, so the owner is known from the start.
  call.process = ++last_process_;
  owned_[ours] = {client, call.process, method == "command/exec"};
  return call;
}

void Processes::over(uint64_t process) {
  std::erase_if(owned_, [&](const auto& e) { return e.second.process == process; });
}

std::optional<Processes::Output> Processes::from_codex(const CodexMessage& message, std::string_view raw) {
  const auto key = process_key_of(message.method);
  auto parsed = json::parse_codex_object(raw);
  if (!parsed.ok()) return std::nullopt;
  boost::json::object body = *std::move(parsed);
  const auto* params = json::object_at(body, "params");
  const auto name = params ? json::string_at(*params, key) : std::nullopt;
  const auto owned = name ? owned_.find(std::string(*name)) : owned_.end();
  if (owned == owned_.end()) return std::nullopt;
  Output output{owned->second.client, ""};
  const std::string own_name(name->substr(output.client.size() + 1));
  body["params"].as_object()[key] = own_name;
  output.raw = boost::json::serialize(body);
  if (message.method == "process/exited") owned_.erase(owned);
  return output;
}

std::vector<Processes::Ending> Processes::take_of(const std::string& client) {
  std::vector<Ending> endings;
  for (auto it = owned_.begin(); it != owned_.end();) {
    if (it->second.client != client) {
      ++it;
      continue;
    }
    const std::string_view method = it->second.is_command ? "command/exec/terminate" : "process/kill";
    endings.push_back({std::string(method),
                       boost::json::serialize(boost::json::object{{process_key_of(method), it->first}})});
    it = owned_.erase(it);
  }
  return endings;
}

std::set<std::string> Processes::clients() const {
  std::set<std::string> clients;
  for (const auto& [name, owned] : owned_) clients.insert(owned.client);
  return clients;
}

std::map<std::string, std::string> Processes::take_all() {
  std::map<std::string, std::string> clients;
  for (const auto& [name, owned] : owned_) clients[name] = owned.client;
  owned_.clear();
  return clients;
}

}  // namespace zane::supervisor
