// webhook: owns hooks, their secrets and deliveries. Verifies, writes down,
// acknowledges, then asks policy to start the task; starts nothing itself.
// Station 1 of the webhook's path in docs/paths.md.
#pragma once

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/webhook/listener.h"
#include "services/webhook/store.h"

namespace zane::webhook {

class Service {
 public:
  // All references outlive it.
  Service(bus::Node& node, const config::Config& config, const base::Clock& clock);
  void run();

 private:
  struct Taken {
    std::string result;  // "accepted", "duplicate", "refused", "ignored"
    std::string reason;
    std::string delivery;
  };

  void on_bus(const bus::Peer& peer, v1::Envelope request);
  Taken take(std::string delivery, const std::string& hook, const Headers& headers, std::string body,
             const std::string& trace);
  Reply take_local(const std::string& hook, const Headers& headers, std::string body);
  loop::Task<> start_tasks();
  loop::Task<std::string> start_task(const StoredDelivery& delivery);
  const config::Hook* find(const std::string& id) const;

  bus::Node& node_;
  const config::Config& config_;
  const base::Clock& clock_;
  Store store_;
  bus::Inbox inbox_;
  bus::Client policy_;
  std::unique_ptr<Listener> listener_;
  loop::Signal waiting_;
  const int64_t started_ms_;
};

}  // namespace zane::webhook
