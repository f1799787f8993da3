// What a person can do about a store that can't be written or opened: by SQLite's
// own code, never by the words of its text.
#pragma once

#include <string>

#include "lib/journal/segment.h"
#include "lib/journal/sqlite.h"

namespace zane::journal {

// The error's text, and after it the cure.
std::string with_cure(const SqliteError& error);

// A segment's error as SQLite would name it: one table of cures for both.
SqliteError weather(const SegmentError& error);

}  // namespace zane::journal
