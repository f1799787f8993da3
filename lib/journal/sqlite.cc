#include "lib/journal/sqlite.h"

#include <sys/stat.h>

#include "sqlite3.h"

namespace zane::journal {
Query::~Query() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query::Query(Query&& other) noexcept : db_(other.db_), statement_(other.statement_), bound_(other.bound_) {
  other.statement_ = nullptr;
}

Trouble SqliteError::trouble() const {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::kDamage;
    case SQLITE_CANTOPEN:
      return code == SQLITE_CANTOPEN_ISDIR ? Trouble::kDamage : Trouble::kWeather;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Trouble::kWeather;
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
      return Trouble::kNewer;
    default:
      return Trouble::kBug;
  }
}

// The logs first: killed in between, an old log is never replayed into a new file.
std::filesystem::path set_aside(const std::filesystem::path& file, int64_t now_ms) {
  const std::string to = file.string() + ".damaged-" + std::to_string(now_ms);
  for (const char* part : {"-wal", "-shm", ""}) {
    std::error_code ignored;
    std::filesystem::rename(file.string() + part, to + part, ignored);
  }
  return to;
}

void Query::check(int code) const {
  if (code != SQLITE_OK) db_.fail(sqlite3_extended_errcode(db_.db_), sqlite3_errmsg(db_.db_));
}

Query& Query::bind(int64_t value) {
  check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Query& Query::bind(std::string_view text) {
  check(sqlite3_bind_text64(statement_, ++bound_, text.data() ? text.data() : "", text.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Query& Query::blob(std::string_view bytes) {
  check(sqlite3_bind_blob64(statement_, ++bound_, bytes.data() ? bytes.data() : "", bytes.size(),
                            SQLITE_TRANSIENT));
  return *this;
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code);
  return false;
}

int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Query::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int length = sqlite3_column_bytes(statement_, column);
  return bytes ? std::string(static_cast<const char*>(bytes), static_cast<size_t>(length)) : std::string();
}

Db::Db(const std::filesystem::path& file) : file_(file) {
  int code = sqlite3_open(file.c_str(), &db_);
  if (code != SQLITE_OK) {
    const std::string why = db_ ? sqlite3_errmsg(db_) : "out of memory";
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) code = SQLITE_CANTOPEN_ISDIR;
    sqlite3_close(db_);
    throw SqliteError(
        code, "can't open `" + file.string() + "`: " + why + ": check the disk and who owns the file");
  }
  ::chmod(file.c_str(), 0600);
  // The loop waits so long: one who asks how we are waits a second.
  sqlite3_busy_timeout(db_, 250);
  try {
    sqlite3_extended_result_codes(db_, 1);
    run("PRAGMA journal_mode=WAL");
    // Said and not believed: Apple's SQLite begins with another mode in WAL.
    run("PRAGMA synchronous=FULL");
    // macOS keeps fsync'd bytes in the drive's cache unless told otherwise.
    run("PRAGMA fullfsync=1");
    run("PRAGMA checkpoint_fullfsync=1");
    run("PRAGMA foreign_keys=1");
    bool counted = false;
    {
      auto table = query("SELECT 1 FROM sqlite_master WHERE name = 'synced'");
      counted = table.step();
    }
    if (counted) {
      auto row = query("SELECT n FROM synced");
      synced_before_ = row.step() ? row.integer(0) : 0;
    }
  } catch (...) {
    for (auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
    sqlite3_close(db_);
    throw;
  }
}

Db::~Db() {
  for (auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void Db::fail(int code, const std::string& text) const {
  throw SqliteError(code, "`" + file_.string() + "`: " + text);
}

void Db::run(const char* sql) {
  char* why = nullptr;
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, &why);
  if (code == SQLITE_OK) return;
  const std::string text = why ? why : "unknown";
  sqlite3_free(why);
  fail(code, text);
}

void Db::migrate(std::initializer_list<const char*> steps) {
  const auto known = static_cast<int64_t>(steps.size());
  int64_t version = 0;
  {
    auto row = query("PRAGMA user_version");
    row.step();
    version = row.integer(0);
  }
  if (version > known)
    fail(SQLITE_SCHEMA, "it was written by a newer Zane (its version is " + std::to_string(version) +
                            ", known is " + std::to_string(known) + "): update Zane");
  for (; version < known; ++version) {
    transaction(Sync::kFull, [&] {
      run(steps.begin()[version]);
      run(("PRAGMA user_version = " + std::to_string(version + 1)).c_str());
    });
  }
}

Query Db::query(const char* sql) {
  sqlite3_stmt*& statement = prepared_[sql];
  if (!statement) {
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail(code, std::string(sqlite3_errmsg(db_)) + " in: " + sql);
  }
  return Query(*this, statement);
}

int64_t Db::changes() const { return sqlite3_changes(db_); }

void Db::begin(Sync sync) {
  if (sync != sync_) {
    run(sync == Sync::kFull ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    sync_ = sync;
  }
  // What an error left open is taken back: the next one begins afresh.
  if (sqlite3_get_autocommit(db_) == 0) roll_back();
  query("BEGIN IMMEDIATE").run();
  if (sync != Sync::kFull) return;
  // SQLite syncs a commit that changes a page, and only that; this one always does.
  query("CREATE TABLE IF NOT EXISTS synced (n INTEGER)").run();
  query("UPDATE synced SET n = n + 1").run();
  if (changes() == 0) query("INSERT INTO synced (n) VALUES (1)").run();
  auto row = query("SELECT n FROM synced");
  synced_ = row.step() ? row.integer(0) : 0;
}

void Db::commit() {
  query("COMMIT").run();
  if (sync_ == Sync::kFull && on_synced_) on_synced_(synced_);
}

void Db::check() {
  auto row = query("PRAGMA integrity_check(1)");
  if (row.step() && row.text(0) != "ok") fail(SQLITE_CORRUPT, row.text(0));
}

std::string Db::marked() {
  {
    auto table = query("SELECT 1 FROM sqlite_master WHERE name = 'marked'");
    if (!table.step()) return "";
  }
  auto row = query("SELECT name FROM marked");
  return row.step() ? row.text(0) : "";
}

void Db::set_marked(const std::string& name) {
  transaction(Sync::kFull, [&] {
    run("CREATE TABLE IF NOT EXISTS marked (name TEXT NOT NULL)");
    run("DELETE FROM marked");
    query("INSERT INTO marked (name) VALUES (?)").bind(name).run();
  });
}

void Db::roll_back() noexcept { sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr); }

}  // namespace zane::journal
