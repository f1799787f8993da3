#include "lib/journal/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>

#include "lib/crypto/hash.h"
#include "lib/journal/cure.h"
#include "lib/journal/facts.h"
#include "lib/log/log.h"

namespace zane::journal {
namespace {

namespace fs = std::filesystem;

// Version 1: 0.1's, with the events in a table.
constexpr char kStep1[] = R"(
CREATE TABLE IF NOT EXISTS epochs (
  n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, boot_id TEXT NOT NULL, first_seq INTEGER NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, list_level INTEGER NOT NULL, thread TEXT NOT NULL,
  method TEXT NOT NULL, bytes INTEGER NOT NULL, event BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
)";
// Version 2: they lie in segments. take_over_table() brings those of the table there.
constexpr char kStep2[] = R"(
DROP INDEX IF EXISTS events_of_thread;
DROP INDEX IF EXISTS events_of_list;
DROP INDEX IF EXISTS turn_starts;
)";
// Version 3: what a start wants to know of sealed ones (summaries.h).
constexpr char kStep3[] = R"(
CREATE TABLE summaries (
  first_seq INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, changed INTEGER NOT NULL, crc INTEGER NOT NULL,
  summary BLOB NOT NULL
);
)";

// The segment that is written to: without it the journal has lost its end.
constexpr char kLogFrom[] = "log_from";
constexpr char kPrunedThrough[] = "pruned_through";
// A log is sealed when its events are older than this part of what is kept.
constexpr int64_t kAgeParts = 8;
// Events of the old table taken over at a time.
constexpr size_t kTakenAtOnce = 256;
// Not 0: the table is being taken over.
constexpr char kTakingOver[] = "taking_over";
constexpr int64_t kRemainsKeptMs = int64_t{30} * 24 * 3600 * 1000;

// The first seq that the name of a segment says; nothing of another file. A start asks it of
// each: paths are not taken apart for it.
std::optional<int64_t> seq_of(std::string_view name) {
  constexpr size_t kDigits = 20;
  if (name.size() != kDigits + 4 || !(name.ends_with(".log") || name.ends_with(".seg"))) return std::nullopt;
  int64_t seq = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, seq);
  if (error != std::errc() || end != name.data() + kDigits || seq < 0 ||
      seq == std::numeric_limits<int64_t>::max())
    return std::nullopt;
  return seq;
}

// What was moved aside is kept for a month.
bool is_old_remains(const fs::path& file, int64_t now_ms) {
  constexpr std::string_view kAside = ".damaged-";
  const std::string kind = file.extension();
  // The name says when; the file is as old as what is in it.
  if (kind.starts_with(kAside))
    return std::strtoll(kind.c_str() + kAside.size(), nullptr, 10) < now_ms - kRemainsKeptMs;
  if (kind != ".torn") return false;
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 && int64_t{info.st_mtime} * 1000 < now_ms - kRemainsKeptMs;
}

}  // namespace

// ---- opening ----------------------------------------------------------------------

Journal::~Journal() {
  // What it made of a piece that was forgotten meanwhile goes too.
  sealer_.finish();
  look_at_sealed();
}

Journal::Journal(const fs::path& file, const std::string& boot_id, int64_t now_ms, int64_t log_bytes)
    : db_(file), folder_(fs::path(file).replace_extension()), log_bytes_(log_bytes), now_ms_(now_ms) {
  db_.migrate({kStep1, kStep2, kStep3});
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
    throw SqliteError(14, "can't make `" + folder_.string() + "`: check the disk and who owns the folder");
  bool whole = open_segments(now_ms);
  if (!take_over_table(now_ms)) whole = false;
  if (segments_.empty()) {
    head_ = std::max(head_, fact(db_, kPrunedThrough));
    begin_log(head_ + 1);
  }
  for (size_t i = 0; i + 1 < segments_.size(); ++i)
    if (!segments_[i]->sealed()) sealer_.seal(segments_[i]->full());
  committed_ = head_ = segments_.back()->last_seq();
  for (const auto& segment : segments_)
    for (const auto& [thread, seq] : segment->summary().turn_starts()) turn_starts_[thread] = seq;

  bool same_boot = false;
  {
    auto last = db_.query("SELECT epoch, boot_id, first_seq FROM epochs ORDER BY n DESC LIMIT 1");
    if (last.step()) {
      epoch_ = last.text(0);
      epoch_first_ = last.integer(2);
      same_boot = last.text(1) == boot_id;
    }
  }
  if (!same_boot || !whole) begin_epoch(boot_id, now_ms);
}

// False when events may be missing that were told: the end of the log, or all of it.
bool Journal::open_segments(int64_t now_ms) {
  std::map<int64_t, fs::path> files;
  std::error_code listed;
  fs::directory_iterator entries(folder_, listed);
  const size_t folder_bytes = (folder_ / "").native().size();
  for (; !listed && entries != fs::directory_iterator(); entries.increment(listed)) {
    const fs::path& path = entries->path();
    const std::optional<int64_t> first_seq = seq_of(std::string_view(path.native()).substr(folder_bytes));
    std::error_code ignored;
    if (!first_seq) {
      if (path.extension() == ".new" || is_old_remains(path, now_ms)) fs::remove(path, ignored);
      continue;
    }
    fs::path& known = files[*first_seq];
    // Both: it was sealed, and killed before the log was taken away.
    if (!known.empty()) fs::remove(fs::path(path).replace_extension(".log"), ignored);
    known = known.empty() ? path : fs::path(path).replace_extension(".seg");
  }
  if (listed)
    throw weather(SegmentError(listed.value(), "can't list `" + folder_.string() + "`: " + listed.message()));
  bool whole = true;
  std::map<int64_t, Summaries::Row> known = summaries_.all();
  std::map<int64_t, Summaries::Row> read;
  const int64_t log_from = fact(db_, kLogFrom);
  if (log_from > 0 && !files.contains(log_from)) whole = false;
  for (const auto& [first_seq, path] : files) {
    std::string why;
    bool torn = false;
    try {
      const auto row = known.find(first_seq);
      std::unique_ptr<Segment> segment;
      if (row != known.end() && path.native().ends_with(".seg"))
        segment = Segment::known(path, first_seq, std::move(row->second));
      if (!segment) {
        segment = Segment::open(path, torn);
        if (segment->sealed()) read.insert_or_assign(first_seq, segment->row());
      }
      segments_.push_back(std::move(segment));
    } catch (const SegmentError& e) {
      if (e.number != 0) throw weather(e);
      why = e.what();
      const fs::path aside = path.string() + ".damaged-" + std::to_string(now_ms);
      std::error_code ignored;
      fs::rename(path, aside, ignored);
      log::error("journal_damaged",
                 {{"error", why}, {"moved_to", aside.string()}, {"cure", "Codex still has the threads"}});
    }
    if (torn && path == files.rbegin()->second) whole = false;
    // What lies before a hole can't be told: a reader would take it for whole.
    if (why.empty() && has_hole(read))
      move_aside(segments_.size() - 1, now_ms, "a piece after it is missing");
    if (!why.empty()) {
      move_aside(segments_.size(), now_ms, "the piece after it is damaged");
      head_ = std::max(head_, first_seq);
      if (path == files.rbegin()->second) whole = false;
    }
  }
  if (!read.empty() && !segments_.empty()) summaries_.keep(read, segments_.front()->first_seq());
  if (!whole) head_ = std::max(head_, log_from - 1);
  if (!segments_.empty() && segments_.back()->sealed()) {
    head_ = std::max(head_, segments_.back()->last_seq());
    begin_log(head_ + 1);
  }
  return whole;
}

// Between the last two segments. Before that is said, both files are asked themselves; `read`
// learns what was so.
bool Journal::has_hole(std::map<int64_t, Summaries::Row>& read) {
  if (segments_.size() < 2) return false;
  Segment& before = *segments_[segments_.size() - 2];
  Segment& last = *segments_.back();
  if (before.last_seq() + 1 == last.first_seq()) return false;
  try {
    for (Segment* each : {&before, &last})
      if (each->reread()) read.insert_or_assign(each->first_seq(), each->row());
  } catch (const SegmentError& e) {
    if (e.number != 0) throw weather(e);
    return true;
  }
  return before.last_seq() + 1 != last.first_seq();
}

// 0.1's events, once. Killed in between, it begins again: the table is there. False
// when events were told that are not in it.
bool Journal::take_over_table(int64_t now_ms) {
  {
    auto table = db_.query("SELECT count(*) FROM sqlite_master WHERE name = 'events'");
    table.step();
    if (table.integer(0) == 0) return true;
  }
  bool whole = true;
  bool has_events = false;
  {
    auto any = db_.query("SELECT EXISTS (SELECT 1 FROM events)");
    has_events = any.step() && any.integer(0) == 1;
  }
  if (has_events) {
    std::error_code ignored;
    // A start that was killed in the midst of this began again; else they are not of
    // this database, which is an older one that was put back.
    whole = fact(db_, kTakingOver) != 0 || segments_.empty();
    if (whole)
      for (const auto& segment : segments_) fs::remove(segment->path(), ignored);
    else
      move_aside(segments_.size(), now_ms, "an older journal.db was put in its place");
    segments_.clear();
    db_.transaction(Db::Sync::kFull, [&] { set_fact(db_, kTakingOver, 1); });
    auto rows = db_.query("SELECT seq, at_ms, event FROM events ORDER BY seq");
    Segment::Records records;
    std::deque<v1::Event> events;
    const auto write = [&] {
      if (events.empty()) return;
      try {
        segments_.back()->append(records);
      } catch (const SegmentError& e) {
        throw weather(e);
      }
      records = {};
      events.clear();
    };
    while (rows.step()) {
      v1::Event event;
      if (!event.ParseFromString(rows.text(2)) || event.seq() != rows.integer(0)) continue;
      const bool follows = !segments_.empty() && event.seq() == head_ + 1;
      if (!follows || segments_.back()->bytes() > log_bytes_) {
        write();
        // Forgotten in the middle by hand: what lies before it can't be told.
        if (!follows && !segments_.empty())
          move_aside(segments_.size(), now_ms, "a piece after it is missing");
        head_ = event.seq() - 1;
        if (!segments_.empty()) seal_now(*segments_.back());
        begin_log(head_ + 1);
      }
      head_ = event.seq();
      Segment::add_record(records, rows.integer(1), events.emplace_back(std::move(event)));
      if (events.size() >= kTakenAtOnce) write();
    }
    write();
    try {
      if (!segments_.empty()) segments_.back()->sync_all();
    } catch (const SegmentError& e) {
      throw weather(e);
    }
    log::info("journal_moved", {{"from", "a table"}, {"to", folder_.string()}, {"seq", head_}});
  }
  db_.begin(Db::Sync::kFull);
  db_.run("DROP TABLE events");
  db_.query("DELETE FROM facts WHERE name = ?").bind(kTakingOver).run();
  db_.commit();
  if (has_events) db_.run("VACUUM");
  return whole;
}

void Journal::seal_now(Segment& full) {
  try {
    full.sealed_as(Segment::seal(full.full()));
  } catch (const SegmentError& e) {
    throw weather(e);
  }
}

void Journal::begin_log(int64_t first_seq) {
  std::unique_ptr<Segment> log;
  (void)::mkdir(folder_.c_str(), 0700);
  try {
    log = Segment::begin(folder_, first_seq);
  } catch (const SegmentError& e) {
    throw weather(e);
  }
  try {
    db_.transaction(Db::Sync::kLazy, [&] { set_fact(db_, kLogFrom, first_seq); });
  } catch (...) {
    db_.roll_back();
    std::error_code ignored;
    fs::remove(log->path(), ignored);
    throw;
  }
  segments_.push_back(std::move(log));
}

void Journal::begin_epoch(const std::string& boot_id, int64_t now_ms) {
  epoch_ = crypto::fresh_id();
  epoch_first_ = head_ + 1;
  db_.begin(Db::Sync::kFull);
  db_.query("INSERT INTO epochs (epoch, boot_id, first_seq, at_ms) VALUES (?, ?, ?, ?)")
      .bind(epoch_)
      .bind(boot_id)
      .bind(epoch_first_)
      .bind(now_ms)
      .run();
  db_.commit();
}

void Journal::move_aside(size_t count, int64_t now_ms, const std::string& why) {
  for (; count > 0; --count) {
    const fs::path path = segments_.front()->path();
    const fs::path aside = path.string() + ".damaged-" + std::to_string(now_ms);
    std::error_code ignored;
    fs::rename(path, aside, ignored);
    log::error("journal_gap", {{"file", path.string()}, {"why", why}, {"moved_to", aside.string()}});
    segments_.pop_front();
  }
}

// ---- writing ----------------------------------------------------------------------

v1::Event Journal::next() const {
  v1::Event event;
  event.set_epoch(epoch_);
  event.set_seq(head_ + 1);
  event.set_prev_seq(head_);
  return event;
}

std::vector<v1::Event> Journal::commit() {
  std::vector<v1::Event> told;
  if (sealer_.has_done()) look_at_sealed();
  if (appended_.empty()) return told;
  try {
    segments_.back()->append(records_);
  } catch (const SegmentError& e) {
    trouble_ = with_cure(weather(e));
    return told;
  }
  trouble_.clear();
  now_ms_ = appended_.back().first;
  told.reserve(appended_.size());
  for (auto& [at_ms, event] : appended_) {
    if (event.method() == "turn/started") turn_starts_[event.thread()] = event.seq();
    told.push_back(std::move(event));
  }
  appended_.clear();
  records_ = {};
  uncommitted_bytes_ = 0;
  committed_ = head_;
  on_committed_(committed_);
  if (segments_.back()->bytes() > std::max(log_bytes_, rotate_at_)) rotate();
  return told;
}

// A new log; the full one is sealed. If the disk does not let it, the old one grows.
bool Journal::rotate() {
  try {
    // What is not committed yet goes into the new one.
    begin_log(committed_ + 1);
    rotate_at_ = 0;
  } catch (const SqliteError& e) {
    rotate_at_ = segments_.back()->bytes() + log_bytes_ / 8;
    log::warn("journal_log_goes_on", {{"file", segments_.back()->path().string()}, {"why", e.what()}});
    return false;
  }
  sealer_.seal(segments_[segments_.size() - 2]->full());
  return true;
}

void Journal::finish_sealing() {
  sealer_.wait_until_idle();
  look_at_sealed();
}

void Journal::look_at_sealed() {
  std::map<int64_t, Summaries::Row> sealed;
  for (const Sealer::Done& done : sealer_.take()) {
    const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                      [&](const auto& each) { return each->path() == done.log; });
    std::error_code ignored;
    if (segment == segments_.end()) {
      // Forgotten meanwhile, if it is not read already.
      if (std::none_of(segments_.begin(), segments_.end(),
                       [&](const auto& each) { return each->path() == done.file; }))
        fs::remove(done.file, ignored);
      continue;
    }
    try {
      if (!done.why.empty()) throw SegmentError(0, done.why);
      (*segment)->sealed_as(done.file);
      sealed.emplace((*segment)->first_seq(), (*segment)->row());
    } catch (const SegmentError& e) {
      // The log is as good, only longer; the next start tries again.
      log::warn("journal_not_sealed", {{"file", done.log.string()}, {"why", e.what()}});
    }
  }
  if (!sealed.empty()) summaries_.keep(sealed, segments_.front()->first_seq());
}

// ---- forgetting ---------------------------------------------------------------------

int64_t Journal::bytes() const {
  int64_t all = 0;
  for (const auto& segment : segments_) all += segment->bytes();
  return all;
}

bool Journal::prune_slice(const Retention& keep, int64_t now_ms) {
  look_at_sealed();
  if (std::error_code error; !fs::exists(segments_.back()->path(), error) && !error) {
    // Somebody deleted the file that is written to, or the folder: nothing more goes there.
    log::error("journal_gone", {{"file", segments_.back()->path().string()}, {"cost", "history until now"}});
    if (!rotate()) return false;
    move_aside(segments_.size() - 1, now_ms, "it was deleted while Zane ran");
    forget_turns();
    return true;
  }
  const bool too_much = bytes() > keep.keep_bytes;
  const Segment& oldest = *segments_.front();
  const bool is_log = segments_.size() == 1;
  const bool has_events = oldest.last_seq() >= oldest.first_seq();
  const bool too_old = has_events && oldest.summary().last_at_ms() < now_ms - keep.keep_ms;
  if (!is_log && (too_much || too_old)) {
    std::error_code ignored;
    fs::remove(oldest.path(), ignored);
    segments_.pop_front();
    forget_turns();
    return true;
  }
  const Segment& log = *segments_.back();
  const bool log_is_old =
      log.last_seq() >= log.first_seq() && log.summary().first_at_ms() < now_ms - keep.keep_ms / kAgeParts;
  return (log_is_old || (is_log && has_events && too_much)) && rotate();
}

void Journal::forget_turns() {
  std::erase_if(turn_starts_, [&](const auto& turn) { return turn.second <= pruned_through(); });
}

std::unique_ptr<Journal> open_journal(const fs::path& file, const std::string& boot_id, int64_t now_ms,
                                      int64_t log_bytes) {
  return open_or_set_aside(
      file, now_ms, [&] { return std::make_unique<Journal>(file, boot_id, now_ms, log_bytes); },
      [&](const fs::path& aside, const char* why) {
        log::error("journal_damaged", {{"file", file.string()},
                                       {"error", why},
                                       {"moved_to", aside.string()},
                                       {"cure", "a new epoch begins; Codex still has the threads"}});
      });
}

}  // namespace zane::journal
