// The journal: what was acknowledged is there, no seq is given out twice, and a
// reader learns when what it asks for can't be told.
#include "lib/journal/journal.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "gmock/gmock.h"
#include "lib/testing/journal_house.h"
#include "lib/testing/seed.h"

namespace zane::journal {
namespace {

using ::testing::ElementsAre;
using zane::testing::Seed;

using JournalTest = JournalHouse;

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
  // A file that may not grow is as good as a disk that is full in its midst.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{static_cast<rlim_t>(journal->bytes() + 100), before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  const std::string large(20000, 'x');
  const int64_t bytes = journal->bytes();
  for (int i = 0; i < 20; ++i) {
    append(*journal, "a", large);
    EXPECT_TRUE(journal->commit().empty());
    EXPECT_NE(journal->trouble().find("/journal/"), std::string::npos) << "it names the file";
    EXPECT_EQ(journal->head_seq(), 5) << "readers see what is written";
    EXPECT_EQ(std::filesystem::file_size(files(".log")[0]), static_cast<uintmax_t>(bytes))
        << "no half a record";
  }
  EXPECT_GE(journal->uncommitted_bytes(), 20 * large.size());
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 0, "a"))), ElementsAre(1, 3, 5));
  ::setrlimit(RLIMIT_FSIZE, &before);
  const auto told = journal->commit();
  ASSERT_EQ(told.size(), 20u);
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i].seq(), static_cast<int64_t>(i) + 6);
  EXPECT_EQ(journal->trouble(), "");
  EXPECT_EQ(journal->head_seq(), 25);
  append(*journal, "a", "and on");
  EXPECT_EQ(journal->commit().size(), 1u);
}

// ---- damage ---------------------------------------------------------------------

TEST_F(JournalTest, ADamagedDatabaseCostsTheEpochAndNoEvent) {
  std::string before;
  {
    const auto journal = open();
    fill(*journal, 5);
    before = journal->epoch();
  }
  std::ofstream(temp_ / "journal.db", std::ios::binary) << std::string(5000, '\xa5');
  const auto journal = open("boot-1", 5000);
  EXPECT_NE(journal->epoch(), before);
  EXPECT_EQ(journal->head_seq(), 5);
  EXPECT_TRUE(std::filesystem::exists((temp_ / "journal.db").string() + ".damaged-5000"));
  EXPECT_EQ(journal->read(reading(before, 3, "a")).gap(), "new epoch");
  EXPECT_THAT(seqs(journal->read(reading("", 0, "a"))), ElementsAre(1, 3, 5));
  append(*journal, "a", "goes on");
  EXPECT_EQ(journal->commit()[0].seq(), 6);
}

TEST_F(JournalTest, ATornEndIsCutOffAndBeginsAnEpoch) {
  Seed seed;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    std::string before;
    int64_t head = 0;
    {
      const auto journal = open();
      before = journal->epoch();
      fill(*journal, static_cast<int>(seed.between(3, 9)));
      head = journal->head_seq();
    }
    const auto log = files(".log").back();
    const auto size = static_cast<int64_t>(std::filesystem::file_size(log));
    if (round % 2 == 0) {
      std::filesystem::resize_file(log, static_cast<uintmax_t>(size - seed.between(1, 40)));
    } else {
      std::ofstream(log, std::ios::binary | std::ios::app)
          << std::string(static_cast<size_t>(seed.between(1, 40)), '\x07');
    }
    const auto journal = open();
    EXPECT_NE(journal->epoch(), before) << "what was told may be gone";
    EXPECT_GE(journal->head_seq(), head - (round % 2 == 0 ? 1 : 0));
    EXPECT_EQ(journal->read(reading(before, head, "a")).gap(), "new epoch");
    int64_t expected = 0;
    for (const auto& event : journal->tail("", 1000)) EXPECT_EQ(event.seq(), ++expected);
    EXPECT_EQ(expected, journal->head_seq());
  }
}

TEST_F(JournalTest, AJournalThatIsGoneBeginsAnEpoch) {
  std::string before;
  {
    const auto journal = open();
    fill(*journal, 5);
    before = journal->epoch();
  }
  std::filesystem::remove_all(temp_ / "journal");
  const auto journal = open();
  EXPECT_NE(journal->epoch(), before);
  append(*journal, "a", "goes on");
  journal->commit();
  EXPECT_EQ(journal->read(reading(before, 1, "a")).gap(), "new epoch");
}

// Whatever is damaged of a sealed piece: what follows is told, what lies before is
// said to be gone, and nobody reads over the hole.
TEST_F(JournalTest, ADamagedPieceCostsWhatLiesBeforeIt) {
  Seed seed;
  log_bytes_ = 3000;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    std::filesystem::remove_all(temp_ / "journal");
    std::filesystem::remove(temp_ / "journal.db");
    std::vector<std::filesystem::path> sealed;
    {
      const auto journal = open();
      for (int i = 0; i < 40; ++i) fill(*journal, 10);
      journal->finish_sealing();
      sealed = files(".seg");
      ASSERT_GT(sealed.size(), 4u);
    }
    const auto victim = sealed[static_cast<size_t>(seed.between(0, 3))];
    const auto size = static_cast<int64_t>(std::filesystem::file_size(victim));
    const int64_t at = seed.between(0, size - 1);
    flip(victim, at);
    // The database has a copy of each one's end; without it the file's own counts.
    const bool has_copies = seed.one_in(2);
    if (!has_copies) Db(temp_ / "journal.db").run("DELETE FROM summaries");
    const auto journal = open();
    std::vector<int64_t> got;
    int64_t after = journal->pruned_through();
    for (int gaps = 0; after < journal->head_seq();) {
      const auto page = journal->read(reading(journal->epoch(), after, "a", 7));
      if (page.gap() == "pruned") {
        ASSERT_LT(++gaps, 2);
        got.clear();
        after = page.pruned_through();
        continue;
      }
      ASSERT_EQ(page.gap(), "");
      for (const int64_t seq : seqs(page)) got.push_back(seq);
      after = page.through_seq();
    }
    ASSERT_FALSE(got.empty());
    for (size_t i = 1; i < got.size(); ++i) ASSERT_EQ(got[i], got[i - 1] + 2);
    EXPECT_EQ(got.back(), 399);
    if (!has_copies || got.front() != 1) {
      EXPECT_GT(journal->pruned_through(), 0) << "the damage was seen";
    } else {
      EXPECT_EQ(got.size(), 200u) << "it was where nobody reads";
    }
    append(*journal, "a", "goes on");
    EXPECT_EQ(journal->commit()[0].seq(), 401);
  }
}

TEST_F(JournalTest, AFileThatCannotBeOpenedIsNotTakenForDamage) {
  EXPECT_THROW(open_journal(temp_ / "missing/journal.db", "boot", 0), SqliteError);
}

TEST_F(JournalTest, IsForItsOwnerAlone) {
  log_bytes_ = 500;
  const auto journal = open();
  for (int i = 0; i < 4; ++i) fill(*journal, 5);
  journal->finish_sealing();
  const auto mode = [](const std::filesystem::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  };
  EXPECT_EQ(mode(temp_ / "journal"), 0700u);
  for (const auto& file : files()) EXPECT_EQ(mode(file), 0600u) << file;
  for (const char* part : {"", "-wal"}) EXPECT_EQ(mode((temp_ / "journal.db").string() + part), 0600u);
}

// ---- forgetting -------------------------------------------------------------------

TEST_F(JournalTest, ForgetsWhatIsOldAPieceAtATime) {
  const auto journal = open();
  fill(*journal, 10);  // at 1000 … 1009
  const Retention keep{.keep_ms = 800, .keep_bytes = 1 << 30};
  EXPECT_FALSE(journal->prune_slice(keep, 1100));
  EXPECT_TRUE(journal->prune_slice(keep, 1101)) << "old enough to begin another";
  fill(*journal, 10, 1800);
  EXPECT_FALSE(journal->prune_slice(keep, 1809));
  while (journal->prune_slice(keep, 1810)) {
  }
  EXPECT_EQ(journal->read(reading(journal->epoch(), 9, "a")).gap(), "pruned");
  const auto page = journal->read(reading(journal->epoch(), 10, "a"));
  EXPECT_EQ(page.gap(), "");
  EXPECT_THAT(seqs(page), ElementsAre(11, 13, 15, 17, 19));
}

// Upkeep comes between what is appended and its commit, and more so on a full disk.
TEST_F(JournalTest, AnotherFileIsBegunWhileEventsWait) {
  std::string epoch;
  {
    const auto journal = open();
    epoch = journal->epoch();
    fill(*journal, 10);
    for (int i = 0; i < 5; ++i) append(*journal, "a", "waits");
    EXPECT_TRUE(journal->prune_slice({.keep_ms = 800, .keep_bytes = 1 << 30}, 1500));
    EXPECT_EQ(journal->commit().size(), 5u);
    fill(*journal, 3);
  }
  const auto journal = open();
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_EQ(journal->pruned_through(), 0);
  EXPECT_EQ(journal->tail("", 1000).size(), 18u);
}

// As a write that failed in the middle and could not be taken back leaves it.
TEST_F(JournalTest, WhatLiesBehindTheEndIsWrittenOver) {
  std::string epoch;
  {
    const auto journal = open();
    epoch = journal->epoch();
    fill(*journal, 3);
    std::ofstream(files(".log").back(), std::ios::binary | std::ios::app) << "half a record";
    fill(*journal, 3);
    EXPECT_EQ(journal->read(reading(epoch, 0, "a")).gap(), "");
  }
  const auto journal = open();
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_EQ(journal->tail("", 1000).size(), 6u);
}

TEST_F(JournalTest, APieceThatIsTakenAwayIsPruned) {
  log_bytes_ = 2000;
  const auto journal = open();
  for (int i = 0; i < 100; ++i) fill(*journal, 3);
  journal->finish_sealing();
  const auto pieces = files(".seg");
  ASSERT_GT(pieces.size(), 3u);
  std::filesystem::remove(pieces[1]);
  EXPECT_EQ(journal->read(reading(journal->epoch(), 0, "a")).gap(), "pruned");
  EXPECT_EQ(journal->pruned_through(), std::stoll(pieces[2].stem().string()) - 1);
  EXPECT_EQ(journal->read(reading(journal->epoch(), journal->pruned_through(), "a")).gap(), "");
}

TEST_F(JournalTest, AFolderThatIsDeletedIsNoticedAndMadeAgain) {
  const auto journal = open();
  fill(*journal, 10);
  std::filesystem::remove_all(temp_ / "journal");
  EXPECT_TRUE(journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = 1 << 30}, 1100));
  EXPECT_EQ(journal->read(reading(journal->epoch(), 3, "a")).gap(), "pruned");
  fill(*journal, 2);
  EXPECT_THAT(seqs(journal->read(reading(journal->epoch(), 10, "a"))), ElementsAre(11));
  EXPECT_EQ(files(".log").size(), 1u);
}

TEST_F(JournalTest, HoldsNoDescriptorForWhatIsSealed) {
  log_bytes_ = 2000;
  const auto journal = open();
  for (int i = 0; i < 300; ++i) fill(*journal, 3);
  journal->finish_sealing();
  ASSERT_GT(files(".seg").size(), 20u);
  int held = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).parent_path() == temp_ / "journal") ++held;
  }
  EXPECT_LE(held, 1);
}

// The bound is the files': what is pruned goes back to the disk.
TEST_F(JournalTest, ForgetsTheOldestOfTooMuch) {
  log_bytes_ = 20000;
  const auto journal = open();
  Seed seed;
  std::string noise(1000, 0);
  for (int i = 0; i < 1000; ++i) {
    for (char& c : noise) c = static_cast<char>(seed.between(0, 255));
    append(*journal, "a", noise);
    journal->commit();
  }
  journal->finish_sealing();
  constexpr int64_t kKeep = 200 * 1024;
  while (journal->prune_slice({.keep_ms = 1 << 30, .keep_bytes = kKeep}, 1000)) {
  }
  int64_t bytes = 0;
  for (const auto& file : files()) bytes += static_cast<int64_t>(std::filesystem::file_size(file));
  EXPECT_EQ(bytes, journal->bytes());
  EXPECT_LE(bytes, kKeep);
  EXPECT_GT(bytes, kKeep - 2 * log_bytes_) << "and no more than need be";
  const int64_t horizon = journal->pruned_through();
  EXPECT_EQ(journal->read(reading(journal->epoch(), horizon - 1, "a")).gap(), "pruned");
  EXPECT_EQ(journal->read(reading(journal->epoch(), horizon, "a")).gap(), "");
  EXPECT_EQ(journal->read(reading(journal->epoch(), 1000, "a")).pruned_through(), horizon);
}

// Sealed, a delta costs a few bytes.
TEST_F(JournalTest, WhatIsSealedIsSmall) {
  log_bytes_ = 500 * 1024;
  const auto journal = open();
  constexpr int kDeltas = 5000;
  for (int i = 0; i < kDeltas; ++i) {
    append(
        *journal, "019a0000-0000-7000-8000-000000000000",
        R"({"method":"item/agentMessage/delta","params":{"threadId":"019a0000-0000-7000-8000-000000000000","turnId":"7","itemId":"msg_0123456789","delta":" word)" +
            std::to_string(i % 97) + "\"}}",
        Level::kThread, 1000, "item/agentMessage/delta");
    if (i % 4 == 0) journal->commit();
  }
  journal->commit();
  journal->finish_sealing();
  int64_t sealed = 0;
  int64_t log = 0;
  for (const auto& file : files(".seg")) sealed += static_cast<int64_t>(std::filesystem::file_size(file));
  for (const auto& file : files(".log")) log += static_cast<int64_t>(std::filesystem::file_size(file));
  const auto last = open("boot-1");
  EXPECT_GT(sealed, 0);
  EXPECT_LT(sealed, 30 * kDeltas);
  EXPECT_LE(log, log_bytes_ + 2000);
}

// ---- 0.1's table ------------------------------------------------------------------

TEST_F(JournalTest, TakesOverTheEventsOfATable) {
  for (const std::string found : {"nothing", "a start that was killed", "newer files"}) {
    SCOPED_TRACE(found);
    std::filesystem::remove_all(temp_ / "journal");
    for (const char* part : {"", "-wal", "-shm"})
      std::filesystem::remove((temp_ / "journal.db").string() + part);
    log_bytes_ = 5000;
    {
      Db old(temp_ / "journal.db");
      old.run(R"(
        CREATE TABLE epochs (n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, boot_id TEXT NOT NULL, first_seq INTEGER NOT NULL, at_ms INTEGER NOT NULL);
        CREATE TABLE events (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, list_level INTEGER NOT NULL, thread TEXT NOT NULL, method TEXT NOT NULL, bytes INTEGER NOT NULL, event BLOB NOT NULL);
        CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
        CREATE TABLE approvals (id TEXT PRIMARY KEY);
        INSERT INTO epochs (epoch, boot_id, first_seq, at_ms) VALUES ('E', 'boot-1', 1, 5);
        INSERT INTO facts VALUES ('pruned_through', 10);)");
      for (int64_t seq = 11; seq <= 400; ++seq) {
        v1::Event event;
        event.set_epoch("E");
        event.set_seq(seq);
        event.set_thread(seq % 2 ? "b" : "a");
        event.set_method(seq % 100 == 0 ? "turn/started" : "item/started");
        event.set_list_level(seq % 3 == 0);
        event.set_raw("raw " + std::to_string(seq));
        old.query("INSERT INTO events VALUES (?, 1000, ?, ?, ?, 9, ?)")
            .bind(seq)
            .bind(int64_t{event.list_level()})
            .bind(event.thread())
            .bind(event.method())
            .blob(event.SerializeAsString())
            .run();
      }
    }
    if (found != "nothing") {
      std::filesystem::create_directory(temp_ / "journal");
      for (int64_t seq = 11; seq <= 200; ++seq) {
        const auto half = Segment::begin(temp_ / "journal", seq);
        v1::Event event;
        event.set_seq(seq);
        Segment::Records records;
        Segment::add_record(records, 1000, event);
        half->append(records);
      }
    }
    if (found == "a start that was killed")
      Db(temp_ / "journal.db").run("INSERT INTO facts VALUES ('taking_over', 1)");
    for (int start = 0; start < 2; ++start) {
      const auto journal = open();
      journal->finish_sealing();
      if (found == "newer files") {
        EXPECT_NE(journal->epoch(), "E") << "what was told since is not in this database";
        EXPECT_EQ(journal->tail("", 1000).size(), 390u);
        continue;
      }
      EXPECT_EQ(journal->epoch(), "E");
      EXPECT_EQ(journal->head_seq(), 400 + start);
      EXPECT_EQ(journal->pruned_through(), 10);
      EXPECT_EQ(journal->stream_start("a"), 399);
      EXPECT_EQ(journal->read(reading("E", 9, "a")).gap(), "pruned");
      const auto page = journal->read(reading("E", 10, "a"));
      ASSERT_EQ(page.events_size(), 195 + start);
      EXPECT_EQ(page.events(0).raw(), "raw 12");
      append(*journal, "a", "goes on");
      EXPECT_EQ(journal->commit()[0].seq(), 401 + start);
    }
    Db old(temp_ / "journal.db");
    auto left = old.query("SELECT count(*) FROM sqlite_master WHERE name = 'approvals'");
    ASSERT_TRUE(left.step());
    EXPECT_EQ(left.integer(0), 1) << "what the ledger takes over is left";
  }
}

// All forgotten: the numbers go on where they were, over a restart too.
TEST_F(JournalTest, NeverUsesANumberAgainThatWasForgotten) {
  {
    const auto journal = open();
    fill(*journal, 10);
    while (journal->prune_slice({.keep_ms = 0, .keep_bytes = 0}, 100000)) {
    }
    EXPECT_EQ(journal->stream_start("a"), 10);
    EXPECT_EQ(journal->read(reading(journal->epoch(), 10, "a")).gap(), "");
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
  auto journal = open_journal(file, "boot-1", 1000, 2000);
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
