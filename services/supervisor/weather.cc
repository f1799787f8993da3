#include "services/supervisor/weather.h"

#include "lib/log/log.h"

namespace zane::supervisor {

void Weather::begins(const std::string& what, const std::string& why) {
  const bool fresh = troubles_.try_emplace(what, Trouble{clock_.now_ms(), why}).second;
  if (fresh) log::error("weather", {{"what", what}, {"why", why}});
}

void Weather::ends(const std::string& what) {
  if (troubles_.erase(what) > 0) log::info("weather_over", {{"what", what}});
}

std::string Weather::text() const {
  std::string text;
  for (const auto& [what, trouble] : troubles_) {
    if (!text.empty()) text += "; ";
    text += what + " for " + std::to_string((clock_.now_ms() - trouble.since_ms) / 1000) +
            " s: " + trouble.why + "; nothing is lost, and it goes on by itself";
  }
  return text;
}

}  // namespace zane::supervisor
