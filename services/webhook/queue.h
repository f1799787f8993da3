// Which delivery of one hook may be asked for now: a few at once, each with a pause
// of its own after a failure, so that a bad one holds up no other. Decides alone;
// the deliveries are the store's. On the loop.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zane::webhook {

// Of one hook, under way at once.
inline constexpr int kUnderWayMax = 4;
// What is neither started nor refused after so many tries is set aside; that
// policy or Codex was away is no try.
inline constexpr int kTriesMax = 6;
// After a failure; twice as long after each.
struct Pauses {
  std::chrono::milliseconds first{1000};
  std::chrono::milliseconds longest{60000};
};

class Queue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Queue(Pauses pauses = {}) : pauses_(pauses) {}

  // Of `waiting` (oldest first) the one whose turn it is at `now`.
  [[nodiscard]] std::optional<std::string> next(const std::vector<std::string>& waiting, Time now) const;
  // When to look again if nothing is raised before; nothing to wait for: max.
  [[nodiscard]] Time look_again(Time now) const;

  void begin(const std::string& delivery);
  // Nobody was there to take it. One at a time asks until somebody is.
  void away(const std::string& delivery, Time now);
  // It was taken and came to no end.
  void again(const std::string& delivery, Time now);
  // It has its result.
  void done(const std::string& delivery);
  // Whoever was away is back: nothing waits for its pause.
  void back();

 private:
  struct State {
    bool under_way = false;
    std::chrono::milliseconds pause{0};
    Time due{};
  };
  void pause(State& state, Time now) const;
  [[nodiscard]] int under_way() const;

  const Pauses pauses_;
  std::map<std::string, State> states_;
  // Somebody is away; the next look at it.
  bool away_ = false;
  State gate_;
};

}  // namespace zane::webhook
