// What is said to be on the disk was synced: counted at SQLite's own seam to the
// system, a VFS that passes everything on.
#include "lib/journal/sqlite.h"

#include <cstring>
#include <new>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"
#include "sqlite3.h"

namespace zane::journal {
namespace {

int g_syncs = 0;
// The next so many syncs fail, as on a disk that goes bad.
int g_failing = 0;

struct CountedFile {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }  // NOLINT
};

CountedFile* counted(sqlite3_file* file) { return reinterpret_cast<CountedFile*>(file); }  // NOLINT
const sqlite3_io_methods* of(sqlite3_file* file) { return counted(file)->real()->pMethods; }
sqlite3_file* real(sqlite3_file* file) { return counted(file)->real(); }

const sqlite3_io_methods kMethods = {
    3,
    [](sqlite3_file* f) { return of(f)->xClose(real(f)); },
    [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) { return of(f)->xRead(real(f), to, n, at); },
    [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
      return of(f)->xWrite(real(f), from, n, at);
    },
    [](sqlite3_file* f, sqlite3_int64 size) { return of(f)->xTruncate(real(f), size); },
    [](sqlite3_file* f, int flags) {
      if (g_failing > 0 && g_failing-- > 0) return SQLITE_IOERR_FSYNC;
      ++g_syncs;
      return of(f)->xSync(real(f), flags);
    },
    [](sqlite3_file* f, sqlite3_int64* size) { return of(f)->xFileSize(real(f), size); },
    [](sqlite3_file* f, int lock) { return of(f)->xLock(real(f), lock); },
    [](sqlite3_file* f, int lock) { return of(f)->xUnlock(real(f), lock); },
    [](sqlite3_file* f, int* out) { return of(f)->xCheckReservedLock(real(f), out); },
    [](sqlite3_file* f, int op, void* arg) { return of(f)->xFileControl(real(f), op, arg); },
    [](sqlite3_file* f) { return of(f)->xSectorSize(real(f)); },
    [](sqlite3_file* f) { return of(f)->xDeviceCharacteristics(real(f)); },
    [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return of(f)->xShmMap(real(f), page, size, extend, out);
    },
    [](sqlite3_file* f, int offset, int n, int flags) { return of(f)->xShmLock(real(f), offset, n, flags); },
    [](sqlite3_file* f) { of(f)->xShmBarrier(real(f)); },
    [](sqlite3_file* f, int remove) { return of(f)->xShmUnmap(real(f), remove); },
    [](sqlite3_file* f, sqlite3_int64 at, int n, void** out) { return of(f)->xFetch(real(f), at, n, out); },
    [](sqlite3_file* f, sqlite3_int64 at, void* page) { return of(f)->xUnfetch(real(f), at, page); },
};

sqlite3_vfs* g_system = nullptr;

int open_counted(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out) {
  new (file) CountedFile{};
  const int code = g_system->xOpen(g_system, name, real(file), flags, out);
  if (real(file)->pMethods) file->pMethods = &kMethods;
  return code;
}

class SyncTest : public ::testing::Test {
 protected:
  SyncTest() {
    g_system = sqlite3_vfs_find(nullptr);
    vfs_ = *g_system;
    vfs_.zName = "counted";
    vfs_.szOsFile = static_cast<int>(sizeof(CountedFile)) + g_system->szOsFile;
    vfs_.xOpen = open_counted;
    sqlite3_vfs_register(&vfs_, /*makeDflt=*/1);
    db_ = std::make_unique<Db>(temp_ / "counted.db");
    db_->migrate({"CREATE TABLE t (n INTEGER)"});
    g_syncs = g_failing = 0;
  }
  ~SyncTest() override {
    db_.reset();
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(g_system, 1);
  }
  int syncs_of(Db::Sync sync, const std::function<void()>& write) {
    const int before = g_syncs;
    db_->transaction(sync, write);
    return g_syncs - before;
  }

  zane::testing::TempFolder temp_;
  sqlite3_vfs vfs_{};
  std::unique_ptr<Db> db_;
};

TEST_F(SyncTest, OneThatIsToBeOnTheDiskIsSyncedOnceAndOnlyThen) {
  const auto write = [&] { db_->query("INSERT INTO t VALUES (1)").run(); };
  for (int n = 0; n < 20; ++n) {
    EXPECT_EQ(syncs_of(Db::Sync::kFull, write), 1) << n;
    EXPECT_EQ(syncs_of(Db::Sync::kLazy, write), 0) << n;
  }
}

// What a lazy one wrote before is on the disk with it, whatever it writes itself.
TEST_F(SyncTest, OneThatChangesNothingIsSyncedToo) {
  (void)syncs_of(Db::Sync::kLazy, [&] { db_->query("INSERT INTO t VALUES (1)").run(); });
  EXPECT_EQ(syncs_of(Db::Sync::kFull, [] {}), 1);
}

TEST_F(SyncTest, NothingIsToldThatWasNotSynced) {
  int64_t told = 0;
  db_->on_synced([&](int64_t count) { told = count; });
  db_->transaction(Db::Sync::kFull, [] {});
  const int64_t before = told;
  g_failing = 1;
  try {
    db_->transaction(Db::Sync::kFull, [&] { db_->query("INSERT INTO t VALUES (7)").run(); });
    FAIL() << "a sync that failed was taken for one";
  } catch (const SqliteError& e) {
    EXPECT_EQ(e.trouble(), Trouble::kWeather);
  }
  EXPECT_EQ(told, before);
  EXPECT_EQ(syncs_of(Db::Sync::kFull, [&] { db_->query("INSERT INTO t VALUES (8)").run(); }), 1);
  EXPECT_EQ(told, before + 1);
}

}  // namespace
}  // namespace zane::journal
