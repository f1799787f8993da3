// One file of the journal: what a log says is read to the last whole record, wherever its
// pieces end, and a sealed file is believed as far as it fits itself.
#include "lib/journal/segment.h"

#include <fstream>
#include <functional>

#include "gtest/gtest.h"
#include "lib/testing/journal_house.h"
#include "lib/testing/seed.h"

namespace zane::journal {
namespace {

using zane::testing::Seed;

constexpr int64_t kPiece = 256 * 1024;
constexpr int64_t kFirst = 7;

class SegmentTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }
  std::unique_ptr<Segment> begin() { return Segment::begin(folder_, kFirst); }
  // Appends an event whose record is about `record_bytes` long, and says where it ends.
  static int64_t add(Segment& log, int64_t record_bytes, const std::string& thread = "a") {
    v1::Event event;
    event.set_seq(log.last_seq() + 1);
    event.set_thread(thread);
    event.set_raw(std::string(static_cast<size_t>(std::max<int64_t>(0, record_bytes - 32)), 'r'));
    Segment::Records records;
    Segment::add_record(records, 5, event);
    log.append(records);
    return log.bytes();
  }
  [[nodiscard]] std::filesystem::path log_file() const { return folder_ / "00000000000000000007.log"; }
  static std::unique_ptr<Segment> open(const std::filesystem::path& file) {
    bool torn = false;
    return Segment::open(file, torn);
  }
  static int64_t count(Segment& segment) {
    int64_t events = 0;
    const Segment::Index index = segment.index();
    for (const auto& block : index->blocks())
      segment.read(block, [&](int64_t, v1::Event) { return ++events > 0; });
    return events;
  }
  zane::testing::TempFolder temp_;
  const std::filesystem::path folder_ = temp_ / "logs";
};

TEST_F(SegmentTest, ALogIsReadToItsLastWholeRecordWhereverItsPiecesEnd) {
  Seed seed;
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    std::vector<int64_t> ends;
    {
      const auto log = begin();
      for (int64_t n = seed.between(0, 6), at = 0; n > 0; --n) {
        const int64_t lengths[] = {kPiece + seed.between(-20, 20), kPiece - at % kPiece + seed.between(-3, 3),
                                   seed.between(kPiece, 4 * kPiece), 40, seed.between(40, 3000)};
        ends.push_back(at = add(*log, lengths[seed.between(0, 4)]));
      }
    }
    const auto size = static_cast<int64_t>(std::filesystem::file_size(log_file()));
    // Up to where it is left as it was.
    int64_t whole = size;
    if (const int64_t how = seed.between(0, 3); how == 1) {
      whole = seed.between(0, size);
      std::filesystem::resize_file(log_file(), static_cast<uint64_t>(whole));
    } else if (how == 2 && size > 0) {
      whole = seed.between(0, size - 1);
      flip(log_file(), whole);
    } else if (how == 3) {
      std::ofstream(log_file(), std::ios::app | std::ios::binary)
          << std::string(static_cast<size_t>(seed.between(1, 20)), seed.one_in(2) ? '\0' : '\xff');
    }
    const auto last = std::upper_bound(ends.begin(), ends.end(), whole);
    bool torn = false;
    const auto size_now = static_cast<int64_t>(std::filesystem::file_size(log_file()));
    const auto segment = Segment::open(log_file(), torn);
    ASSERT_EQ(segment->bytes(), last == ends.begin() ? 0 : *(last - 1));
    ASSERT_EQ(segment->last_seq(), kFirst - 1 + (last - ends.begin()));
    ASSERT_EQ(torn, segment->bytes() != size_now);
    ASSERT_EQ(static_cast<int64_t>(std::filesystem::file_size(log_file())), segment->bytes());
    ASSERT_EQ(count(*segment), last - ends.begin());
  }
}

// Without a copy of what is cut off only an end is: what follows a damaged record may be good.
TEST_F(SegmentTest, WithoutRoomForACopyAnEndAloneIsCutOff) {
  std::filesystem::create_directory(log_file().string() + ".torn");
  int64_t first_end = 0;
  {
    const auto log = begin();
    first_end = add(*log, 500);
    add(*log, 500);
  }
  flip(log_file(), first_end / 2);
  EXPECT_THROW(open(log_file()), SegmentError);
  flip(log_file(), first_end / 2);
  std::filesystem::resize_file(log_file(), std::filesystem::file_size(log_file()) - 1);
  EXPECT_EQ(open(log_file())->bytes(), first_end);
}

TEST_F(SegmentTest, ASealedFileSaysWhatItsLogSaid) {
  const auto log = begin();
  // More threads than fit what is read at once of an end.
  for (int i = 0; i < 3000; ++i) add(*log, 60, "thread " + std::to_string(i));
  const auto sealed = open(Segment::seal(log->full()));
  EXPECT_EQ(sealed->last_seq(), log->last_seq());
  EXPECT_EQ(sealed->summary().threads_size(), log->summary().threads_size());
  EXPECT_GT(sealed->summary().ByteSizeLong(), 8192u);
  EXPECT_EQ(count(*sealed), 3000);
  EXPECT_TRUE(sealed->may_hold("thread 2999", hash_of("thread 2999")));
  EXPECT_FALSE(sealed->may_hold("nobody", hash_of("nobody")));
}

TEST_F(SegmentTest, EachByteBehindTheBlocksCounts) {
  const auto log = begin();
  for (int i = 0; i < 600; ++i) add(*log, 60, "thread " + std::to_string(i % 3));
  const auto file = Segment::seal(log->full());
  const int64_t from = open(file)->summary().index_offset();
  const auto size = static_cast<int64_t>(std::filesystem::file_size(file));
  for (int64_t at = from; at < size; ++at) {
    flip(file, at);
    EXPECT_THROW((void)open(file)->index(), SegmentError) << at - from;
    flip(file, at);
  }
  EXPECT_EQ(count(*open(file)), 600);
}

TEST_F(SegmentTest, AnEndThatDoesNotFitItsBlocksIsDamage) {
  const auto log = begin();
  for (int i = 0; i < 600; ++i) add(*log, 60, i % 2 ? "a" : "b");
  const auto sealed = [&](const std::function<void(Segment::Full&)>& change) {
    Segment::Full full = log->full();
    change(full);
    return Segment::seal(full);
  };
  const auto more = sealed([](auto& full) { full.summary.set_last_seq(full.summary.last_seq() + 1); });
  EXPECT_THROW((void)open(more)->index(), SegmentError);
  const auto fewer = sealed([](auto& full) { full.index.mutable_blocks()->RemoveLast(); });
  EXPECT_THROW((void)open(fewer)->index(), SegmentError);
  const auto before = sealed([](auto& full) { full.summary.set_last_seq(0); });
  EXPECT_THROW(open(before), SegmentError);
  const auto endless = sealed([](auto& full) { full.summary.set_last_seq(INT64_MAX); });
  EXPECT_THROW(open(endless), SegmentError);
  const auto unsorted = sealed([](auto& full) {
    std::swap(*full.summary.mutable_threads()->begin(), *(full.summary.mutable_threads()->end() - 1));
  });
  EXPECT_THROW(open(unsorted), SegmentError);
}

}  // namespace
}  // namespace zane::journal
