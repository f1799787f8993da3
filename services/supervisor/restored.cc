#include "services/supervisor/restored.h"

#include "lib/journal/sqlite.h"
#include "lib/log/log.h"

namespace zane::supervisor {

std::unique_ptr<journal::Journal> open_journal(Marks& marks, const std::filesystem::path& data,
                                               const std::string& boot_id, int64_t now_ms,
                                               Restored& restored) {
  const auto file = data / "journal.db";
  // A boot begins a new epoch, and so does a new mark.
  const auto open = [&] { return journal::open_journal(file, boot_id + "/" + marks.journal.name(), now_ms); };
  restored.ledger = journal::Db::synced_in(data / "ledger.db") < marks.ledger.reached();
  auto opened = restored.ledger ? nullptr : open();
  restored.journal = opened && opened->head_seq() < marks.journal.reached();
  if (restored.ledger || restored.journal) {
    log::error("older_copy", {{"of", restored.ledger ? "ledger.db" : "journal.db"},
                              {"reached_seq", marks.journal.reached()},
                              {"cure", "a new epoch begins: readers take a snapshot"}});
    opened.reset();
    marks.journal.renew();
    marks.ledger.renew();
    opened = open();
  }
  opened->on_committed([&marks](int64_t seq) { marks.journal.reach(seq); });
  return opened;
}

}  // namespace zane::supervisor
