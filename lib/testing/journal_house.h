// A journal in a folder of its own, and short words for what tests say to it. For
// tests alone.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/journal/journal.h"
#include "lib/testing/temp_folder.h"

namespace zane::journal {

inline v1::JournalRead reading(const std::string& epoch, int64_t after, const std::string& thread = "",
                               int limit = 1000) {
  v1::JournalRead read;
  read.set_epoch(epoch);
  read.set_after_seq(after);
  read.set_thread(thread);
  read.set_limit(limit);
  return read;
}

inline std::vector<int64_t> seqs(const v1::JournalPage& page) {
  std::vector<int64_t> all;
  for (const auto& event : page.events()) all.push_back(event.seq());
  return all;
}

inline void append(Journal& journal, const std::string& thread, const std::string& raw,
                   Level level = Level::kThread, int64_t now_ms = 1000,
                   const std::string& method = "item/started") {
  journal.append(level, now_ms, [&](v1::Event& event) {
    event.set_thread(thread);
    event.set_method(method);
    event.set_raw(raw);
    event.set_read_ns(77);
  });
}

// Changes one byte at `at` (from the end if negative) and leaves the file's time as it was, as
// a disk does that goes bad.
inline void flip(const std::filesystem::path& file, int64_t at) {
  const auto changed = std::filesystem::last_write_time(file);
  std::fstream raw(file, std::ios::in | std::ios::out | std::ios::binary);
  const int64_t place = at < 0 ? static_cast<int64_t>(std::filesystem::file_size(file)) + at : at;
  raw.seekg(place);
  const auto was = static_cast<char>(raw.get());
  raw.seekp(place);
  raw.put(static_cast<char>(was ^ 0x40));
  raw.close();
  std::filesystem::last_write_time(file, changed);
}

class JournalHouse : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(const std::string& boot = "boot-1", int64_t now_ms = 1000) {
    return open_journal(temp_ / "journal.db", boot, now_ms, log_bytes_);
  }
  // The journal's files, in order.
  std::vector<std::filesystem::path> files(const std::string& suffix = "") {
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(temp_ / "journal"))
      if (suffix.empty() || entry.path().extension() == suffix) all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all;
  }
  // Threads a and b by turns; every third is of the list level.
  void fill(Journal& journal, int count, int64_t from_ms = 1000) {
    for (int i = 0; i < count; ++i)
      append(journal, i % 2 ? "b" : "a", "raw " + std::to_string(i), i % 3 ? Level::kThread : Level::kList,
             from_ms + i);
    journal.commit();
  }
  zane::testing::TempFolder temp_;
  int64_t log_bytes_ = kLogBytesMax;
};

}  // namespace zane::journal
