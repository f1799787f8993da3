// A stream gives its page every matching event once and in order, whatever is
// lost, late or slow: steps by hand, then a journal and chance.
#include "services/relay/stream.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>

#include "gmock/gmock.h"
#include "lib/testing/seed.h"

namespace zane::relay {
namespace {

using ::testing::ElementsAre;
using zane::testing::Seed;
using Next = Stream::Next;

v1::Event event(int64_t seq, const std::string& thread = "t", size_t bytes = 10, bool list_level = false) {
  v1::Event e;
  e.set_epoch("E");
  e.set_seq(seq);
  e.set_prev_seq(seq - 1);
  e.set_thread(thread);
  e.set_raw(std::string(bytes, 'x'));
  e.set_list_level(list_level);
  return e;
}

v1::JournalPage page(std::vector<v1::Event> events, int64_t through, int64_t head) {
  v1::JournalPage p;
  for (auto& e : events) *p.add_events() = std::move(e);
  p.set_through_seq(through);
  p.set_head_seq(head);
  return p;
}

std::vector<int64_t> seqs(const Stream::Batch& batch) {
  std::vector<int64_t> all;
  for (const auto& e : batch.events) all.push_back(e.seq());
  return all;
}

TEST(StreamTest, CountsTheBytesThatWereLeftOut) {
  v1::Event e = event(6, "t", 0);
  e.set_left_out_bytes(7);
  e.set_request("ab");
  EXPECT_EQ(bytes_of(e), 9u);
}

TEST(StreamTest, ReadsTheJournalThenGoesLive) {
  Stream s("s", "t");
  s.begin("E", 5);
  EXPECT_EQ(s.next(), Next::kReadJournal);
  s.on_live(event(9));
  EXPECT_EQ(s.next(), Next::kReadJournal) << "not live yet: the journal has it";
  s.on_page(page({event(6), event(8)}, 8, 9), 9);
  EXPECT_EQ(s.next(), Next::kSendPending);
  auto batch = s.take_batch();
  EXPECT_THAT(seqs(batch), ElementsAre(6, 8));
  EXPECT_EQ(batch.prev_seq, 5);
  EXPECT_FALSE(batch.at_head);
  EXPECT_EQ(s.next(), Next::kReadJournal);
  s.on_page(page({event(9)}, 9, 9), 9);
  batch = s.take_batch();
  EXPECT_EQ(batch.prev_seq, 8);
  EXPECT_TRUE(batch.at_head);
  EXPECT_EQ(s.next(), Next::kNothing);
  s.on_live(event(10, "other"));
  EXPECT_EQ(s.next(), Next::kNothing);
  s.on_live(event(11));
  batch = s.take_batch();
  EXPECT_THAT(seqs(batch), ElementsAre(11));
  EXPECT_EQ(batch.prev_seq, 9) << "of this stream, not of the journal";
}

TEST(StreamTest, SaysThatItIsAtHeadOnceEvenWithNothingToTell) {
  Stream s("s", "t");
  s.begin("E", 5);
  s.on_page(page({}, 9, 9), 9);
  EXPECT_EQ(s.next(), Next::kSendPending);
  const auto batch = s.take_batch();
  EXPECT_TRUE(batch.events.empty());
  EXPECT_TRUE(batch.at_head);
  EXPECT_EQ(s.next(), Next::kNothing);
}

TEST(StreamTest, TheListLevelIsOfNoThread) {
  Stream s("s", "");
  s.begin("E", 0);
  s.on_page(page({}, 0, 0), 0);
  s.on_live(event(1, "t", 10, false));
  s.on_live(event(2, "t", 10, true));
  EXPECT_THAT(seqs(s.take_batch()), ElementsAre(2));
}

TEST(StreamTest, APublishedEventThatThePageHadIsNotToldTwice) {
  Stream s("s", "t");
  s.begin("E", 0);
  s.on_page(page({event(1), event(2)}, 2, 2), 1);
  s.on_live(event(2));
  s.on_live(event(3));
  EXPECT_THAT(seqs(s.take_batch()), ElementsAre(1, 2, 3));
}

TEST(StreamTest, WhatCouldNotBeSentIsTheClientsNotAndTakesNoRoom) {
  Stream s("s", "t");
  s.begin("E", 0);
  s.on_page(page({event(1, "t", 100)}, 1, 1), 1);
  EXPECT_EQ(s.take_batch().events.size(), 1u);
  // More than may be unacknowledged, if a batch that was not sent counted.
  for (int tries = 0; tries < 20; ++tries) {
    s.on_live(event(2 + tries, "t", 100 * 1024));
    s.take_batch();
    s.take_back();
    ASSERT_EQ(s.next(), Next::kReadJournal);
    ASSERT_EQ(s.through_seq(), 1);
    s.on_page(page({}, 2 + tries, 2 + tries), 2 + tries);
    s.take_batch();
    s.take_back();
    s.on_page(page({event(2, "t", 100 * 1024)}, 2 + tries, 2 + tries), 2 + tries);
    const auto batch = s.take_batch();
    ASSERT_EQ(batch.prev_seq, 1);
    ASSERT_EQ(batch.events.size(), 1u);
    s.take_back();
    s.on_page(page({}, 2 + tries, 2 + tries), 2 + tries);
  }
}

TEST(StreamTest, HoldsBackUntilItIsAcknowledged) {
  Stream s("s", "t");
  s.begin("E", 0);
  s.on_page(page({}, 0, 0), 0);
  s.take_batch();
  int64_t seq = 0;
  size_t unacked = 0;
  while (seq < 15) {
    s.on_live(event(++seq, "t", 100 * 1024));
    while (s.next() == Next::kSendPending)
      for (const auto& e : s.take_batch().events) unacked += bytes_of(e);
  }
  EXPECT_GE(unacked, kUnackedBytesMax);
  EXPECT_LE(unacked, kUnackedBytesMax + kBatchBytes);
  EXPECT_EQ(s.next(), Next::kNothing);
  s.on_ack(0);
  EXPECT_EQ(s.next(), Next::kNothing) << "an old word acknowledges nothing";
  s.on_ack(1);
  EXPECT_EQ(s.next(), Next::kSendPending);
}

TEST(StreamTest, WhatWaitsIsBoundedAndReadAgainLater) {
  Stream s("s", "t");
  s.begin("E", 0);
  s.on_page(page({}, 0, 0), 0);
  s.take_batch();
  // Nothing is acknowledged: first the unacknowledged fill up, then what waits.
  int64_t seq = 0;
  for (; seq < 12; ++seq) {
    s.on_live(event(seq + 1, "t", 100 * 1024));
    if (s.next() == Next::kSendPending) s.take_batch();
  }
  for (; seq < 60; ++seq) s.on_live(event(seq + 1, "t", 100 * 1024));
  EXPECT_EQ(s.next(), Next::kNothing);
  s.on_ack(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(s.next(), Next::kReadJournal) << "what waited was dropped here, not lost";
  EXPECT_EQ(s.through_seq(), 11) << "from where it was sent";
}

TEST(StreamTest, ABatchIsOneFramesWorth) {
  Stream s("s", "t");
  s.begin("E", 0);
  std::vector<v1::Event> events;
  for (int i = 1; i <= kBatchEventsMax + 1; ++i) events.push_back(event(i, "t", 1));
  s.on_page(page(events, kBatchEventsMax + 1, kBatchEventsMax + 1), 0);
  EXPECT_EQ(s.take_batch().events.size(), static_cast<size_t>(kBatchEventsMax));
  EXPECT_EQ(s.take_batch().events.size(), 1u);
  s.on_live(event(1001, "t", kBatchBytes / 2));
  s.on_live(event(1002, "t", kBatchBytes / 2));
  s.on_live(event(1003, "t", 1));
  EXPECT_THAT(seqs(s.take_batch()), ElementsAre(1001, 1002));
  s.on_live(event(1004, "t", kEventBytesMax + 5));
  EXPECT_THAT(seqs(s.take_batch()), ElementsAre(1003));
  EXPECT_THAT(seqs(s.take_batch()), ElementsAre(1004)) << "one that is too long for any batch is one alone";
}

TEST(StreamTest, BeginningAnewForgetsWhatWaited) {
  Stream s("s", "t");
  s.begin("E", 0);
  s.on_page(page({event(1)}, 1, 1), 1);
  s.begin("F", 7);
  EXPECT_EQ(s.epoch(), "F");
  EXPECT_EQ(s.through_seq(), 7);
  EXPECT_EQ(s.next(), Next::kReadJournal);
}

// ---- a journal, a lossy publisher, a slow page --------------------------------------

// Plays relay's part around the stream (outward.cc) and the page's (the chain).
class World {
 public:
  World(Seed& seed, const std::string& thread) : seed_(seed), thread_(thread), stream_("s", thread) {
    stream_.begin("E", 0);
  }

  bool matches(const v1::Event& e) const { return thread_.empty() ? e.list_level() : e.thread() == thread_; }

  void publish() {
    const auto seq = static_cast<int64_t>(journal_.size()) + 1;
    const size_t bytes = seed_.one_in(40) ? static_cast<size_t>(seed_.between(1, 1000000))
                                          : static_cast<size_t>(seed_.between(1, 30000));
    journal_.push_back(event(seq, seed_.one_in(2) ? "t" : "u", bytes, seed_.one_in(3)));
    if (!seed_.one_in(10)) on_its_way_.push_back(journal_.back());  // else PUB dropped it
  }

  // What is published comes later than a page that was read after it, or sooner.
  void hear_next() {
    if (on_its_way_.empty()) return;
    hear(on_its_way_.front());
    on_its_way_.pop_front();
  }

  void hear(const v1::Event& e) {
    const bool follows = e.prev_seq() == heard_;
    heard_ = e.seq();
    follows ? stream_.on_live(e) : stream_.fall_behind();
  }

  // supervisor's word every few seconds names the head.
  void hear_state() {
    while (!on_its_way_.empty()) hear_next();
    const auto head = static_cast<int64_t>(journal_.size());
    if (head <= heard_) return;
    heard_ = head;
    stream_.fall_behind();
  }

  void ask_for_page() {
    if (asked_ || stream_.next() != Next::kReadJournal) return;
    asked_ = stream_.through_seq();
  }
  // supervisor reads when the question arrives …
  void read_page() {
    if (!asked_ || read_) return;
    const auto limit = static_cast<int>(seed_.between(1, 60));
    v1::JournalPage p;
    p.set_through_seq(*asked_);
    p.set_head_seq(static_cast<int64_t>(journal_.size()));
    for (auto i = static_cast<size_t>(*asked_); i < journal_.size() && p.events_size() < limit; ++i)
      if (matches(journal_[i])) {
        *p.add_events() = journal_[i];
        p.set_through_seq(journal_[i].seq());
      }
    if (p.events_size() < limit) p.set_through_seq(p.head_seq());
    read_ = p;
  }
  // … and relay takes it later, with what it has heard until then.
  void take_page() {
    if (!read_) return;
    stream_.on_page(*read_, heard_);
    read_.reset();
    asked_.reset();
  }

  void send() {
    if (asked_ || stream_.next() != Next::kSendPending) return;
    ASSERT_LT(unacked_, kUnackedBytesMax) << "held back at the bound";
    if (seed_.one_in(6)) {
      // There was no room for it.
      stream_.take_batch();
      return stream_.take_back();
    }
    const auto batch = stream_.take_batch();
    ASSERT_EQ(batch.prev_seq, last_) << "the chain";
    ASSERT_LE(batch.events.size(), static_cast<size_t>(kBatchEventsMax));
    size_t bytes = 0;
    for (const auto& e : batch.events) {
      got_.push_back(e.seq());
      bytes += std::min(bytes_of(e), kEventBytesMax);
      last_ = e.seq();
    }
    ASSERT_TRUE(batch.events.size() <= 1 || bytes <= kBatchBytes);
    unacked_ += bytes;
    if (!batch.events.empty()) sent_.emplace_back(last_, bytes);
    if (batch.at_head) {
      at_head_ = true;
      const auto missing = std::find_if(journal_.begin(), journal_.begin() + heard_,
                                        [&](const v1::Event& e) { return matches(e) && e.seq() > last_; });
      ASSERT_EQ(missing, journal_.begin() + heard_) << "at head, and " << missing->seq() << " was not told";
    }
  }

  void acknowledge() {
    const auto upto = seed_.between(0, static_cast<int64_t>(sent_.size()));
    int64_t seq = 0;
    for (int64_t i = 0; i < upto; ++i) {
      seq = sent_.front().first;
      unacked_ -= sent_.front().second;
      sent_.erase(sent_.begin());
    }
    if (seq > 0) stream_.on_ack(seq);
  }

  void finish() {
    hear_state();
    for (int i = 0; i < 100000 && !::testing::Test::HasFatalFailure(); ++i) {
      read_page();
      take_page();
      send();
      while (!sent_.empty()) acknowledge();
      ask_for_page();
      if (!asked_ && stream_.next() == Next::kNothing) break;
    }
    std::vector<int64_t> expected;
    for (const auto& e : journal_)
      if (matches(e)) expected.push_back(e.seq());
    EXPECT_EQ(got_, expected);
    EXPECT_TRUE(at_head_);
  }

 private:
  Seed& seed_;
  std::string thread_;
  Stream stream_;
  std::vector<v1::Event> journal_;
  std::deque<v1::Event> on_its_way_;
  int64_t heard_ = 0;
  std::optional<int64_t> asked_;
  std::optional<v1::JournalPage> read_;
  int64_t last_ = 0;
  std::vector<int64_t> got_;
  std::vector<std::pair<int64_t, size_t>> sent_;
  size_t unacked_ = 0;
  bool at_head_ = false;
};

TEST(StreamPropertyTest, EveryMatchingEventOnceInOrderWhateverHappens) {
  Seed seed;
  for (int round = 0; round < 120 && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(round);
    World world(seed, seed.one_in(3) ? "" : "t");
    // Some pages are quick, some acknowledge hardly ever.
    const int64_t laziness = seed.between(1, 12);
    for (int step = 0; step < 600 && !::testing::Test::HasFatalFailure(); ++step) {
      switch (seed.between(0, 8)) {
        case 0:
        case 1:
          world.publish();
          break;
        case 2:
          world.ask_for_page();
          break;
        case 3:
          world.read_page();
          break;
        case 4:
          world.take_page();
          break;
        case 5:
          world.send();
          break;
        case 6:
        case 7:
          world.hear_next();
          break;
        case 8:
          if (seed.one_in(laziness)) world.acknowledge();
          if (seed.one_in(20)) world.hear_state();
          break;
      }
    }
    world.finish();
  }
}

}  // namespace
}  // namespace zane::relay
