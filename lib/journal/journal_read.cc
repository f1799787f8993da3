#include <algorithm>
#include <deque>

#include "lib/journal/cure.h"
#include "lib/journal/journal.h"
#include "lib/journal/merge.h"
#include "lib/log/log.h"

namespace zane::journal {
namespace {

bool holds(const v1::SegmentBlock& block, const std::string& thread, uint32_t hash) {
  if (thread.empty()) return block.has_list_level();
  return std::find(block.threads().begin(), block.threads().end(), hash) != block.threads().end();
}

// Looking into one more file, in bytes looked through.
constexpr int64_t kFileBytes = 8 * 1024;

bool matches(const v1::Event& event, const std::string& thread) {
  return thread.empty() ? event.list_level() : event.thread() == thread;
}

}  // namespace

size_t told_bytes(const v1::Event& event) {
  return event.raw().size() + event.request().size() + event.shown().size();
}

void leave_out_if_long(v1::Event& event) {
  const size_t bytes = told_bytes(event);
  if (bytes <= kToldBytesMax) return;
  // The statement says that there is something to refuse; it is never left out.
  if (event.kind() != "approval") event.clear_raw();
  event.clear_request();
  event.clear_shown();
  event.set_left_out_bytes(static_cast<int64_t>(bytes));
}

v1::JournalPage Journal::read(const v1::JournalRead& request) {
  v1::JournalPage page;
  const auto gap = [&](const char* why) {
    page.Clear();
    page.set_epoch(epoch_);
    page.set_head_seq(committed_);
    page.set_pruned_through(pruned_through());
    page.set_through_seq(request.after_seq());
    page.set_gap(why);
    return page;
  };
  gap("");
  const bool other_epoch = !request.epoch().empty() && request.epoch() != epoch_;
  if (other_epoch || request.after_seq() > committed_ ||
      (!request.epoch().empty() && request.after_seq() + 1 < epoch_first_))
    return gap("new epoch");
  if (request.after_seq() < pruned_through()) return gap("pruned");

  const int limit = std::clamp(request.limit(), 1, kPageEventsMax);
  const uint32_t hash = hash_of(request.thread());
  int64_t through = request.after_seq();
  int64_t looked = 0;
  int64_t bytes = 0;
  bool full = false;
  // One block is read, however long.
  bool read_any = false;
  Merge merge;
  const auto give_held = [&] {
    if (!merge.empty()) *page.add_events() = merge.take();
  };
  // False: it does not fit this page.
  const auto take = [&](v1::Event event) {
    if (matches(event, request.thread()) && !merge.add(event)) {
      const int64_t more = static_cast<int64_t>(told_bytes(event));
      const int events = page.events_size() + (merge.empty() ? 0 : 1);
      bytes += static_cast<int64_t>(merge.bytes());
      if (events > 0 && (events >= limit || bytes + more > kPageBytesMax)) return false;
      give_held();
      leave_out_if_long(event);
      through = event.seq();
      merge.begin(std::move(event));
    }
    through = std::max(through, event.seq());
    return true;
  };
  auto segment = std::upper_bound(segments_.begin(), segments_.end(), through + 1,
                                  [](int64_t seq, const auto& each) { return seq < each->first_seq(); });
  if (segment != segments_.begin()) --segment;
  try {
    for (; segment != segments_.end() && !full; ++segment) {
      if (!(*segment)->may_hold(request.thread(), hash)) {
        through = std::max(through, (*segment)->last_seq());
        continue;
      }
      const int64_t cost = kFileBytes + (*segment)->summary().index_bytes();
      if (looked > 0 && looked + cost > kLookedBytesMax) {
        full = true;
        break;
      }
      looked += cost;
      const Segment::Index index = (*segment)->index();
      const auto& blocks = index->blocks();
      auto block = std::upper_bound(blocks.begin(), blocks.end(), through,
                                    [](int64_t seq, const auto& each) { return seq < each.last_seq(); });
      for (; block != blocks.end() && !full; ++block) {
        if (!holds(*block, request.thread(), hash)) {
          through = block->last_seq();
        } else if (block->has_told()) {
          full = !take(block->told());
        } else if (read_any && looked + block->raw_bytes() > kLookedBytesMax) {
          full = true;
        } else {
          looked += block->raw_bytes();
          read_any = true;
          (*segment)->read(*block, [&](int64_t, v1::Event event) {
            if (event.seq() <= through) return true;
            full = !take(std::move(event));
            return !full;
          });
        }
      }
    }
  } catch (const SegmentError& e) {
    if (e.number != 0) throw weather(e);
    // It costs history up to there, and says so to who reads.
    log::error("journal_damaged", {{"error", e.what()}});
    if (std::next(segment) == segments_.end() && !rotate()) throw SqliteError(10, e.what());
    move_aside(static_cast<size_t>(std::distance(
                   segments_.begin(),
                   std::upper_bound(segments_.begin(), segments_.end(), through + 1,
                                    [](int64_t seq, const auto& each) { return seq < each->first_seq(); }))),
               now_ms_, e.what());
    forget_turns();
    return gap("pruned");
  }
  give_held();
  page.set_through_seq(full ? through : committed_);
  return page;
}

int64_t Journal::stream_start(const std::string& thread) const {
  if (thread.empty()) return committed_;
  // A place of an earlier epoch is no place of this one: what it told comes from Codex.
  const int64_t horizon = std::max(pruned_through(), epoch_first_ - 1);
  const auto turn = turn_starts_.find(thread);
  // No turn yet: everything there is of it (its start, an early approval).
  return turn == turn_starts_.end() ? horizon : std::max(turn->second - 1, horizon);
}

namespace {

// Walks back over the blocks that hold events of `thread` until `take` has enough.
void walk_back(const std::deque<std::unique_ptr<Segment>>& segments, const std::string& thread,
               const std::function<bool(std::vector<v1::Event>)>& take) try {
  const uint32_t hash = hash_of(thread);
  int64_t left = kBackBytesMax;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (!thread.empty() && !(*segment)->may_hold(thread, hash)) continue;
    left -= kFileBytes + (*segment)->summary().index_bytes();
    const Segment::Index index = (*segment)->index();
    const auto& blocks = index->blocks();
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      if (!thread.empty() && !holds(*block, thread, hash)) continue;
      std::vector<v1::Event> events;
      (*segment)->read(*block, [&](int64_t, v1::Event event) {
        if (thread.empty() || event.thread() == thread) events.push_back(std::move(event));
        return true;
      });
      left -= block->raw_bytes();
      if (!take(std::move(events)) || left <= 0) return;
    }
  }
} catch (const SegmentError& e) {
  log::error("journal_damaged", {{"error", e.what()}});
}

}  // namespace

std::optional<v1::Event> Journal::latest(const std::string& thread, const std::string& item,
                                         std::initializer_list<std::string_view> methods) {
  const auto is_it = [&](const v1::Event& event) {
    return event.thread() == thread && event.item() == item &&
           std::find(methods.begin(), methods.end(), event.method()) != methods.end();
  };
  for (auto each = appended_.rbegin(); each != appended_.rend(); ++each)
    if (is_it(each->second)) return each->second;
  std::optional<v1::Event> found;
  walk_back(segments_, thread, [&](std::vector<v1::Event> events) {
    const auto last = std::find_if(events.rbegin(), events.rend(), is_it);
    if (last != events.rend()) found = std::move(*last);
    return !found;
  });
  return found;
}

std::vector<v1::Event> Journal::tail(const std::string& thread, int count) {
  std::deque<v1::Event> last;
  walk_back(segments_, thread, [&](std::vector<v1::Event> events) {
    for (auto event = events.rbegin(); event != events.rend() && std::ssize(last) < count; ++event)
      last.push_front(std::move(*event));
    return std::ssize(last) < count;
  });
  return {std::make_move_iterator(last.begin()), std::make_move_iterator(last.end())};
}

}  // namespace zane::journal
