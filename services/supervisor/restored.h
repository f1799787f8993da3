// supervisor's journal, whose epoch goes on only where nothing was put back: no
// (epoch, seq) is given out twice (design §4).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "lib/journal/journal.h"
#include "lib/journal/mark.h"

namespace zane::supervisor {

// How far journal and ledger had come.
struct Marks {
  // The marks of this home in `folder` (lib/journal/mark.h).
  Marks(const std::filesystem::path& folder, const std::filesystem::path& home)
      : journal(folder, home, "journal"), ledger(folder, home, "ledger") {}
  journal::Mark journal;
  journal::Mark ledger;
};

// Which of them are older copies than those before.
struct Restored {
  bool journal = false;
  bool ledger = false;
};

// The journal, in a new epoch when it or the ledger is behind its mark. From then on
// it keeps its own mark.
std::unique_ptr<journal::Journal> open_journal(Marks& marks, const std::filesystem::path& data,
                                               const std::string& boot_id, int64_t now_ms,
                                               Restored& restored);

}  // namespace zane::supervisor
