// Full disk, no descriptors, a file that is busy: trouble that is nobody's bug
// and passes by itself. Remembers since when, for `zane status` and the phone.
#pragma once

#include <map>
#include <string>

#include "lib/base/clock.h"

namespace zane::supervisor {

class Weather {
 public:
  explicit Weather(const base::Clock& clock) : clock_(clock) {}

  // `what` can't be done now, and why; the first since it last could.
  void begins(const std::string& what, const std::string& why);
  void ends(const std::string& what);

  [[nodiscard]] bool fine() const { return troubles_.empty(); }
  // A sentence per trouble with its age and cure; "" when all is fine.
  [[nodiscard]] std::string text() const;

 private:
  struct Trouble {
    int64_t since_ms;
    std::string why;
  };
  const base::Clock& clock_;
  std::map<std::string, Trouble> troubles_;
};

}  // namespace zane::supervisor
