#include "services/supervisor/restored.h"

#include "lib/log/log.h"

namespace zane::supervisor {

std::unique_ptr<journal::Journal> open_journal(const std::filesystem::path& file, journal::Mark& mark,
                                               const std::string& boot_id, int64_t now_ms,
                                               bool ledger_changed, bool& older) {
  // A boot begins a new epoch, and so does a new mark.
  const auto open = [&] { return journal::open_journal(file, boot_id + "/" + mark.name(), now_ms); };
  if (ledger_changed) mark.renew();
  auto opened = open();
  older = opened->head_seq() < mark.reached();
  if (older) {
    log::error("older_copy", {{"file", file.string()},
                              {"reached_seq", mark.reached()},
                              {"cure", "a new epoch begins: readers take a snapshot"}});
    opened.reset();
    mark.renew();
    opened = open();
  }
  opened->on_committed([&mark](int64_t seq) { mark.reach(seq); });
  return opened;
}

}  // namespace zane::supervisor
