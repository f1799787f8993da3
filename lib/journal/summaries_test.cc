// A start believes the database's copies of what sealed files say at their ends, as long
// as they fit, and the files otherwise.
#include "lib/journal/summaries.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/testing/journal_house.h"
#include "lib/testing/seed.h"

namespace zane::journal {
namespace {

using zane::testing::Seed;

class SummariesTest : public JournalHouse {
 protected:
  void SetUp() override {
    log_bytes_ = 3000;
    const auto journal = open();
    epoch_ = journal->epoch();
    write(*journal, 40);
    first_ = files(".seg").at(0);
    ASSERT_GT(rows(), 4);
    ASSERT_EQ(rows(), std::ssize(files(".seg")));
  }
  static void write(Journal& journal, int commits) {
    for (int i = 0; i < commits; ++i) {
      for (int k = 0; k < 10; ++k) append(journal, "a", "raw " + std::to_string(k));
      journal.commit();
    }
    journal.finish_sealing();
  }
  int64_t rows(const std::string& where = "1") {
    Db db(temp_ / "journal.db");
    auto count = db.query(("SELECT count(*) FROM summaries WHERE " + where).c_str());
    count.step();
    return count.integer(0);
  }
  void change(const std::string& sql) { Db(temp_ / "journal.db").run(sql.c_str()); }
  // A row that is whole in itself, and false.
  template <typename Change>
  void lie(Change change) {
    Db db(temp_ / "journal.db");
    Summaries summaries(db);
    auto all = summaries.all();
    change(std::next(all.begin(), 2)->second);
    summaries.keep(all, 0);
  }
  // How many events are told, from the oldest that is.
  int told() {
    const auto journal = open();
    EXPECT_EQ(journal->epoch(), epoch_);
    int count = 0;
    for (int64_t after = journal->pruned_through(); after < journal->head_seq();) {
      const auto page = journal->read(reading(journal->epoch(), after, "a"));
      EXPECT_EQ(page.gap(), "");
      if (!page.gap().empty()) return -1;
      count += page.events_size();
      after = page.through_seq();
    }
    return count;
  }
  std::filesystem::path first_;
  std::string epoch_;
};

TEST_F(SummariesTest, AStartOpensNoFileThatItKnows) {
  flip(first_, -1);
  EXPECT_EQ(told(), 400) << "its end is in the database";
  change("DELETE FROM summaries");
  EXPECT_LT(told(), 400) << "else it is read from the file";
}

TEST_F(SummariesTest, WhatIsMissingIsReadOnceAndKept) {
  const int64_t all = rows();
  change("DELETE FROM summaries WHERE first_seq % 2 = 1");
  ASSERT_LT(rows(), all);
  EXPECT_EQ(told(), 400);
  EXPECT_EQ(rows(), all);
}

TEST_F(SummariesTest, ARowThatIsNotWholeIsNotBelievedAndIsMended) {
  for (const char* row : {"summary = x'ff'", "summary = x''", "bytes = bytes + 1", "bytes = -1",
                          "changed = changed + 1", "crc = crc + 1"}) {
    SCOPED_TRACE(row);
    change(std::string("UPDATE summaries SET ") + row);
    EXPECT_EQ(told(), 400);
    EXPECT_EQ(rows(row), 0) << "the next start opens no file for it";
  }
  Seed seed;
  for (int round = 0; round < 40; ++round) {
    const auto at = std::to_string(seed.between(1, 40));
    change("UPDATE summaries SET summary = substr(summary, 1, " + at + " - 1) || x'" +
           std::to_string(seed.between(10, 99)) + "' || substr(summary, " + at + " + 1)");
    ASSERT_EQ(told(), 400) << at;
  }
}

TEST_F(SummariesTest, BeforeAFileIsCalledDamagedItIsAskedItself) {
  lie([](auto& row) { row.summary.set_last_seq(row.summary.last_seq() + 1); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_last_seq(row.summary.last_seq() - 1); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_last_seq(INT64_MAX); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_index_offset(row.summary.index_offset() - 1); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_index_bytes(int64_t{1} << 40); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_index_crc(row.summary.index_crc() + 1); });
  EXPECT_EQ(told(), 400);
  lie([](auto& row) { row.summary.set_version(99); });
  EXPECT_EQ(told(), 400);
}

TEST_F(SummariesTest, AFileThatWasWrittenToIsLookedAt) {
  for (const int64_t more : {-1, 1}) {
    const auto file = files(".seg").at(0);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) + static_cast<uint64_t>(more));
    const int before = told();
    EXPECT_LT(before, 400) << more;
  }
  const auto file = files(".seg").at(0);
  const int before = told();
  flip(file, -1);
  EXPECT_EQ(told(), before);
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now());
  EXPECT_LT(told(), before) << "of the same length, and not the same";
}

TEST_F(SummariesTest, ATableThatCannotBeReadCostsAStartItsTimeAlone) {
  change("DROP TABLE summaries");
  EXPECT_EQ(told(), 400);
  change("CREATE TABLE summaries (something INTEGER)");
  EXPECT_EQ(told(), 400);
}

TEST_F(SummariesTest, WhatCannotBeWrittenIsNoTrouble) {
  Db db(temp_ / "journal.db");
  Summaries summaries(db);
  const auto all = summaries.all();
  db.run("PRAGMA query_only = 1");
  EXPECT_NO_THROW(summaries.keep(all, 0));
}

TEST_F(SummariesTest, ThereAreNoMoreRowsThanFiles) {
  {
    const auto journal = open();
    while (journal->segments() > 6)
      ASSERT_TRUE(journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = 0}, 1000));
    write(*journal, 20);
  }
  EXPECT_EQ(rows(), std::ssize(files(".seg")));
  change("DELETE FROM summaries");
  std::filesystem::remove(files(".seg").at(2));
  (void)told();
  EXPECT_EQ(rows(), std::ssize(files(".seg")));
}

}  // namespace
}  // namespace zane::journal
