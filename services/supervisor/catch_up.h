// What Codex did while nobody listened: a turn with a hole is told as one, then
// fetched (turns and items, over the bulk connection) and journaled as what it
// is, in Codex's own shapes with the kind "recovered". No reader shows a turn
// with a hole as whole (docs/link.md, "What was missed"). On the loop.
#pragma once

#include <map>
#include <set>
#include <string>

#include "services/supervisor/bulk.h"
#include "services/supervisor/follow.h"
#include "services/supervisor/outward.h"

namespace zane::supervisor {

// Turns of one thread that are looked at after an absence; older ones are history,
// which readers take from Codex.
inline constexpr int kTurnsLookedAt = 8;
// A thread of which the journal has nothing is looked at if it was touched this
// lately: it began while nobody listened. Older ones are history.
inline constexpr int64_t kBegunLatelyMs = int64_t{10} * 60 * 1000;
// Items of one turn that are fetched; a longer turn stays told as one with a hole.
inline constexpr size_t kItemsRecoveredMax = 2000;

class CatchUp {
 public:
  // References outlive it.
  CatchUp(loop::Io& io, journal::Journal& journal, Bulk& bulk, Outward& outward, const base::Clock& clock)
      : io_(io), journal_(journal), bulk_(bulk), outward_(outward), clock_(clock) {}

  // A thread was resumed in this session: tells the hole at once if there may be
  // one, then fetches what is missing.
  void resumed(std::shared_ptr<const Session> session, const Follow::Resumed& thread);
  // A message of a turn was too long to be kept, or could not be read.
  void missed(const CodexMessage& message, size_t bytes_at_least);
  // Codex's news, as they come: what is seen needs no fetching.
  void saw(std::shared_ptr<const Session> session, const CodexMessage& message);

 private:
  // What the journal holds of a thread's latest turn.
  struct Held {
    std::string turn;
    bool ended = false;
    std::set<std::string> completed;  // items
  };
  loop::Task<Held> held_of(std::string thread);
  loop::Task<> fetch(std::shared_ptr<const Session> session, std::string thread, Held held);
  loop::Task<bool> fetch_items(std::shared_ptr<const Session> session, std::string thread, std::string turn,
                               std::set<std::string> completed, boost::json::array& order);
  loop::Task<> look(std::shared_ptr<const Session> session, Follow::Resumed thread);
  void tell_hole(const std::string& thread, const std::string& turn, const std::string& why);
  void tell_whole(const std::string& thread, const std::string& turn, boost::json::array order);

  loop::Io& io_;
  journal::Journal& journal_;
  Bulk& bulk_;
  Outward& outward_;
  const base::Clock& clock_;
  // Turns with a hole that still run: made whole at their end. thread → turn.
  std::map<std::string, std::string> running_;
  // Seen live in threads that are being looked at.
  std::map<std::string, Held> live_;
};

}  // namespace zane::supervisor
