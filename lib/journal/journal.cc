#include "lib/journal/journal.h"

#include "lib/crypto/hash.h"
#include "lib/journal/cure.h"
#include "lib/log/log.h"

namespace zane::journal {
namespace {

constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS epochs (
  n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, boot_id TEXT NOT NULL, first_seq INTEGER NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, list_level INTEGER NOT NULL, thread TEXT NOT NULL,
  method TEXT NOT NULL, bytes INTEGER NOT NULL, event BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_thread ON events (thread, seq);
CREATE INDEX IF NOT EXISTS events_of_list ON events (seq) WHERE list_level = 1;
CREATE INDEX IF NOT EXISTS turn_starts ON events (thread, seq) WHERE method = 'turn/started';
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
)";

constexpr char kThreadPage[] =
    "SELECT seq, event FROM events WHERE thread = ? AND seq > ? ORDER BY seq LIMIT ?";
constexpr char kListPage[] =
    "SELECT seq, event FROM events INDEXED BY events_of_list WHERE list_level = 1 AND seq > ? ORDER BY seq "
    "LIMIT ?";

}  // namespace

void leave_out_if_long(v1::Event& event) {
  const size_t bytes = event.raw().size() + event.request().size() + event.shown().size();
  if (bytes <= kToldBytesMax) return;
  // The statement says that there is something to refuse; it is never left out.
  if (event.kind() != "approval") event.clear_raw();
  event.clear_request();
  event.clear_shown();
  event.set_left_out_bytes(static_cast<int64_t>(bytes));
}

Journal::Journal(const std::filesystem::path& file, const std::string& boot_id, int64_t now_ms)
    : db_(file), checkpointer_(db_, file) {
  db_.migrate({kSchema});
  if (used_bytes() <= kCheckedBytesMax) {
    auto check = db_.query("PRAGMA quick_check(1)");
    if (!check.step() || check.text(0) != "ok") throw SqliteError(11, "the journal is damaged");
  }
  {
    auto head = db_.query("SELECT max(seq) FROM events");
    head.step();
    head_ = head.integer(0);
  }
  {
    auto pruned = db_.query("SELECT value FROM facts WHERE name = 'pruned_through'");
    if (pruned.step()) pruned_through_ = pruned.integer(0);
    head_ = std::max(head_, pruned_through_);
    committed_ = head_;
  }
  bool same_boot = false;
  {
    auto last = db_.query("SELECT epoch, boot_id, first_seq FROM epochs ORDER BY n DESC LIMIT 1");
    if (last.step()) {
      epoch_ = last.text(0);
      epoch_first_ = last.integer(2);
      same_boot = last.text(1) == boot_id;
    }
  }
  if (!same_boot) begin_epoch(boot_id, now_ms);
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

v1::Event Journal::next() const {
  v1::Event event;
  event.set_epoch(epoch_);
  event.set_seq(head_ + 1);
  event.set_prev_seq(head_);
  return event;
}

void Journal::insert(int64_t now_ms, const v1::Event& event) {
  v1::Event kept = event;
  kept.clear_read_ns();
  const std::string bytes = kept.SerializeAsString();
  db_.query(
         "INSERT INTO events (seq, at_ms, list_level, thread, method, bytes, event) VALUES (?, ?, ?, ?, ?, "
         "?, ?)")
      .bind(event.seq())
      .bind(now_ms)
      .bind(int64_t{event.list_level()})
      .bind(event.thread())
      .bind(event.method())
      .bind(static_cast<int64_t>(bytes.size()))
      .blob(bytes)
      .run();
}

std::vector<v1::Event> Journal::commit() {
  std::vector<v1::Event> told;
  if (appended_.empty()) return told;
  try {
    db_.begin(Db::Sync::kLazy);
    for (const auto& [at_ms, event] : appended_) insert(at_ms, event);
    db_.commit();
  } catch (const SqliteError& e) {
    db_.roll_back();
    if (e.trouble() != Trouble::kWeather) throw;
    trouble_ = with_cure(e);
    return told;
  }
  trouble_.clear();
  told.reserve(appended_.size());
  for (auto& [at_ms, event] : appended_) told.push_back(std::move(event));
  appended_.clear();
  uncommitted_bytes_ = 0;
  committed_ = head_;
  on_committed_(committed_);
  return told;
}

v1::JournalPage Journal::read(const v1::JournalRead& request) {
  v1::JournalPage page;
  page.set_epoch(epoch_);
  page.set_head_seq(committed_);
  page.set_pruned_through(pruned_through_);
  page.set_through_seq(request.after_seq());
  const bool other_epoch = !request.epoch().empty() && request.epoch() != epoch_;
  if (other_epoch || request.after_seq() > committed_ ||
      (!request.epoch().empty() && request.after_seq() + 1 < epoch_first_))
    page.set_gap("new epoch");
  else if (request.after_seq() < pruned_through_)
    page.set_gap("pruned");
  if (!page.gap().empty()) return page;

  const int limit = std::clamp(request.limit(), 1, kPageEventsMax);
  auto rows =
      request.thread().empty()
          ? std::move(db_.query(kListPage).bind(request.after_seq()).bind(int64_t{limit}))
          : std::move(
                db_.query(kThreadPage).bind(request.thread()).bind(request.after_seq()).bind(int64_t{limit}));
  int64_t bytes = 0;
  bool whole = true;
  while (rows.step()) {
    const std::string event = rows.text(1);
    bytes += static_cast<int64_t>(event.size());
    if (bytes > kPageBytesMax && page.events_size() > 0) {
      whole = false;
      break;
    }
    page.add_events()->ParseFromString(event);
    leave_out_if_long(*page.mutable_events(page.events_size() - 1));
    page.set_through_seq(rows.integer(0));
  }
  if (whole && page.events_size() < limit) page.set_through_seq(committed_);
  return page;
}

int64_t Journal::stream_start(const std::string& thread) {
  if (thread.empty()) return committed_;
  // A place of an earlier epoch is no place of this one: what it told comes from Codex.
  const int64_t horizon = std::max(pruned_through_, epoch_first_ - 1);
  auto row = db_.query("SELECT max(seq) FROM events WHERE thread = ? AND method = 'turn/started'");
  row.bind(thread);
  if (row.step() && row.integer(0) > 0) return std::max(row.integer(0) - 1, horizon);
  // No turn yet: everything there is of it (its start, an early approval).
  return horizon;
}

std::optional<v1::Event> Journal::latest(const std::string& thread, const std::string& item,
                                         std::initializer_list<std::string_view> methods) {
  auto rows = db_.query("SELECT method, event FROM events WHERE thread = ? ORDER BY seq DESC LIMIT 2000");
  rows.bind(thread);
  while (rows.step()) {
    const std::string method = rows.text(0);
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) continue;
    v1::Event event;
    event.ParseFromString(rows.text(1));
    if (event.item() == item) return event;
  }
  return std::nullopt;
}

std::vector<v1::Event> Journal::tail(const std::string& thread, int count) {
  std::vector<v1::Event> events;
  auto rows = db_.query(
      "SELECT event FROM (SELECT seq, event FROM events WHERE ?1 = '' OR thread = ?1 ORDER BY seq DESC LIMIT "
      "?2) "
      "ORDER BY seq");
  rows.bind(thread).bind(int64_t{count});
  while (rows.step()) events.emplace_back().ParseFromString(rows.text(0));
  return events;
}

int64_t Journal::used_bytes() {
  const auto pragma = [&](const char* sql) {
    auto row = db_.query(sql);
    return row.step() ? row.integer(0) : 0;
  };
  return (pragma("PRAGMA page_count") - pragma("PRAGMA freelist_count")) * pragma("PRAGMA page_size");
}

// Walks from the oldest end, never over the whole file.
bool Journal::prune_slice(const Retention& keep, int64_t now_ms) {
  int64_t too_much = used_bytes() - keep.keep_bytes;
  int64_t through = pruned_through_;
  {
    auto oldest = db_.query("SELECT seq, at_ms, bytes FROM events ORDER BY seq LIMIT ?");
    oldest.bind(kPruneEvents);
    while (oldest.step() && (too_much > 0 || oldest.integer(1) < now_ms - keep.keep_ms)) {
      through = oldest.integer(0);
      too_much -= oldest.integer(2);
    }
  }
  if (through <= pruned_through_) {
    db_.run("PRAGMA incremental_vacuum(256)");
    return false;
  }
  db_.begin(Db::Sync::kLazy);
  db_.query("DELETE FROM events WHERE seq <= ?").bind(through).run();
  db_.query(
         "INSERT INTO facts (name, value) VALUES ('pruned_through', ?) ON CONFLICT (name) DO UPDATE SET "
         "value = excluded.value")
      .bind(through)
      .run();
  db_.commit();
  db_.run("PRAGMA incremental_vacuum(512)");
  pruned_through_ = through;
  return true;
}

std::unique_ptr<Journal> open_journal(const std::filesystem::path& file, const std::string& boot_id,
                                      int64_t now_ms) {
  return open_or_set_aside(
      file, now_ms, [&] { return std::make_unique<Journal>(file, boot_id, now_ms); },
      [&](const std::filesystem::path& aside, const char* why) {
        log::error("journal_damaged", {{"file", file.string()},
                                       {"error", why},
                                       {"moved_to", aside.string()},
                                       {"cure", "a new epoch begins; Codex still has the threads"}});
      });
}

}  // namespace zane::journal
