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

// The journal, in a new epoch when it is behind its mark (`older` says so) or the ledger
// was not what it had been: `ledger_changed`. From then on it keeps its mark, which
// outlives it.
std::unique_ptr<journal::Journal> open_journal(const std::filesystem::path& file, journal::Mark& mark,
                                               const std::string& boot_id, int64_t now_ms,
                                               bool ledger_changed, bool& older);

}  // namespace zane::supervisor
