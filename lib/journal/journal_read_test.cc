// What is told again: all of it once, by thread or by list, and a gap where it can't be.
#include <map>

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "lib/journal/journal.h"
#include "lib/testing/journal_house.h"
#include "lib/testing/seed.h"

namespace zane::journal {
namespace {

using ::testing::ElementsAre;
using zane::testing::Seed;

using JournalReadTest = JournalHouse;

// ---- reading --------------------------------------------------------------------

TEST_F(JournalReadTest, ReadsOneThreadOrTheListLevel) {
  const auto journal = open();
  fill(*journal, 12);
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0, "a"))), ElementsAre(1, 3, 5, 7, 9, 11));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 6, "b"))), ElementsAre(8, 10, 12));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0))), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 4))), ElementsAre(7, 10));
  EXPECT_TRUE(seqs(journal->read(reading(journal->epoch(), 0, "c"))).empty());
}

TEST_F(JournalReadTest, SaysHowFarItHasLooked) {
  const auto journal = open();
  fill(*journal, 12);
  const auto page = [&](int64_t after, const std::string& thread, int limit) {
    return journal->read(reading(journal->epoch(), after, thread, limit));
  };
  EXPECT_EQ(page(0, "a", 2).through_seq(), 4) << "5 is the next of a";
  EXPECT_EQ(page(0, "a", 6).through_seq(), 12) << "just enough: the rest is of others";
  EXPECT_EQ(page(0, "a", 7).through_seq(), 12) << "not full: the rest is of others";
  EXPECT_EQ(page(0, "none", 7).through_seq(), 12);
  EXPECT_EQ(page(12, "a", 7).through_seq(), 12);
  EXPECT_EQ(page(0, "a", 2).head_seq(), 12);
}

TEST_F(JournalReadTest, BoundsAPageByCount) {
  const auto journal = open();
  for (int i = 0; i < kPageEventsMax + 5; ++i) append(*journal, "a", "x");
  journal->commit();
  EXPECT_EQ(journal->read(reading("", 0, "a", 1000000)).events_size(), kPageEventsMax);
  EXPECT_EQ(journal->read(reading("", 0, "a", 0)).events_size(), 1);
  EXPECT_EQ(journal->read(reading("", 0, "a", -5)).events_size(), 1);
}

TEST_F(JournalReadTest, BoundsAPageByBytesButNeverToNothing) {
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

// Whatever the sizes and limits, sealed or not, opened again or not: page after page
// gives every event once.
TEST_F(JournalReadTest, PagesMissNothingAndRepeatNothing) {
  Seed seed;
  log_bytes_ = 400 * 1024;
  auto journal = open();
  std::map<std::string, std::vector<int64_t>> expected;
  for (int i = 1; i <= 600; ++i) {
    const std::string thread = seed.one_in(2) ? "a" : "b";
    const Level level = seed.one_in(3) ? Level::kList : Level::kThread;
    append(*journal, thread,
           std::string(static_cast<size_t>(seed.between(0, seed.one_in(5) ? 40000 : 400)), 'x'), level);
    expected[thread].push_back(i);
    if (level == Level::kList) expected[""].push_back(i);
    if (seed.one_in(9)) journal->commit();
  }
  journal->commit();
  ASSERT_GT(journal->segments(), 2u);
  for (const bool again : {false, true}) {
    if (again) {
      journal->finish_sealing();
      journal.reset();
      journal = open();
    }
    for (const auto& [thread, all] : expected) {
      std::vector<int64_t> got;
      int64_t after = 0;
      while (after < journal->head_seq()) {
        const auto page =
            journal->read(reading(journal->epoch(), after, thread, static_cast<int>(seed.between(1, 30))));
        ASSERT_EQ(page.gap(), "");
        ASSERT_GT(page.through_seq(), after);
        for (const int64_t seq : seqs(page)) got.push_back(seq);
        after = page.through_seq();
      }
      EXPECT_EQ(got, all) << thread << (again ? " sealed" : "");
    }
  }
}

// A late reader gets the text, not its pieces; wherever it stood, it has all of it
// once.
TEST_F(JournalReadTest, DeltasInARowAreToldAsOneFromWhereverOneStands) {
  Seed seed;
  log_bytes_ = 20000;
  const auto journal = open();
  std::vector<std::string> pieces;
  const auto delta = [&](const std::string& item, const std::string& text) {
    journal->append(Level::kThread, 1000, [&](v1::Event& event) {
      event.set_thread("a");
      event.set_turn("t");
      event.set_item(item);
      event.set_method("item/agentMessage/delta");
      event.set_raw(
          R"({"method":"item/agentMessage/delta","params":{"threadId":"a","turnId":"t","itemId":")" + item +
          R"(","delta":")" + text + "\"}}");
    });
  };
  for (int i = 0; i < 1000; ++i) {
    pieces.push_back(std::to_string(i) + " ä\\n");
    delta(i < 700 ? "one" : "two", pieces.back());
    if (i == 300) append(*journal, "a", "{}", Level::kThread, 1000, "thread/tokenUsage/updated");
    if (i % 17 == 0) append(*journal, "b", "another thread's", Level::kThread);
    if (seed.one_in(20)) journal->commit();
  }
  journal->commit();
  journal->finish_sealing();
  const auto events = journal->tail("a", 100000);
  for (int round = 0; round < 40; ++round) {
    const int64_t from = round == 0 ? 0 : seed.between(0, journal->head_seq());
    std::string expected, got;
    int count = 0;
    for (const auto& event : events)
      if (event.seq() > from && event.item() != "")
        expected += boost::json::parse(event.raw()).at("params").at("delta").as_string();
    for (int64_t after = from; after < journal->head_seq();) {
      const auto page = journal->read(reading(journal->epoch(), after, "a"));
      for (const auto& event : page.events()) {
        ++count;
        if (event.item() != "") got += boost::json::parse(event.raw()).at("params").at("delta").as_string();
      }
      after = page.through_seq();
    }
    ASSERT_EQ(got, expected) << from;
    EXPECT_LE(count, 5);
  }
}

TEST_F(JournalReadTest, TheLatestOfAnItemIsFoundBeforeItIsWritten) {
  log_bytes_ = 500;
  const auto journal = open();
  const auto say = [&](const std::string& raw) {
    journal->append(Level::kThread, 1000, [&](v1::Event& event) {
      event.set_thread("a");
      event.set_item("i");
      event.set_method("item/started");
      event.set_raw(raw);
    });
  };
  say("first");
  journal->commit();
  for (int i = 0; i < 5; ++i) fill(*journal, 5);
  EXPECT_EQ(journal->latest("a", "i", {"item/started"})->raw(), "first");
  EXPECT_FALSE(journal->latest("a", "i", {"item/completed"}));
  EXPECT_FALSE(journal->latest("b", "i", {"item/started"}));
  say("second");
  EXPECT_EQ(journal->latest("a", "i", {"item/started"})->raw(), "second");
}

TEST_F(JournalReadTest, AStreamOfAThreadBeginsBeforeItsLatestTurn) {
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

TEST_F(JournalReadTest, AfterABootAStreamBeginsWhereItsReaderCanBegin) {
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

TEST_F(JournalReadTest, APlaceOfAnotherEpochIsNoPlace) {
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

TEST_F(JournalReadTest, APlaceAheadOfTheHeadIsNoPlace) {
  const auto journal = open();
  fill(*journal, 5);
  EXPECT_EQ(journal->read(reading(journal->epoch(), 6, "a")).gap(), "new epoch");
  EXPECT_EQ(journal->read(reading(journal->epoch(), 5, "a")).gap(), "");
}

// Damage behind pieces that hold nothing of the thread: said once, and read over never.
TEST_F(JournalReadTest, DamageBehindWhatIsPassedOverIsSaidOnce) {
  log_bytes_ = 3000;
  std::vector<std::filesystem::path> sealed;
  {
    const auto journal = open();
    for (const char* thread : {"a", "b", "b", "b", "a", "a"}) {
      for (int i = 0; i < 40; ++i) append(*journal, thread, std::string(100, 'x'));
      journal->commit();
    }
    journal->finish_sealing();
    sealed = files(".seg");
    ASSERT_EQ(sealed.size(), 6u);
  }
  flip(sealed[4], 10);
  const auto journal = open();
  EXPECT_THAT(journal->tail("a", 100), ::testing::SizeIs(40)) << "and who looks back is told what there is";
  int gaps = 0;
  std::vector<int64_t> got;
  for (int64_t after = 0; after < journal->head_seq();) {
    const auto page = journal->read(reading(journal->epoch(), after, "a", 7));
    if (page.gap() == "pruned") {
      ASSERT_EQ(++gaps, 1);
      got.clear();
      ASSERT_EQ(after = page.pruned_through(), 200);
      continue;
    }
    for (const int64_t seq : seqs(page)) got.push_back(seq);
    after = page.through_seq();
  }
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(got.size(), 40u);
}

}  // namespace
}  // namespace zane::journal
