// An older copy put back is known for one: no place that was told is given to another
// event.
#include "services/supervisor/restored.h"

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"
#include "services/supervisor/ledger.h"

namespace zane::supervisor {
namespace {

namespace fs = std::filesystem;

class RestoredTest : public ::testing::Test {
 protected:
  RestoredTest() {
    for (const char* folder : {"home/data", "boot"}) fs::create_directories(temp_ / folder);
  }

  // supervisor's stores for as long as one process has them.
  struct Run {
    explicit Run(RestoredTest& test, const std::string& boot = "boot-1")
        : journal_mark(test.boot_, {test.temp_ / "home", "key"}, "journal"),
          ledger_mark(test.boot_, {test.temp_ / "home", "key"}, "ledger"),
          ledger(journal::open_marked(
              test.data_ / "ledger.db", ledger_mark, 1000,
              [&] { return std::make_unique<Ledger>(test.data_ / "ledger.db", test.data_ / "none.db"); },
              found)),
          journal(open_journal(test.data_ / "journal.db", journal_mark, boot, 1000,
                               found.as != journal::Found::As::kItWas, older_journal)) {
      if (!test.killed_) journal::keep_marked(ledger->db(), ledger_mark, found);
    }
    bool older_ledger() const { return found.as == journal::Found::As::kOlder; }
    void say(int events) {
      for (int i = 0; i < events; ++i)
        journal->append(journal::Level::kList, 1000, [](v1::Event& event) { event.set_raw("x"); });
      journal->commit();
    }
    void note() {
      ledger->write([](journal::Db& db) {
        db.query("INSERT OR REPLACE INTO facts (name, value) VALUES ('x', 1)").run();
      });
    }
    // What a reader who has seen everything is told now.
    std::string gap_after(const std::string& epoch, int64_t seq) const {
      v1::JournalRead read;
      read.set_epoch(epoch);
      read.set_after_seq(seq);
      return journal->read(read).gap();
    }
    journal::Mark journal_mark;
    journal::Mark ledger_mark;
    journal::Found found;
    bool older_journal = false;
    std::unique_ptr<Ledger> ledger;
    std::unique_ptr<journal::Journal> journal;
  };

  void copy(const fs::path& from, const fs::path& to, const std::string& only = "") {
    fs::create_directories(to);
    for (const auto& entry : fs::directory_iterator(from)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(only))
        fs::copy(entry.path(), to / name, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    }
  }
  // A copy at seq 3, then more is told and noted, up to seq 5.
  std::string told_more() {
    {
      Run run(*this);
      run.say(3);
      run.note();
    }
    copy(data_, temp_ / "backup");
    Run run(*this);
    run.say(2);
    run.note();
    return run.journal->epoch();
  }
  void put_back(const std::string& only) {
    for (const auto& entry : fs::directory_iterator(data_))
      if (entry.path().filename().string().starts_with(only)) fs::remove_all(entry.path());
    copy(temp_ / "backup", data_, only);
  }

  zane::testing::TempFolder temp_;
  const fs::path data_ = temp_ / "home/data";
  fs::path boot_ = temp_ / "boot";
  // Before what follows from what was found was written down.
  bool killed_ = false;
};

TEST_F(RestoredTest, AMereRestartGoesOnInTheSameEpoch) {
  const std::string epoch = told_more();
  Run run(*this);
  EXPECT_EQ(run.journal->epoch(), epoch);
  EXPECT_FALSE(run.older_journal || run.older_ledger());
  run.say(1);
  EXPECT_EQ(run.journal->head_seq(), 6);
}

TEST_F(RestoredTest, AnOlderJournalAloneBeginsANewEpoch) {
  const std::string epoch = told_more();
  put_back("journal");
  Run run(*this);
  EXPECT_TRUE(run.older_journal);
  EXPECT_FALSE(run.older_ledger());
  EXPECT_NE(run.journal->epoch(), epoch);
  run.say(4);
  EXPECT_EQ(run.gap_after(epoch, 5), "new epoch") << "4 and 5 were other events";
  EXPECT_EQ(run.gap_after(epoch, 3), "new epoch");
}

TEST_F(RestoredTest, AnOlderLedgerAloneBeginsANewEpochAndIsSaid) {
  const std::string epoch = told_more();
  put_back("ledger");
  Run run(*this);
  EXPECT_TRUE(run.older_ledger());
  EXPECT_NE(run.journal->epoch(), epoch);
  EXPECT_EQ(run.gap_after(epoch, 5), "new epoch") << "its approvals may have gone back";
}

TEST_F(RestoredTest, BothTogetherAreKnownByTheMarkAlone) {
  const std::string epoch = told_more();
  put_back("");
  std::string second;
  {
    Run run(*this);
    EXPECT_TRUE(run.older_ledger());
    second = run.journal->epoch();
    EXPECT_NE(second, epoch);
    run.say(1);
  }
  EXPECT_EQ(Run(*this).journal->epoch(), second) << "the next start is a mere restart";
}

TEST_F(RestoredTest, KilledBeforeItWasWrittenDownItIsFoundAgain) {
  const std::string epoch = told_more();
  put_back("ledger");
  killed_ = true;
  EXPECT_TRUE(Run(*this).older_ledger());
  killed_ = false;
  Run run(*this);
  EXPECT_TRUE(run.older_ledger());
  EXPECT_EQ(run.gap_after(epoch, 5), "new epoch");
}

TEST_F(RestoredTest, AnOlderJournalHidesNoOlderLedger) {
  told_more();
  put_back("journal");
  EXPECT_TRUE(Run(*this).older_journal);
  put_back("ledger");
  EXPECT_TRUE(Run(*this).older_ledger());
}

TEST_F(RestoredTest, ACopyFromBeforeARenewalIsOfNoEpochThatGoesOn) {
  const std::string epoch = told_more();
  put_back("");
  {
    Run run(*this);
    run.say(1);
  }
  put_back("");
  Run run(*this);
  run.say(9);
  EXPECT_EQ(run.gap_after(epoch, 5), "new epoch");
}

TEST_F(RestoredTest, ALostMarkAndABootCostANewEpoch) {
  const std::string epoch = told_more();
  fs::remove_all(boot_);
  fs::create_directories(boot_);
  std::string second;
  {
    Run run(*this);
    second = run.journal->epoch();
    EXPECT_NE(second, epoch);
    EXPECT_FALSE(run.older_journal || run.older_ledger()) << "nothing is known of a copy";
  }
  EXPECT_NE(Run(*this, "boot-2").journal->epoch(), second);
}

TEST_F(RestoredTest, WithoutAFolderEachStartIsTheFirst) {
  boot_ = "";
  const std::string epoch = told_more();
  EXPECT_NE(Run(*this).journal->epoch(), epoch);
}

}  // namespace
}  // namespace zane::supervisor
