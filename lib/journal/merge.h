// Deltas of one item that follow each other are told as one when they are read
// again: a reader that comes late gets the text, not each of its hundred thousand
// pieces. Exact, as a page begins right after what its reader has.
#pragma once

#include <string>

#include "boost/json.hpp"
#include "zane/v1/event.pb.h"

namespace zane::journal {

// A merged delta's text is no longer: pieces that could be shown stay so.
inline constexpr size_t kMergedBytesMax = 64 * 1024;

class Merge {
 public:
  // Adds `next` to what is held; false when it does not belong to it (then take()
  // and begin() with it).
  bool add(const v1::Event& next);
  void begin(v1::Event event);
  [[nodiscard]] bool empty() const { return !held_; }
  // Bytes of what is held, about.
  [[nodiscard]] size_t bytes() const;
  // What is held: the one event as it was, or a merged one with the last one's seq.
  v1::Event take();

 private:
  bool held_ = false;
  v1::Event event_;
  int count_ = 0;
  // Of what is held, if it is a delta: everything but the text, and the text.
  boost::json::object message_;
  std::string text_;
  bool is_delta_ = false;
};

}  // namespace zane::journal
