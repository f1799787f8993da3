#include "lib/journal/facts.h"

#include <algorithm>

namespace zane::journal {
namespace {

constexpr int64_t kBelievedStepMs = int64_t{3600} * 1000;

}  // namespace

int64_t fact(Db& db, std::string_view name) {
  auto row = db.query("SELECT value FROM facts WHERE name = ?");
  row.bind(name);
  return row.step() ? row.integer(0) : 0;
}

void set_fact(Db& db, std::string_view name, int64_t value) {
  db.query("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)").bind(name).bind(value).run();
}

int64_t forgetting_time(Db& db, int64_t now_ms) {
  const int64_t before = fact(db, "believed_ms");
  const int64_t believed =
      before == 0 ? now_ms : std::max(before, std::min(now_ms, before + kBelievedStepMs));
  db.transaction(Db::Sync::kLazy, [&] { set_fact(db, "believed_ms", believed); });
  return believed;
}

}  // namespace zane::journal
