// The phones' pages on this link and their streams: relay's memory of who is
// there. Gone with the link, and rebuilt by the pages when it is back.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/relay/stream.h"

namespace zane::relay {

inline constexpr size_t kClientsMax = 64;
inline constexpr size_t kStreamsPerClientMax = 16;

struct Client {
  // Set by policy's word on a good `zane/attach`; empty until then.
  std::string device;
  std::map<std::string, std::shared_ptr<Stream>> streams;
};

class Clients {
 public:
  // Null when there are too many.
  Client* attach(const std::string& id, const std::string& device);
  Client* find(const std::string& id);
  void remove(const std::string& id);
  void clear() { clients_.clear(); }

  [[nodiscard]] std::vector<std::string> of_device(const std::string& device) const;
  [[nodiscard]] std::vector<std::string> attached() const;
  std::map<std::string, Client>& all() { return clients_; }

 private:
  std::map<std::string, Client> clients_;
};

}  // namespace zane::relay
