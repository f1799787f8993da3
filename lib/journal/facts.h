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

// The wall clock as far as it is believed, for forgetting what is old: a clock that
// jumps ahead is followed by an hour at each call and no faster, one that jumps back
// not at all. Called every few minutes; writes its fact in a transaction of its own.
int64_t forgetting_time(Db& db, int64_t now_ms);

}  // namespace zane::journal
