// How far a store had come, kept outside $ZANE_HOME and its backups: so that an older
// copy of it, put back since, is known for one (design §4). Lost, it is begun anew, and
// nothing is known of a copy. On the loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lib/journal/sqlite.h"
#include "lib/log/log.h"

namespace zane::journal {

class Mark {
 public:
  // The mark of the store `of` of one home: by its path, and by a key that is made with
  // it, so that another home in its place is another. In `folder`; "" or one that can't be
  // written to means that nothing is remembered: each start is then taken for the first.
  struct House {
    std::filesystem::path root;
    std::string key;
  };
  Mark(const std::filesystem::path& folder, const House& house, std::string_view of);
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  // Random; another one after each loss and each renewal.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int64_t reached() const { return reached_; }
  // There was none before: nothing is known of a copy. It is written with reach().
  [[nodiscard]] bool is_new() const { return is_new_; }

  // Once it is so in the store, and before anybody is told. Never goes back but by renew().
  void reach(int64_t reached);
  // What was reached counts no more: a new name, written with reach().
  void renew();

 private:
  void open();
  bool read();
  void write();
  const std::filesystem::path file_;
  int fd_ = -1;
  std::string name_;
  int64_t reached_ = 0;
  bool is_new_ = false;
};

// What a store was found to be, measured by its mark.
struct Found {
  enum class As { kItWas, kDamaged, kGone, kOlder };
  As as = As::kItWas;
  // "`policy.db` is gone" and the like; "" for kItWas.
  std::string text;
};

// Opens a store that has `Db& db()`; a damaged one is set aside first. What follows from
// what was found is the caller's to write down: then it calls keep_marked().
template <typename Make>
auto open_marked(const std::filesystem::path& file, const Mark& mark, int64_t now_ms, Make make,
                 Found& found) {
  std::error_code ignored;
  const bool gone = !std::filesystem::exists(file, ignored);
  // Whoever ended as they should left no log.
  const bool has_log = std::filesystem::exists(file.string() + "-wal", ignored);
  const auto whole = [&] {
    auto store = make();
    if (has_log) store->db().check();
    return store;
  };
  auto store =
      open_or_set_aside(file, now_ms, whole, [&](const std::filesystem::path& aside, const char* why) {
        found = {Found::As::kDamaged, file.filename().string() + " was damaged and is now " + aside.string()};
        log::error("store_damaged", {{"file", file.string()}, {"error", why}, {"moved_to", aside.string()}});
      });
  // Behind the mark, or of a time that another mark was of: two copies may take turns.
  const bool another = !mark.is_new() && store->db().marked() != mark.name();
  if (found.as == Found::As::kItWas && (another || store->db().synced_before() < mark.reached())) {
    found =
        gone ? Found{Found::As::kGone, file.filename().string() + " is gone"}
             : Found{Found::As::kOlder, file.filename().string() + " is an older copy than the one before"};
    log::error("older_copy",
               {{"file", file.string()}, {"has", store->db().synced_before()}, {"reached", mark.reached()}});
  }
  return store;
}

// From now on the store keeps its mark; the mark outlives it.
inline void keep_marked(Db& db, Mark& mark, const Found& found) {
  if (found.as != Found::As::kItWas) mark.renew();
  // The name first into the store: killed in between, a new mark is new once more, and
  // another's is found to be another's again.
  db.on_synced([&mark](int64_t count) { mark.reach(count); });
  if (db.marked() != mark.name()) db.set_marked(mark.name());
}

}  // namespace zane::journal
