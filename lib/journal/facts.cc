#include "lib/journal/facts.h"

#include <algorithm>

namespace zane::journal {
namespace {

constexpr int64_t kFirstStepMs = int64_t{10} * 60 * 1000;
constexpr int64_t kFollowed = 4;

}  // namespace

int64_t fact(Db& db, std::string_view name) {
  auto row = db.query("SELECT value FROM facts WHERE name = ?");
  row.bind(name);
  return row.step() ? row.integer(0) : 0;
}

void set_fact(Db& db, std::string_view name, int64_t value) {
  db.query("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)").bind(name).bind(value).run();
}

int64_t ForgettingClock::time_ms(int64_t now_ms, int64_t steady_ns) {
  const int64_t went_by_ms = last_steady_ns_ == 0 ? 0 : (steady_ns - last_steady_ns_) / 1'000'000;
  const int64_t step = last_steady_ns_ == 0 ? kFirstStepMs : kFollowed * went_by_ms;
  const int64_t before = fact(db_, "believed_ms");
  const int64_t believed = before == 0 ? now_ms : std::max(before, std::min(now_ms, before + step));
  db_.transaction(Db::Sync::kLazy, [&] { set_fact(db_, "believed_ms", believed); });
  last_steady_ns_ = steady_ns;
  // What is written now is written with the time that it is now.
  return std::min(believed, now_ms);
}

}  // namespace zane::journal
