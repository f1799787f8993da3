// Says what an order comes to: role, protected folders, offered choices. Looks
// at facts that supervisor tells, changes nothing. Station 6 of the approval's
// journey in docs/paths.md.
#pragma once

#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "services/policy/folders.h"
#include "services/policy/order.h"

namespace zane::policy {

class Judge {
 public:
  // References outlive it.
  Judge(bus::Node& node, const config::Config& config, bus::Client& supervisor);

  // `order.params` come out as they were judged (a folder resolved), and the effect
  // names the folders by what they were: what is handed on is what was looked at.
  loop::Task<Judged> judge(Order& order);

 private:
  loop::Task<Judged> judge_by(Order& order, Looked& looked);
  loop::Task<Judged> decision(const Order& order, Looked& looked);
  [[nodiscard]] Judged task(const Order& order, Looked& looked) const;
  // Nothing when all is well; else the refusal. A check that could not be made is one.
  loop::Task<std::optional<Judged>> thread_forbids(const Order& order, Looked& looked);
  loop::Task<std::optional<Judged>> folders_forbid(const Order& order, std::vector<std::string> folders,
                                                   Looked& looked);
  loop::Task<absl::StatusOr<std::vector<std::string>>> kept_folders(const Order& order);

  bus::Node& node_;
  const config::Config& config_;
  bus::Client& supervisor_;
};

}  // namespace zane::policy
