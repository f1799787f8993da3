#include "lib/journal/weather.h"

#include "lib/journal/cure.h"
#include "lib/log/log.h"

namespace zane::journal {

void Weather::begins(const std::string& what, const std::string& why) {
  const auto [trouble, fresh] = troubles_.try_emplace(what, Trouble{clock_.now_ms(), why});
  if (fresh) log::error("weather", {{"what", what}, {"why", why}});
  trouble->second.why = why;
  if (fresh && on_trouble_) on_trouble_();
}

void Weather::ends(const std::string& what) {
  if (troubles_.erase(what) > 0) log::info("weather_over", {{"what", what}});
}

bool Weather::written(const std::string& what, const std::function<void()>& write) {
  if (!read(what, write)) return false;
  ends(what);
  return true;
}

bool Weather::read(const std::string& what, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const SqliteError& e) {
    begins(what, with_cure(e));
    return false;
  }
}

std::string Weather::why(const std::string& what) const {
  const auto trouble = troubles_.find(what);
  return trouble == troubles_.end() ? "" : trouble->second.why;
}

std::string Weather::text() const {
  std::string text;
  for (const auto& [what, trouble] : troubles_) {
    if (!text.empty()) text += "; ";
    text += what + " for " + std::to_string((clock_.now_ms() - trouble.since_ms) / 1000) +
            " s: " + trouble.why + "; " + until_then_;
  }
  return text;
}

}  // namespace zane::journal
