// A thin RAII layer over SQLite for Zane's own files. One thread per Db. A
// failing statement throws SqliteError: on a disk that can't be written the
// service ends with the cause in its log, and launchd tries again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace zane::journal {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& text) : std::runtime_error(text), code(code) {}
  const int code;
};

class Db;

// One run of a prepared statement: bind in order, then step.
class Query {
 public:
  ~Query();
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(int64_t value);
  Query& bind(std::string_view text);
  // Bytes, kept as a BLOB.
  Query& blob(std::string_view bytes);

  // True while there is a row.
  bool step();
  // For statements without rows.
  void run() { step(); }

  [[nodiscard]] int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  friend class Db;
  Query(Db& db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  void check(int code) const;
  Db& db_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Db {
 public:
  // Opens or makes the file (0600), WAL, busy timeout 2 s.
  explicit Db(const std::filesystem::path& file);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  void run(const char* sql);
  // `sql` must be a literal: prepared once, kept for the next time.
  Query query(const char* sql);
  [[nodiscard]] int64_t changes() const;

  // Writes of this transaction reach the disk before commit() returns.
  enum class Sync { kLazy, kFull };
  void begin(Sync sync);
  void commit();
  void roll_back() noexcept;

  // Called after each commit with the length of the write-ahead log, in pages,
  // instead of SQLite's own checkpoints; null brings those back.
  void on_log_grown(std::function<void(int pages)> told);
  // Moves what can be moved without waiting for anyone.
  void checkpoint();

 private:
  friend class Query;
  sqlite3* db_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> prepared_;
  Sync sync_ = Sync::kFull;
  std::function<void(int)> log_grown_;
};

}  // namespace zane::journal
