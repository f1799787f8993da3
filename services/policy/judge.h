// Says what an order comes to: role, protected folders, offered choices. Looks
// at facts that supervisor tells, changes nothing. Station 6 of the approval's
// journey in docs/paths.md.
#pragma once

#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/policy/order.h"

namespace zane::policy {

class Judge {
 public:
  // References outlive it.
  Judge(bus::Node& node, const config::Config& config, bus::Client& supervisor);

  loop::Task<Judged> judge(const Order& order);

 private:
  loop::Task<Judged> decision(const Order& order);
  [[nodiscard]] Judged task(const Order& order) const;
  loop::Task<std::string> protected_folder_in(const Order& order);
  [[nodiscard]] std::string protected_among(const std::vector<std::string>& folders) const;

  bus::Node& node_;
  const config::Config& config_;
  bus::Client& supervisor_;
};

}  // namespace zane::policy
