#include "services/relay/clients.h"

namespace zane::relay {

Client* Clients::attach(const std::string& id, const std::string& device) {
  if (clients_.size() >= kClientsMax && !clients_.contains(id)) return nullptr;
  Client& client = clients_[id];
  client.device = device;
  return &client;
}

Client* Clients::find(const std::string& id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : &found->second;
}

void Clients::remove(const std::string& id) { clients_.erase(id); }

std::vector<std::string> Clients::of_device(const std::string& device) const {
  std::vector<std::string> ids;
  for (const auto& [id, client] : clients_)
    if (client.device == device) ids.push_back(id);
  return ids;
}

std::vector<std::string> Clients::attached() const {
  std::vector<std::string> ids;
  for (const auto& [id, client] : clients_) ids.push_back(id);
  return ids;
}

}  // namespace zane::relay
