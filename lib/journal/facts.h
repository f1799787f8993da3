// Numbers that a store keeps by name, in its table
// `facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)`.
#pragma once

#include <cstdint>

#include "lib/journal/sqlite.h"

namespace zane::journal {

// 0 when there is none of this name.
int64_t fact(Db& db, std::string_view name);
// Within a transaction of the caller's.
void set_fact(Db& db, std::string_view name, int64_t value);

// The wall clock as far as it is believed, for forgetting what is old by the time that was
// written with it: one that jumps ahead is followed by four times the time that goes by
// (`steady_ns`, base::steady_ns()) and ten minutes for each start; one that jumps back at
// once. Writes its fact in a transaction of its own.
class ForgettingClock {
 public:
  explicit ForgettingClock(Db& db) : db_(db) {}
  int64_t time_ms(int64_t now_ms, int64_t steady_ns);

 private:
  Db& db_;
  int64_t last_steady_ns_ = 0;
};

}  // namespace zane::journal
