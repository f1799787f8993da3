// Full disk, no descriptors, a file that is busy: trouble that is nobody's bug
// and passes by itself. Remembers since when, for `zane status` and the phone. On
// the owner's loop.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lib/base/clock.h"

namespace zane::journal {

class Weather {
 public:
  // `until_then` ends each sentence: what it means for people while it lasts.
  // `on_trouble`: each time that something can't be done which could before.
  Weather(const base::Clock& clock, std::string until_then, std::function<void()> on_trouble = nullptr)
      : clock_(clock), until_then_(std::move(until_then)), on_trouble_(std::move(on_trouble)) {}

  // `what` can't be done now, and why; the first since it last could.
  void begins(const std::string& what, const std::string& why);
  void ends(const std::string& what);
  // Runs `write`. A store's error begins `what`, and false comes back; success ends it.
  [[nodiscard]] bool written(const std::string& what, const std::function<void()>& write);
  // The same for what only reads: that it succeeds proves nothing of writing.
  [[nodiscard]] bool read(const std::string& what, const std::function<void()>& read);

  [[nodiscard]] bool fine() const { return troubles_.empty(); }
  // Why `what` can't be done, with its cure; "" when it can.
  [[nodiscard]] std::string why(const std::string& what) const;
  // A sentence per trouble with its age and cure; "" when all is fine.
  [[nodiscard]] std::string text() const;

 private:
  struct Trouble {
    int64_t since_ms;
    std::string why;
  };
  const base::Clock& clock_;
  const std::string until_then_;
  const std::function<void()> on_trouble_;
  std::map<std::string, Trouble> troubles_;
};

}  // namespace zane::journal
