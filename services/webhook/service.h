// webhook: owns hooks, their secrets and deliveries. Verifies, writes down,
// acknowledges, then asks policy to start the task; starts nothing itself.
// Station 1 of the webhook's path in docs/paths.md.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "lib/journal/facts.h"
#include "lib/journal/mark.h"
#include "lib/journal/weather.h"
#include "services/webhook/listener.h"
#include "services/webhook/queue.h"
#include "services/webhook/store.h"

namespace zane::webhook {

class Service {
 public:
  // All references outlive it.
  Service(bus::Node& node, const config::Config& config, const base::Clock& clock, Pauses pauses = {});
  void run();

 private:
  struct Taken {
    std::string result;  // "accepted", "duplicate", "refused", "ignored", "failed"
    std::string reason;
    std::string delivery;
    // Refused because its hook can take nothing, which is our side's fault.
    bool closed = false;
  };

  // What came of one request for a task.
  struct Came {
    enum class To {
      kResult,  // a final word
      kAway,    // policy or Codex was not there: it does not count as a try
      kTry,     // something else: a bounded number of times
    };
    To to;
    std::string result;
    Store::Began began = Store::Began::kNothing;
  };
  struct Line {
    Line(loop::Io& io, Pauses pauses) : queue(pauses), news(io) {}
    Queue queue;
    loop::Signal news;
  };

  void on_bus(const bus::Peer& peer, v1::Envelope request);
  Taken take(std::string delivery, const std::string& hook, const Headers& headers, std::string body,
             const std::string& trace);
  // Writes it down, or says why not.
  void keep(Taken& taken, const config::Hook& hook, const StoredDelivery& delivery,
            const std::string& dedupe);
  Reply take_local(const std::string& hook, const Headers& headers, std::string body);
  v1::HooksAnswer hooks(int deliveries);
  void replay(const bus::Peer& peer, const v1::Envelope& request);
  // One per hook: keeps a few of its deliveries under way.
  loop::Task<> start_tasks(std::string hook);
  loop::Task<> start_one(std::string hook, StoredDelivery delivery);
  // Writes what came of it; false while the disk takes nothing.
  bool settled(const StoredDelivery& delivery, Came came);
  loop::Task<Came> start_task(const StoredDelivery& delivery);
  loop::Task<> upkeep();
  bool written(const std::function<void()>& write);
  bool looked(const std::function<void()>& look);
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] std::string address_of(const config::Hook& hook) const;
  const config::Hook* find(const std::string& id) const;

  bus::Node& node_;
  const config::Config& config_;
  const base::Clock& clock_;
  const Pauses pauses_;
  journal::Mark mark_;
  journal::Found found_;
  std::unique_ptr<Store> store_;
  journal::ForgettingClock forgetting_;
  bus::Inbox inbox_;
  bus::Client policy_;
  std::unique_ptr<Listener> listener_;
  std::map<std::string, std::unique_ptr<Line>> lines_;  // by hook
  // Of all hooks, as `trouble()` tells it; looked up with each upkeep and change.
  int64_t set_aside_count_ = 0;
  journal::Weather weather_;
  loop::Signal trouble_came_;
  const int64_t started_ms_;
};

}  // namespace zane::webhook
