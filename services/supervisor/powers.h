// What a turn in a thread may do, as Codex last said it: approval policy,
// profile, folder, roots. policy asks for it before anybody below owner acts in
// the thread (design §7). Kept in the ledger, so that a thread that Codex has not
// loaded is still known, as long as nobody else has touched it since. On the loop.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "services/supervisor/ledger.h"
#include "zane/v1/event.pb.h"

namespace zane::supervisor {

class Powers {
 public:
  Powers(Ledger& ledger, const base::Clock& clock) : ledger_(ledger), clock_(clock) {}

  // The answer to `thread/start` or `thread/resume`: JSON of Codex's. Known at once, and
  // written when it can be; what follows throws SqliteError, and may be called again.
  void learn_from_answer(std::string_view result);
  // A notification: settings, goals, a thread that closes.
  void learn_from_news(std::string_view method, const std::string& thread, std::string_view raw);
  // Something in the thread happened now, which we saw.
  void seen(const std::string& thread);
  // An order changes them: until Codex says how, nobody knows.
  void unsure(const std::string& thread);
  // Writes what the disk would not take. Throws SqliteError.
  void save();
  // Another session: what is loaded has to be learned anew.
  void session_over();

  // With `loaded` set when it was learned in this session.
  [[nodiscard]] std::optional<v1::ThreadFacts> of(const std::string& thread);
  // When we last saw anything of it, 0 for never.
  [[nodiscard]] int64_t last_seen_ms(const std::string& thread);

 private:
  void keep(const v1::ThreadFacts& facts);

  Ledger& ledger_;
  const base::Clock& clock_;
  // Learned in this session.
  std::map<std::string, v1::ThreadFacts> loaded_;
  // Known, and not yet on the disk.
  std::map<std::string, v1::ThreadFacts> unsaved_;
};

// Whether an order's parameters change what later turns may do.
bool changes_powers(std::string_view params);

}  // namespace zane::supervisor
