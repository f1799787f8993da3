// What policy knows of orders outlives a full disk and an older copy.
#include "services/policy/kept.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/base/home.h"
#include "lib/crypto/hash.h"
#include "lib/testing/clock.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

namespace fs = std::filesystem;

class KeptTest : public ::testing::Test {
 protected:
  KeptTest() { reopen(); }
  void reopen() {
    kept_.reset();
    kept_ = std::make_unique<Kept>(io_, home_.data("policy.db"), temp_ / "",
                                   journal::Mark::House{home_.root(), "key"}, mac_key_, clock_);
  }
  void put_back(const std::string& copy) {
    kept_.reset();
    for (const char* part : {"", "-wal", "-shm"}) {
      fs::remove(home_.data("policy.db").string() + part);
      if (fs::exists(copy + part)) fs::copy(copy + part, home_.data("policy.db").string() + part);
    }
    reopen();
  }
  std::string copy() {
    kept_.reset();
    const std::string to = temp_ / "copy";
    fs::copy(home_.data("policy.db"), to);
    reopen();
    return to;
  }
  // An order that was issued then and is answered now.
  Command order(int64_t issued_ms, const char* method = "turn/start") {
    Command command;
    command.id = crypto::fresh_id();
    command.device.id = "d";
    command.method = method;
    command.issued_ms = issued_ms;
    kept_->came(command);
    if (std::string_view(method) == "turn/start")
      kept_->store().remember_command(command.key(), "digest", clock_.now, Durability::kNow);
    return command;
  }

  zane::testing::TempFolder temp_;
  const base::Home home_ = *base::Home::open((temp_ / "home").string());
  const crypto::EcKey mac_key_ = crypto::EcKey::generate();
  zane::testing::SetClock clock_{1'700'000'000'000};
  loop::Io io_;
  std::unique_ptr<Kept> kept_;
};

TEST_F(KeptTest, AMereRestartForgetsNothing) {
  const auto before = order(clock_.now);
  reopen();
  EXPECT_FALSE(kept_->may_have_forgotten(before));
  EXPECT_TRUE(kept_->remembered(before.key()));
  EXPECT_EQ(kept_->trouble(), "");
}

TEST_F(KeptTest, AnOlderCopyBeginsNothingThatCameBefore) {
  order(clock_.now);
  const auto backup = copy();
  const auto forgotten = order(clock_.now + 2000);
  clock_.now += 60'000;
  put_back(backup);
  EXPECT_FALSE(kept_->remembered(forgotten.key()));
  EXPECT_TRUE(kept_->may_have_forgotten(forgotten));
  EXPECT_FALSE(kept_->may_have_forgotten(order(clock_.now))) << "a new order is taken at once";
  EXPECT_FALSE(kept_->may_have_forgotten(order(forgotten.issued_ms, "thread/list")))
      << "reading is never too late";
  EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr("an older copy"));
  reopen();
  EXPECT_TRUE(kept_->may_have_forgotten(forgotten)) << "for good";
  EXPECT_EQ(kept_->trouble(), "") << "said by the start that found it";
}

// The older copy is used for a while, and then the newer one comes back.
TEST_F(KeptTest, TwoCopiesThatTakeTurnsAreEachFoundOut) {
  const auto first = copy();
  for (int n = 0; n < 20; ++n) order(clock_.now);
  kept_.reset();
  const std::string second = temp_ / "second";
  fs::copy(home_.data("policy.db"), second);
  put_back(first);
  clock_.now += 60'000;
  const auto forgotten = order(clock_.now);
  put_back(second);
  EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr("an older copy"));
  EXPECT_TRUE(kept_->may_have_forgotten(forgotten));
  reopen();
  EXPECT_EQ(kept_->trouble(), "");
}

TEST_F(KeptTest, ARefusalThatCouldNotBeWrittenIsKnownUntilItIs) {
  v1::CommandAnswer answer;
  answer.set_state("refused");
  ASSERT_TRUE(kept_->burn("d/1", {"digest", answer, clock_.now}));
  EXPECT_FALSE(kept_->fine());
  ASSERT_TRUE(kept_->remembered("d/1"));
  EXPECT_EQ(kept_->remembered("d/1")->answer->state(), "refused");
  kept_->write_burned();
  EXPECT_TRUE(kept_->fine());
  reopen();
  ASSERT_TRUE(kept_->remembered("d/1"));
  EXPECT_EQ(kept_->remembered("d/1")->answer->state(), "refused");
}

TEST_F(KeptTest, TheSameCopyPutBackTwiceBeginsNothingEither) {
  const auto backup = copy();
  const auto early = order(clock_.now);
  const auto refused = order(clock_.now + 2000);
  clock_.now += 60'000;
  put_back(backup);
  ASSERT_TRUE(kept_->may_have_forgotten(refused));
  kept_->came(early);  // a phone repeats it
  clock_.now += 60'000;
  put_back(backup);
  EXPECT_TRUE(kept_->may_have_forgotten(refused));
}

TEST_F(KeptTest, ThatAPhonesClockIsBehindIsSaid) {
  order(clock_.now);
  const auto backup = copy();
  order(clock_.now + 2000);
  put_back(backup);
  clock_.now += 10 * 60'000;
  EXPECT_TRUE(kept_->may_have_forgotten(order(clock_.now - 30 * 60'000)));
  EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr("a phone whose clock is behind"));
}

// As a main file that was put back beside the log of another time may be.
TEST_F(KeptTest, OneWithALogThatIsNotWholeInItselfIsDamaged) {
  for (int n = 0; n < 500; ++n) order(clock_.now);
  reopen();
  const auto forgotten = order(clock_.now + 1000);
  // As kill -9 leaves it: the log is there.
  const std::string file = home_.data("policy.db");
  const std::string log = temp_ / "log";
  fs::copy(file + "-wal", log);
  kept_.reset();
  fs::copy(log, file + "-wal", fs::copy_options::overwrite_existing);
  // In the middle of a table, which no start looks at.
  std::fstream main(file, std::ios::in | std::ios::out | std::ios::binary);
  main.seekp(static_cast<std::streamoff>(fs::file_size(file) / 8192 * 4096));
  main << std::string(4096, 'x');
  main.close();
  reopen();
  EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr("was damaged"));
  EXPECT_TRUE(kept_->may_have_forgotten(forgotten));
}

TEST_F(KeptTest, OneThatIsGoneOrDamagedBeginsNothingThatCameBefore) {
  for (const bool damaged : {false, true}) {
    order(clock_.now);
    const auto forgotten = order(clock_.now + 2000);
    kept_.reset();
    if (damaged)
      fs::resize_file(home_.data("policy.db"), 100);
    else
      fs::remove(home_.data("policy.db"));
    for (const char* part : {"-wal", "-shm"}) fs::remove(home_.data("policy.db").string() + part);
    reopen();
    EXPECT_TRUE(kept_->may_have_forgotten(forgotten)) << damaged;
    EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr(damaged ? "was damaged" : "is gone"));
    clock_.now += 60'000;
    EXPECT_FALSE(kept_->may_have_forgotten(order(clock_.now)));
  }
}

// The Mac's clock was a year ahead when an order came, and was set right.
TEST_F(KeptTest, OrdersOfAClockThatWasWrongCloseNothing) {
  const auto backup = copy();
  const int64_t now = clock_.now;
  clock_.now += int64_t{365} * 86'400'000;
  order(clock_.now);
  clock_.now = now;
  put_back(backup);
  EXPECT_TRUE(kept_->may_have_forgotten(order(now)));
  EXPECT_THAT(kept_->trouble(), ::testing::HasSubstr("for 301 s new orders may be refused too"));
  EXPECT_FALSE(kept_->may_have_forgotten(order(now + kClockSkewMsMax + 1)));
}

TEST_F(KeptTest, AFileThatIsBusyIsNoOlderCopy) {
  order(clock_.now);
  kept_.reset();
  {
    journal::Db other(home_.data("policy.db"));
    other.run("PRAGMA locking_mode=EXCLUSIVE");
    other.begin(journal::Db::Sync::kFull);
    EXPECT_THROW(reopen(), journal::SqliteError);
    other.roll_back();
  }
  reopen();
  EXPECT_EQ(kept_->trouble(), "");
}

// A phone whose clock is a century ahead closes nothing.
TEST_F(KeptTest, AnOrderFromTheFutureCountsAsFarAsItCanBeTrue) {
  const auto backup = copy();
  order(clock_.now + int64_t{100} * 365 * 86'400'000);
  put_back(backup);
  EXPECT_TRUE(kept_->may_have_forgotten(order(clock_.now + kClockSkewMsMax)));
  EXPECT_FALSE(kept_->may_have_forgotten(order(clock_.now + kClockSkewMsMax + 1)));
}

}  // namespace
}  // namespace zane::policy
