// How each part is, for `zane status`: what supervisor knows itself and what the
// other services say when asked. On the loop.
#pragma once

#include "lib/bus/bus.h"
#include "lib/journal/weather.h"
#include "services/supervisor/codex.h"
#include "zane/v1/admin.pb.h"

namespace zane::supervisor {

class Status {
 public:
  // References outlive it.
  Status(bus::Node& node, const Codex& codex, const journal::Weather& weather, std::string mac,
         int64_t started_ms)
      : node_(node), codex_(codex), weather_(weather), mac_(std::move(mac)), started_ms_(started_ms) {}

  // The three clients are asked at the same time; one that is silent is "down".
  loop::Task<v1::StatusReply> tell(bus::Client& policy, bus::Client& relay, bus::Client& webhook);

  // What was set aside or is otherwise not as it should be; for people.
  void add_notice(const std::string& notice) { notices_ += (notices_.empty() ? "" : "; ") + notice; }

 private:
  loop::Task<> ask(std::string name, bus::Client& client, std::shared_ptr<v1::Part> part,
                   std::shared_ptr<int> left, loop::Signal& all);

  bus::Node& node_;
  const Codex& codex_;
  const journal::Weather& weather_;
  const std::string mac_;
  const int64_t started_ms_;
  std::string notices_;
};

}  // namespace zane::supervisor
