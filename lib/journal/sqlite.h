// A thin RAII layer over SQLite for Zane's own files. One thread per Db. A
// failing statement throws SqliteError, which says whose fault it is: weather
// (a full disk) is waited out, a damaged file is set aside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace zane::journal {

enum class Trouble { kWeather, kDamage, kNewer, kBug };

class SqliteError : public std::runtime_error {
 public:
  // `code`: SQLite's extended result code.
  SqliteError(int code, const std::string& text) : std::runtime_error(text), code(code) {}
  [[nodiscard]] Trouble trouble() const;
  const int code;
};

// Moves a file of SQLite's and its logs aside, under a name with the time in it,
// and gives that name.
std::filesystem::path set_aside(const std::filesystem::path& file, int64_t now_ms);

// Makes a store of `file`; a damaged one is set aside first, and `damaged` told
// where it is now. Any other trouble is thrown.
template <typename Make, typename Damaged>
auto open_or_set_aside(const std::filesystem::path& file, int64_t now_ms, Make make, Damaged damaged) {
  try {
    return make();
  } catch (const SqliteError& e) {
    if (e.trouble() != Trouble::kDamage) throw;
    damaged(set_aside(file, now_ms), e.what());
    return make();
  }
}

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
  // One transaction; when it throws nothing was written.
  template <typename Write>
  void transaction(Sync sync, Write write) {
    begin(sync);
    try {
      write();
      commit();
    } catch (...) {
      roll_back();
      throw;
    }
  }

  // How many synced transactions the file had seen when it was opened.
  [[nodiscard]] int64_t synced_before() const { return synced_before_; }
  // Throws damage where the file is not whole in itself: a copy put back beside another's
  // log is not. Reads all of it.
  void check();
  // The name of the mark that the file was last kept by (mark.h); "" for none.
  [[nodiscard]] std::string marked();
  void set_marked(const std::string& name);
  // Called after each synced transaction with their number.
  void on_synced(std::function<void(int64_t count)> told) { on_synced_ = std::move(told); }

  // The file's schema in numbered steps: step i takes version i to i + 1, each in
  // a synced transaction of its own. A file of a newer version is refused, untouched.
  void migrate(std::initializer_list<const char*> steps);

 private:
  friend class Query;
  [[noreturn]] void fail(int code, const std::string& text) const;
  const std::filesystem::path file_;
  sqlite3* db_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> prepared_;
  Sync sync_ = Sync::kFull;
  int64_t synced_before_ = 0;
  // Of the transaction that is open.
  int64_t synced_ = 0;
  std::function<void(int64_t)> on_synced_;
};

}  // namespace zane::journal
