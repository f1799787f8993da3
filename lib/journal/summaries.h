// What is kept in the database of each sealed segment, so that a start need not open
// them all. A copy: one that is not whole, or not of the file as it is, is as good as none,
// and before a file is called damaged its own end is read (segment.h).
#pragma once

#include <cstdint>
#include <map>

#include "lib/journal/sqlite.h"
#include "zane/v1/journal.pb.h"

namespace zane::journal {

class Summaries {
 public:
  explicit Summaries(Db& db) : db_(db) {}

  // Of a sealed file, its length, and when it was last written to (nanoseconds since 1970): it
  // holds for no other.
  struct Row {
    int64_t bytes = 0;
    int64_t changed = 0;
    v1::SegmentSummary summary;
  };
  // By the file's first seq. What can't be read is left out. Does not throw.
  std::map<int64_t, Row> all();

  // Keeps these too, and none from before `oldest`. Does not throw: what could not be
  // written, the next start reads from the file.
  void keep(const std::map<int64_t, Row>& rows, int64_t oldest);

 private:
  Db& db_;
};

}  // namespace zane::journal
