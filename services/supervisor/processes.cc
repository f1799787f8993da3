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

absl::StatusOr<std::string> Processes::to_codex(const std::string& client, std::string_view method,
                                                std::string_view params) {
  const auto key = process_key_of(method);
  if (key.empty()) return std::string(params);
  auto object = json::parse_object(params);
  if (!object.ok()) return object.status();
  const auto name = json::string_at(*object, key);
  if (!name) return std::string(params);
  const auto owned =
      std::count_if(owner_.begin(), owner_.end(), [&](const auto& e) { return e.second == client; });
  if (begins_process(method) && static_cast<size_t>(owned) >= kProcessesPerClientMax)
    return absl::ResourceExhaustedError("too many terminals are open: close one first");
  const std::string ours = our_name(client, *name);
  // Codex would refuse it, and by that refusal the first would lose its owner.
  if (begins_process(method) && owner_.contains(ours))
    return absl::AlreadyExistsError("a terminal of this name is open already: choose another name");
  // Output may come before the answer, so the owner is known from the start.
  if (begins_process(method)) owner_[ours] = client;
  if (method == "command/exec") commands_.insert(ours);
  (*object)[key] = ours;
  return boost::json::serialize(*object);
}

void Processes::began(const std::string& client, std::string_view method, std::string_view params, bool ok) {
  const bool over = method == "command/exec" || !ok;
  if (!begins_process(method) || !over) return;
  const auto object = json::parse_object(params);
  if (!object.ok()) return;
  if (const auto name = json::string_at(*object, process_key_of(method))) {
    owner_.erase(our_name(client, *name));
    commands_.erase(our_name(client, *name));
  }
}

std::optional<Processes::Output> Processes::from_codex(const CodexMessage& message, std::string_view raw) {
  const auto key = process_key_of(message.method);
  auto parsed = json::parse_codex_object(raw);
  if (!parsed.ok()) return std::nullopt;
  boost::json::object body = *std::move(parsed);
  const auto* params = json::object_at(body, "params");
  const auto name = params ? json::string_at(*params, key) : std::nullopt;
  const auto owner = name ? owner_.find(std::string(*name)) : owner_.end();
  if (owner == owner_.end()) return std::nullopt;
  Output output{owner->second, ""};
  const std::string own_name(name->substr(owner->second.size() + 1));
  body["params"].as_object()[key] = own_name;
  output.raw = boost::json::serialize(body);
  if (message.method == "process/exited") owner_.erase(owner);
  return output;
}

std::vector<Processes::Ending> Processes::take_of(const std::string& client) {
  std::vector<Ending> endings;
  for (auto it = owner_.begin(); it != owner_.end();) {
    if (it->second != client) {
      ++it;
      continue;
    }
    const bool command = commands_.erase(it->first) > 0;
    const std::string_view method = command ? "command/exec/terminate" : "process/kill";
    endings.push_back({std::string(method),
                       boost::json::serialize(boost::json::object{{process_key_of(method), it->first}})});
    it = owner_.erase(it);
  }
  return endings;
}

std::set<std::string> Processes::clients() const {
  std::set<std::string> clients;
  for (const auto& [name, client] : owner_) clients.insert(client);
  return clients;
}

std::map<std::string, std::string> Processes::take_all() {
  commands_.clear();
  return std::exchange(owner_, {});
}

}  // namespace zane::supervisor
