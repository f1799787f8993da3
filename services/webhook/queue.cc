#include "services/webhook/queue.h"

#include <algorithm>

namespace zane::webhook {

int Queue::under_way() const {
  return static_cast<int>(std::count_if(states_.begin(), states_.end(),
                                        [](const auto& entry) { return entry.second.under_way; }));
}

std::optional<std::string> Queue::next(const std::vector<std::string>& waiting, Time now) const {
  if (under_way() >= (away_ ? 1 : kUnderWayMax)) return std::nullopt;
  if (away_ && gate_.due > now) return std::nullopt;
  // Whoever has waited longest since its last turn; of new ones the oldest.
  std::optional<std::string> found;
  Time turn = Time::max();
  for (const auto& delivery : waiting) {
    const auto state = states_.find(delivery);
    const Time due = state == states_.end() ? Time{} : state->second.due;
    if (due > now || due >= turn || (state != states_.end() && state->second.under_way)) continue;
    found = delivery;
    turn = due;
  }
  return found;
}

Queue::Time Queue::look_again(Time now) const {
  Time first = Time::max();
  for (const auto& [delivery, state] : states_)
    if (!state.under_way && state.due > now) first = std::min(first, state.due);
  if (away_ && gate_.due > now) first = std::min(first, gate_.due);
  return first;
}

void Queue::begin(const std::string& delivery) { states_[delivery].under_way = true; }

void Queue::pause(State& state, Time now) const {
  state.under_way = false;
  state.pause = std::clamp(state.pause * 2, pauses_.first, pauses_.longest);
  state.due = now + state.pause;
}

void Queue::away(const std::string& delivery, Time now) {
  pause(states_[delivery], now);
  // Those that were under way together say the same thing once.
  if (!away_ || gate_.due <= now) pause(gate_, now);
  away_ = true;
}

void Queue::again(const std::string& delivery, Time now) {
  pause(states_[delivery], now);
  away_ = false;
  gate_ = {};
}

void Queue::done(const std::string& delivery) {
  states_.erase(delivery);
  away_ = false;
  gate_ = {};
}

void Queue::back() {
  away_ = false;
  gate_ = {};
  for (auto& [delivery, state] : states_) state.due = {};
}

}  // namespace zane::webhook
