// What one measured stream was like: delays from the fake Codex's stamps to
// their arrival here, and whether anything is missing or out of order. Not for
// reading anything but the fake's floods (tests/fake_codex/turn.h).
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zane::bench {

class Latency {
 public:
  enum class Seen { kOther, kDelta, kEnd };

  // One message of Codex's, arrived at `now_ns` (steady clock).
  Seen take(std::string_view raw, int64_t now_ns) {
    constexpr std::string_view kDelta = "\"delta\":\"";
    const size_t at = raw.find(kDelta);
    if (at == std::string_view::npos)
      return !delays_ns_.empty() && raw.find("\"turn/completed\"") != std::string_view::npos ? Seen::kEnd
                                                                                             : Seen::kOther;
    int64_t number = -1;
    int64_t sent_ns = 0;
    const auto head = std::from_chars(raw.data() + at + kDelta.size(), raw.data() + raw.size(), number);
    std::from_chars(head.ptr + 1, raw.data() + raw.size(), sent_ns);
    delays_ns_.push_back(now_ns - sent_ns);
    if (number < next_)
      ++disordered_;
    else
      lost_ += number - next_;
    next_ = std::max(next_, number + 1);
    return Seen::kDelta;
  }

  // One line: {"count", "lost", "disordered", "p50Us", "p99Us", "maxUs", "last"}.
  std::string json() {
    std::sort(delays_ns_.begin(), delays_ns_.end());
    return "{\"count\":" + std::to_string(delays_ns_.size()) + ",\"lost\":" + std::to_string(lost_) +
           ",\"disordered\":" + std::to_string(disordered_) + ",\"p50Us\":" + at_share(0.5) +
           ",\"p99Us\":" + at_share(0.99) + ",\"maxUs\":" + at_share(1) +
           ",\"last\":" + std::to_string(next_ - 1) + "}";
  }

 private:
  [[nodiscard]] std::string at_share(double share) const {
    if (delays_ns_.empty()) return "0";
    const auto last = static_cast<double>(delays_ns_.size() - 1);
    return std::to_string(static_cast<double>(delays_ns_[static_cast<size_t>(share * last)]) / 1000);
  }

  std::vector<int64_t> delays_ns_;
  int64_t next_ = 0;
  int64_t lost_ = 0;
  int64_t disordered_ = 0;
};

}  // namespace zane::bench
