// A start believes the database's copies of what sealed files say at their ends, as long
// as they fit, and the files otherwise.
#include "lib/journal/summaries.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/testing/journal_house.h"

namespace zane::journal {
namespace {

class SummariesTest : public JournalHouse {
 protected:
  void SetUp() override {
    log_bytes_ = 3000;
    const auto journal = open();
    write(*journal, 40);
    first_ = files(".seg").at(0);
    ASSERT_GT(rows(), 4);
    ASSERT_EQ(rows(), std::ssize(files(".seg")));
  }
  static void write(Journal& journal, int commits) {
    for (int i = 0; i < commits; ++i) fill_one(journal);
    journal.finish_sealing();
  }
  static void fill_one(Journal& journal) {
    for (int i = 0; i < 10; ++i) append(journal, "a", "raw " + std::to_string(i));
    journal.commit();
  }
  int64_t rows() {
    Db db(temp_ / "journal.db");
    auto count = db.query("SELECT count(*) FROM summaries");
    count.step();
    return count.integer(0);
  }
  void change(const char* sql) { Db(temp_ / "journal.db").run(sql); }
  // The file's last byte, by which a start that opens it knows it for a segment.
  void damage_the_end_of_the_first() {
    std::fstream file(first_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('x');
  }
  // How many events of all are told, from the oldest that is.
  int told() {
    const auto journal = open();
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
};

TEST_F(SummariesTest, AStartOpensNoFileThatItKnows) {
  damage_the_end_of_the_first();
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

TEST_F(SummariesTest, ARowThatDoesNotFitIsNotBelieved) {
  for (const char* sql : {
           "UPDATE summaries SET summary = x'ff'",
           "UPDATE summaries SET summary = x''",
           "UPDATE summaries SET bytes = bytes + 1",
           "UPDATE summaries SET bytes = -1",
           // Of another version, and of an index beyond the file's end.
           "UPDATE summaries SET summary = x'0863'",
           "UPDATE summaries SET summary = x'0802' || x'4080808001'",
       }) {
    SCOPED_TRACE(sql);
    change(sql);
    EXPECT_EQ(told(), 400);
  }
}

TEST_F(SummariesTest, ALongerOrShorterFileIsLookedAt) {
  std::filesystem::resize_file(first_, std::filesystem::file_size(first_) - 1);
  EXPECT_LT(told(), 400);
}

TEST_F(SummariesTest, ThereAreNoMoreRowsThanFiles) {
  const auto journal = open();
  while (journal->segments() > 2)
    ASSERT_TRUE(journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = 0}, 1000));
  write(*journal, 20);
  EXPECT_EQ(rows(), std::ssize(files(".seg")));
}

}  // namespace
}  // namespace zane::journal
