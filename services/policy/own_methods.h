// The methods that policy answers itself: attaching, pairing, devices, audit.
#pragma once

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/policy/order.h"
#include "services/policy/pairing.h"
#include "services/policy/store.h"

namespace zane::policy {

class OwnMethods {
 public:
  // References outlive it.
  OwnMethods(bus::Node& node, const config::Config& config, std::string mac, Store& store, Pairing& pairing,
             bus::Client& supervisor, const base::Clock& clock);

  // The order's role has been checked.
  loop::Task<Judged> answer(const Order& order);

 private:
  loop::Task<Judged> attach(const Order& order);
  Judged pair();
  Judged set_role(const Order& order);
  Judged audit_tail();
  boost::json::array devices();

  bus::Node& node_;
  const config::Config& config_;
  const std::string mac_;
  Store& store_;
  Pairing& pairing_;
  bus::Client& supervisor_;
  const base::Clock& clock_;
};

}  // namespace zane::policy
