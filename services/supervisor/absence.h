// How long the owner of a terminal has been away. A phone that loses its network
// for a while finds its shell again; one that stays away leaves no open shell
// behind, however the link fell and whoever was restarted. Pure but for the clock.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace zane::supervisor {

inline constexpr std::chrono::minutes kTerminalGrace{10};

class Absence {
 public:
  using Clock = std::chrono::steady_clock;

  void seen(const std::string& client, Clock::time_point now = Clock::now()) { last_seen_[client] = now; }

  // Of those with a terminal: who has not been seen for the grace. One that was
  // never seen counts from the first look. Time in which the machine slept, seen
  // as a look that comes far too late, is nobody's absence.
  std::vector<std::string> away(const std::set<std::string>& with_terminals,
                                Clock::time_point now = Clock::now()) {
    const bool slept = last_look_ != Clock::time_point{} && now - last_look_ > kLookLate;
    if (slept)
      for (auto& [client, seen] : last_seen_) seen += now - last_look_;
    last_look_ = now;
    std::erase_if(last_seen_, [&](const auto& entry) {
      return !with_terminals.contains(entry.first) && now - entry.second > kTerminalGrace;
    });
    std::vector<std::string> gone;
    for (const auto& client : with_terminals)
      if (now - last_seen_.try_emplace(client, now).first->second > kTerminalGrace) gone.push_back(client);
    return gone;
  }

 private:
  static constexpr std::chrono::minutes kLookLate{2};
  std::map<std::string, Clock::time_point> last_seen_;
  Clock::time_point last_look_{};
};

}  // namespace zane::supervisor
