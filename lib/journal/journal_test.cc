// The journal: what was acknowledged is there, no seq is given out twice, and a
// reader learns when what it asks for can't be told.
#include "lib/journal/journal.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>

#include "gmock/gmock.h"
#include "lib/testing/run.h"
#include "lib/testing/seed.h"
#include "lib/testing/temp_folder.h"

namespace zane::journal {
namespace {

using ::testing::ElementsAre;
using zane::testing::Seed;
using zane::testing::TempFolder;

v1::JournalRead reading(const std::string& epoch, int64_t after, const std::string& thread = "",
                        int limit = 1000) {
  v1::JournalRead read;
  read.set_epoch(epoch);
  read.set_after_seq(after);
  read.set_thread(thread);
  read.set_limit(limit);
  return read;
}

std::vector<int64_t> seqs(const v1::JournalPage& page) {
  std::vector<int64_t> all;
  for (const auto& event : page.events()) all.push_back(event.seq());
  return all;
}

void append(Journal& journal, const std::string& thread, const std::string& raw, Level level = Level::kThread,
            int64_t now_ms = 1000, const std::string& method = "item/started") {
  journal.append(level, now_ms, [&](v1::Event& event) {
    event.set_thread(thread);
    event.set_method(method);
    event.set_raw(raw);
    event.set_read_ns(77);
  });
}

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(const std::string& boot = "boot-1", int64_t now_ms = 1000) {
    return open_journal(temp_ / "journal.db", boot, now_ms);
  }
  // Threads a and b by turns; every third is of the list level.
  void fill(Journal& journal, int count) {
    for (int i = 0; i < count; ++i)
      append(journal, i % 2 ? "b" : "a", "raw " + std::to_string(i), i % 3 ? Level::kThread : Level::kList,
             1000 + i);
    journal.commit();
  }
  TempFolder temp_;
};

TEST_F(JournalTest, TellsALongEventWithoutItsBytes) {
  const auto journal = open();
  append(*journal, "a", std::string(kToldBytesMax, 'x'));
  append(*journal, "a", std::string(kToldBytesMax + 1, 'x'));
  journal->commit();
  // A page of its own each: two of these would not fit.
  const auto whole = journal->read(reading(journal->epoch(), 0, "a"));
  ASSERT_THAT(seqs(whole), ElementsAre(1));
  EXPECT_EQ(whole.events(0).raw().size(), kToldBytesMax);
  EXPECT_EQ(whole.events(0).left_out_bytes(), 0);
  const auto named = journal->read(reading(journal->epoch(), whole.through_seq(), "a"));
  ASSERT_THAT(seqs(named), ElementsAre(2));
  EXPECT_EQ(named.events(0).raw(), "");
  EXPECT_EQ(named.events(0).left_out_bytes(), static_cast<int64_t>(kToldBytesMax) + 1);
  EXPECT_EQ(named.events(0).method(), "item/started") << "what it was is still told";

  // An approval's bytes count together.
  v1::Event event;
  event.set_raw(std::string(kToldBytesMax / 2, 'x'));
  event.set_request(std::string(kToldBytesMax / 4, 'x'));
  event.set_shown(std::string(kToldBytesMax / 4 + 1, 'x'));
  leave_out_if_long(event);
  EXPECT_EQ(event.raw() + event.request() + event.shown(), "");
  EXPECT_EQ(event.left_out_bytes(), static_cast<int64_t>(kToldBytesMax) + 1);
}

TEST_F(JournalTest, NumbersEventsAsAChainAndGivesThemOutOnceCommitted) {
  const auto journal = open();
  EXPECT_TRUE(journal->commit().empty());
  append(*journal, "a", "1");
  append(*journal, "b", "2", Level::kList);
  EXPECT_EQ(journal->uncommitted(), 2u);
  const auto published = journal->commit();
  ASSERT_EQ(published.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(published[i].epoch(), journal->epoch());
    EXPECT_EQ(published[i].seq(), static_cast<int64_t>(i) + 1);
    EXPECT_EQ(published[i].prev_seq(), static_cast<int64_t>(i));
    EXPECT_EQ(published[i].list_level(), i == 1);
    EXPECT_EQ(published[i].read_ns(), 77) << "the time of reading is told";
  }
  EXPECT_TRUE(journal->commit().empty()) << "each is published once";
  EXPECT_EQ(journal->uncommitted(), 0u);
  EXPECT_EQ(journal->read(reading("", 0, "a")).events(0).read_ns(), 0) << "… and not kept";
}

TEST_F(JournalTest, KeepsCodexsBytesAsTheyWere) {
  std::string raw;
  for (int c = 0; c < 256; ++c) raw.push_back(static_cast<char>(c));
  {
    const auto journal = open();
    append(*journal, "a", raw);
    journal->commit();
  }
  EXPECT_EQ(open()->read(reading("", 0, "a")).events(0).raw(), raw);
}

TEST_F(JournalTest, GoesOnInTheSameEpochAfterAMereRestart) {
  std::string epoch;
  {
    const auto journal = open();
    fill(*journal, 5);
    epoch = journal->epoch();
  }
  const auto journal = open();
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_EQ(journal->head_seq(), 5);
  append(*journal, "a", "next");
  const auto published = journal->commit();
  EXPECT_EQ(published[0].seq(), 6);
  EXPECT_EQ(published[0].prev_seq(), 5);
}

TEST_F(JournalTest, BeginsANewEpochAfterABootAndGoesOnCounting) {
  std::string first;
  {
    const auto journal = open("boot-1");
    fill(*journal, 5);
    first = journal->epoch();
  }
  std::string second;
  {
    const auto journal = open("boot-2");
    second = journal->epoch();
    EXPECT_NE(second, first);
    append(*journal, "a", "next");
    EXPECT_EQ(journal->commit()[0].seq(), 6);
  }
  EXPECT_EQ(open("boot-2")->epoch(), second);
  EXPECT_NE(open("boot-1")->epoch(), first) << "an epoch that has ended never comes back";
}

TEST_F(JournalTest, WhatWasNotCommittedIsNotThere) {
  {
    const auto journal = open();
    fill(*journal, 2);
    append(*journal, "a", "never told");
    EXPECT_EQ(journal->head_seq(), 2) << "the head is what is written";
  }
  const auto journal = open();
  EXPECT_EQ(journal->head_seq(), 2);
  EXPECT_THAT(seqs(journal->read(reading("", 0, "a"))), ElementsAre(1));
}

// A full disk: nothing is told that is not kept, nothing is lost, and it goes on
// by itself when there is room.
TEST_F(JournalTest, AFullDiskIsWaitedOut) {
  const auto journal = open();
  fill(*journal, 5);
  journal->db().run("PRAGMA max_page_count=1");
  const std::string large(20000, 'x');
  for (int i = 0; i < 20; ++i) {
    append(*journal, "a", large);
    EXPECT_TRUE(journal->commit().empty());
    EXPECT_NE(journal->trouble().find("journal.db"), std::string::npos) << "it names the file";
    EXPECT_EQ(journal->head_seq(), 5) << "readers see what is written";
  }
  EXPECT_GE(journal->uncommitted_bytes(), 20 * large.size());
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0, "a"))), ElementsAre(1, 3, 5));
  journal->db().run("PRAGMA max_page_count=100000");
  const auto told = journal->commit();
  ASSERT_EQ(told.size(), 20u);
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i].seq(), static_cast<int64_t>(i) + 6);
  EXPECT_EQ(journal->trouble(), "");
  EXPECT_EQ(journal->head_seq(), 25);
  append(*journal, "a", "and on");
  EXPECT_EQ(journal->commit().size(), 1u);
}

TEST_F(JournalTest, MovesADamagedFileAsideAndBeginsAnew) {
  const auto file = temp_ / "journal.db";
  // A header that is none, a page in the middle, a file cut short.
  for (const int damage : {0, 1, 2}) {
    SCOPED_TRACE(damage);
    std::string before;
    {
      const auto journal = open();
      for (int i = 0; i < 400; ++i) append(*journal, "a", std::string(300, 'x'));
      journal->commit();
      before = journal->epoch();
    }
    const auto size = std::filesystem::file_size(file);
    if (damage == 2) {
      std::filesystem::resize_file(file, size / 2);
    } else {
      std::fstream raw(file, std::ios::in | std::ios::out | std::ios::binary);
      raw.seekp(damage == 0 ? 0 : static_cast<std::streamoff>(size / 2));
      raw << std::string(damage == 0 ? 100 : 8192, '\xa5');
    }
    const auto journal = open("boot-1", 5000 + damage);
    EXPECT_NE(journal->epoch(), before);
    EXPECT_EQ(journal->head_seq(), 0);
    EXPECT_TRUE(std::filesystem::exists(file.string() + ".damaged-" + std::to_string(5000 + damage)));
    append(*journal, "a", "goes on");
    EXPECT_EQ(journal->commit()[0].seq(), 1);
    EXPECT_EQ(journal->read(reading(before, 3, "a")).gap(), "new epoch");
  }
}

TEST_F(JournalTest, AFileThatCannotBeOpenedIsNotTakenForDamage) {
  EXPECT_THROW(open_journal(temp_ / "missing/journal.db", "boot", 0), SqliteError);
}

TEST_F(JournalTest, IsForItsOwnerAlone) {
  const auto journal = open();
  fill(*journal, 1);
  for (const char* part : {"", "-wal"}) {
    struct stat info {};
    ASSERT_EQ(::stat(((temp_ / "journal.db").string() + part).c_str(), &info), 0) << part;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << part;
  }
}

// ---- reading --------------------------------------------------------------------

TEST_F(JournalTest, ReadsOneThreadOrTheListLevel) {
  const auto journal = open();
  fill(*journal, 12);
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0, "a"))), ElementsAre(1, 3, 5, 7, 9, 11));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 6, "b"))), ElementsAre(8, 10, 12));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0))), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 4))), ElementsAre(7, 10));
  EXPECT_TRUE(seqs(journal->read(reading(journal->epoch(), 0, "c"))).empty());
}

TEST_F(JournalTest, SaysHowFarItHasLooked) {
  const auto journal = open();
  fill(*journal, 12);
  const auto page = [&](int64_t after, const std::string& thread, int limit) {
    return journal->read(reading(journal->epoch(), after, thread, limit));
  };
  EXPECT_EQ(page(0, "a", 2).through_seq(), 3);
  EXPECT_EQ(page(0, "a", 6).through_seq(), 11) << "full: there may be more";
  EXPECT_EQ(page(0, "a", 7).through_seq(), 12) << "not full: the rest is of others";
  EXPECT_EQ(page(0, "none", 7).through_seq(), 12);
  EXPECT_EQ(page(12, "a", 7).through_seq(), 12);
  EXPECT_EQ(page(0, "a", 2).head_seq(), 12);
}

TEST_F(JournalTest, BoundsAPageByCount) {
  const auto journal = open();
  for (int i = 0; i < kPageEventsMax + 5; ++i) append(*journal, "a", "x");
  journal->commit();
  EXPECT_EQ(journal->read(reading("", 0, "a", 1000000)).events_size(), kPageEventsMax);
  EXPECT_EQ(journal->read(reading("", 0, "a", 0)).events_size(), 1);
  EXPECT_EQ(journal->read(reading("", 0, "a", -5)).events_size(), 1);
}

TEST_F(JournalTest, BoundsAPageByBytesButNeverToNothing) {
  const auto journal = open();
  const std::vector<size_t> sizes = {200 * 1024, 200 * 1024, 200 * 1024, 900 * 1024, 10};
  for (const size_t size : sizes) append(*journal, "a", std::string(size, 'x'));
  journal->commit();
  std::vector<std::vector<int64_t>> pages;
  int64_t after = 0;
  while (after < journal->head_seq()) {
    const auto page = journal->read(reading(journal->epoch(), after, "a"));
    ASSERT_GT(page.through_seq(), after);
    after = page.through_seq();
    pages.push_back(seqs(page));
  }
  EXPECT_THAT(pages, ElementsAre(ElementsAre(1, 2), ElementsAre(3), ElementsAre(4), ElementsAre(5)));
}

// Whatever the sizes and limits, page after page gives every event once.
TEST_F(JournalTest, PagesMissNothingAndRepeatNothing) {
  Seed seed;
  const auto journal = open();
  std::map<std::string, std::vector<int64_t>> expected;
  for (int i = 1; i <= 300; ++i) {
    const std::string thread = seed.one_in(2) ? "a" : "b";
    const Level level = seed.one_in(3) ? Level::kList : Level::kThread;
    append(*journal, thread, std::string(static_cast<size_t>(seed.between(0, 40000)), 'x'), level);
    expected[thread].push_back(i);
    if (level == Level::kList) expected[""].push_back(i);
  }
  journal->commit();
  for (const auto& [thread, all] : expected) {
    std::vector<int64_t> got;
    int64_t after = 0;
    while (after < journal->head_seq()) {
      const auto page =
          journal->read(reading(journal->epoch(), after, thread, static_cast<int>(seed.between(1, 30))));
      ASSERT_GT(page.through_seq(), after);
      for (const int64_t seq : seqs(page)) got.push_back(seq);
      after = page.through_seq();
    }
    EXPECT_EQ(got, all) << thread;
  }
}

TEST_F(JournalTest, AStreamOfAThreadBeginsBeforeItsLatestTurn) {
  const auto journal = open();
  append(*journal, "a", "1");
  EXPECT_EQ(journal->stream_start("a"), 0) << "no turn yet: all of it";
  append(*journal, "a", "2", Level::kList, 1000, "turn/started");
  append(*journal, "b", "3", Level::kList, 1000, "turn/started");
  append(*journal, "a", "4");
  append(*journal, "a", "5", Level::kList, 1000, "turn/started");
  append(*journal, "a", "6");
  journal->commit();
  EXPECT_EQ(journal->stream_start("a"), 4);
  EXPECT_EQ(journal->stream_start("b"), 2);
  EXPECT_EQ(journal->stream_start(""), 6);
}

// ---- gaps -----------------------------------------------------------------------

TEST_F(JournalTest, AfterABootAStreamBeginsWhereItsReaderCanBegin) {
  {
    const auto before = open("boot-1");
    append(*before, "a", "a turn", Level::kThread, 1000, "turn/started");
    append(*before, "b", "no turn");
    before->commit();
  }
  const auto journal = open("boot-2");
  append(*journal, "a", "later");
  journal->commit();
  for (const char* thread : {"a", "b", "unknown"}) {
    const auto page = journal->read(reading(journal->epoch(), journal->stream_start(thread), thread));
    EXPECT_EQ(page.gap(), "") << thread;
  }
  EXPECT_EQ(journal->stream_start("a"), 2);
}

TEST_F(JournalTest, APlaceOfAnotherEpochIsNoPlace) {
  std::string first;
  {
    const auto journal = open("boot-1");
    fill(*journal, 5);
    first = journal->epoch();
  }
  const auto journal = open("boot-2");
  fill(*journal, 5);
  EXPECT_EQ(journal->read(reading(first, 5, "a")).gap(), "new epoch");
  EXPECT_EQ(journal->read(reading("made up", 5, "a")).gap(), "new epoch");
  EXPECT_EQ(journal->read(reading(journal->epoch(), 3, "a")).gap(), "new epoch") << "3 is the first epoch's";
  EXPECT_EQ(journal->read(reading(journal->epoch(), 5, "a")).gap(), "") << "the place where this epoch began";
  EXPECT_TRUE(journal->read(reading(first, 0, "a")).events().empty()) << "a gap gives no events";
}

TEST_F(JournalTest, APlaceAheadOfTheHeadIsNoPlace) {
  const auto journal = open();
  fill(*journal, 5);
  EXPECT_EQ(journal->read(reading(journal->epoch(), 6, "a")).gap(), "new epoch");
  EXPECT_EQ(journal->read(reading(journal->epoch(), 5, "a")).gap(), "");
}

TEST_F(JournalTest, ForgetsWhatIsOld) {
  const auto journal = open();
  fill(*journal, 10);  // at 1000 … 1009
  while (journal->prune_slice({.keep_ms = 100, .keep_bytes = 1 << 30}, 1104)) {
  }
  EXPECT_EQ(journal->read(reading(journal->epoch(), 3, "a")).gap(), "pruned");
  const auto page = journal->read(reading(journal->epoch(), 4, "a"));
  EXPECT_EQ(page.gap(), "");
  EXPECT_THAT(seqs(page), ElementsAre(5, 7, 9));
}

// The bound is the file's: what is pruned goes back to the disk.
TEST_F(JournalTest, ForgetsTheOldestOfTooMuchInSlices) {
  const auto journal = open();
  constexpr int kAll = 3 * static_cast<int>(kPruneEvents);
  for (int i = 0; i < kAll; ++i) append(*journal, "a", std::string(1000, 'x'));
  journal->commit();
  constexpr int64_t kKeep = 2 * 1024 * 1024;
  int slices = 0;
  int64_t before = 0;
  while (journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = kKeep}, 1000)) {
    EXPECT_LE(journal->pruned_through() - before, kPruneEvents) << "a bounded piece of work";
    before = journal->pruned_through();
    ASSERT_LT(++slices, 100);
  }
  EXPECT_GT(slices, 1);
  EXPECT_GT(journal->pruned_through(), kAll / 2);
  EXPECT_LT(journal->pruned_through(), kAll) << "and no more than need be";
  EXPECT_EQ(journal->read(reading(journal->epoch(), journal->pruned_through() - 1, "a")).gap(), "pruned");
  EXPECT_EQ(journal->read(reading(journal->epoch(), journal->pruned_through(), "a")).gap(), "");
  EXPECT_EQ(journal->read(reading(journal->epoch(), kAll, "a")).pruned_through(), journal->pruned_through());
  for (int i = 0; i < 40; ++i) (void)journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = kKeep}, 1000);
  const auto pragma = [&](const char* sql) {
    auto row = journal->db().query(sql);
    row.step();
    return row.integer(0);
  };
  EXPECT_EQ(pragma("PRAGMA auto_vacuum"), 2);
  EXPECT_EQ(pragma("PRAGMA freelist_count"), 0);
  EXPECT_LT(pragma("PRAGMA page_count") * 4096, 2 * kKeep);
  // The checkpointer may be at it just now, for as long as the disk takes: then a later
  // one shortens the file.
  const auto until = std::chrono::steady_clock::now() + zane::testing::kPatience;
  while (std::filesystem::file_size(temp_ / "journal.db") >= 2 * kKeep &&
         std::chrono::steady_clock::now() < until) {
    append(*journal, "a", "one more");
    journal->commit();
    journal->db().checkpoint();
  }
  EXPECT_LT(std::filesystem::file_size(temp_ / "journal.db"), static_cast<uintmax_t>(2 * kKeep));
}

// All forgotten: the numbers go on where they were, over a restart too.
TEST_F(JournalTest, NeverUsesANumberAgainThatWasForgotten) {
  {
    const auto journal = open();
    fill(*journal, 10);
    while (journal->prune_slice({.keep_ms = 0, .keep_bytes = 0}, 100000)) {
    }
    EXPECT_EQ(journal->stream_start("a"), 10);
  }
  const auto journal = open();
  EXPECT_EQ(journal->head_seq(), 10);
  EXPECT_EQ(journal->read(reading(journal->epoch(), 9, "a")).gap(), "pruned");
  append(*journal, "a", "next");
  EXPECT_EQ(journal->commit()[0].seq(), 11);
}

// ---- kill -9 ----------------------------------------------------------------------

struct Acknowledged {
  int64_t seq;
  int64_t tag;
};

// Appends and commits without end; says what it has committed, and only that.
[[noreturn]] void write_until_killed(const std::filesystem::path& file, int pipe, int64_t tag,
                                     uint64_t seed) {
  std::mt19937_64 random(seed);
  auto journal = open_journal(file, "boot-1", 1000);
  for (;;) {
    for (uint64_t n = random() % 5; n > 0; --n) {
      append(*journal, "a", std::to_string(++tag));
    }
    for (const auto& event : journal->commit()) {
      const Acknowledged said{event.seq(), std::stoll(event.raw())};
      if (::write(pipe, &said, sizeof said) != sizeof said) ::_exit(0);
    }
  }
}

TEST_F(JournalTest, KilledAtAnyMomentItKeepsWhatItAcknowledged) {
  Seed seed;
  const auto file = temp_ / "journal.db";
  std::map<int64_t, int64_t> acknowledged;  // seq → tag
  std::string epoch;
  for (int64_t round = 1; round <= 12; ++round) {
    SCOPED_TRACE(round);
    int said[2];
    ASSERT_EQ(::pipe(said), 0);
    const int64_t kill_after = seed.between(0, 400);
    const uint64_t child_seed = seed.random();
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(said[0]);
      write_until_killed(file, said[1], round * 1000000, child_seed);
    }
    ::close(said[1]);
    Acknowledged one{};
    int64_t heard = 0;
    while (::read(said[0], &one, sizeof one) == sizeof one) {
      EXPECT_TRUE(acknowledged.emplace(one.seq, one.tag).second)
          << "seq " << one.seq << " was given out twice";
      if (++heard == kill_after + 1) ::kill(child, SIGKILL);
    }
    ::close(said[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto journal = open();
    if (!epoch.empty()) {
      EXPECT_EQ(journal->epoch(), epoch) << "a mere crash begins no epoch";
    }
    epoch = journal->epoch();
    std::map<int64_t, int64_t> kept;
    for (int64_t after = 0; after < journal->head_seq();) {
      const auto page = journal->read(reading(epoch, after, "a"));
      ASSERT_EQ(page.gap(), "");
      for (const auto& event : page.events()) kept[event.seq()] = std::stoll(event.raw());
      after = page.through_seq();
    }
    for (const auto& [seq, tag] : acknowledged) {
      ASSERT_TRUE(kept.contains(seq)) << seq;
      ASSERT_EQ(kept[seq], tag) << seq;
    }
    ASSERT_EQ(static_cast<int64_t>(kept.size()), journal->head_seq()) << "no hole in the chain";
    // What a killed child had committed but not yet said is now fixed as well.
    acknowledged = kept;
  }
}

}  // namespace
}  // namespace zane::journal
