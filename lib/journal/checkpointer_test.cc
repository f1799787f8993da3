// The write-ahead log is moved into its file while it is written to, stays
// within its bound, and nothing of it is lost.
#include "lib/journal/checkpointer.h"

#include <fstream>

#include "gtest/gtest.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"

namespace zane::journal {
namespace {

constexpr int64_t kPageBytes = 4096;

class CheckpointerTest : public ::testing::Test {
 protected:
  CheckpointerTest() { db_.run("CREATE TABLE t (bytes BLOB NOT NULL)"); }

  // So many rows that each take a page.
  void write(int rows) {
    db_.begin(Db::Sync::kLazy);
    for (int i = 0; i < rows; ++i) db_.query("INSERT INTO t VALUES (?)").blob(bytes_).run();
    db_.commit();
    written_ += rows;
  }
  int64_t size(const char* suffix) const {
    return static_cast<int64_t>(std::filesystem::file_size(file_.string() + suffix));
  }

  // Grows each time SQLite begins the log anew: bytes 12 to 15 of its header,
  // big-endian (https://www.sqlite.org/fileformat2.html#walformat).
  uint32_t log_number() const {
    std::ifstream log(file_.string() + "-wal", std::ios::binary);
    unsigned char header[16] = {};
    log.read(reinterpret_cast<char*>(header), sizeof header);
    return uint32_t{header[12]} << 24 | uint32_t{header[13]} << 16 | uint32_t{header[14]} << 8 | header[15];
  }

  zane::testing::TempFolder temp_;
  const std::filesystem::path file_ = temp_ / "test.db";
  const std::string bytes_ = std::string(kPageBytes - 200, 'x');
  Db db_{file_};
  int written_ = 0;
};

TEST_F(CheckpointerTest, MovesTheLogIntoItsFileBesideTheWriter) {
  const Checkpointer checkpointer(db_, file_);
  const int64_t before = size("");
  // Far below the length at which the writer would do it itself.
  for (int i = 0; i < 20; ++i) write(kCheckpointPages / 10);
  ASSERT_LT(written_, kLogPagesMax / 2);
  // Nobody writes any more: it is the thread that makes the file grow.
  loop::Io io;
  zane::testing::run_until(io, [&] { return size("") >= before + kCheckpointPages * kPageBytes; });
}

TEST_F(CheckpointerTest, BeginsTheLogAnewUnderAWriterThatNeverStops) {
  const Checkpointer checkpointer(db_, file_);
  write(1);
  const uint32_t first = log_number();
  // The thread may be at it when the bound is reached, and is not waited for.
  while (log_number() == first && written_ < 12 * kLogPagesMax) write(100);
  EXPECT_GT(log_number(), first) << written_ << " pages, and still the same log";
  Db reader(file_);
  auto count = reader.query("SELECT count(*) FROM t");
  ASSERT_TRUE(count.step());
  EXPECT_EQ(count.integer(0), written_);
}

TEST_F(CheckpointerTest, GivesTheCheckpointsBackWhenItEnds) {
  { const Checkpointer checkpointer(db_, file_); }
  const int64_t before = size("");
  for (int i = 0; i < 30; ++i) write(100);
  EXPECT_GT(size(""), before + kCheckpointPages * kPageBytes) << "SQLite's own";
}

}  // namespace
}  // namespace zane::journal
