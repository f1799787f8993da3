// One client's stream of events: what it has been sent, what waits, how much it
// has acknowledged. Decides what to do next; does nothing itself. Pure state.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "zane/v1/event.pb.h"
#include "zane/v1/link.pb.h"

namespace zane::relay {

// Sent and not acknowledged, at most; then the stream holds back.
inline constexpr size_t kUnackedBytesMax = 1024 * 1024;
// Live events that wait for the next batch; beyond it they are dropped here and
// read from the journal again when the client is ready for them.
inline constexpr size_t kPendingBytesMax = 1024 * 1024;
// One frame's worth.
inline constexpr size_t kBatchBytes = 128 * 1024;
inline constexpr int kBatchEventsMax = 500;
// An event longer than this does not fit a frame with its header.
inline constexpr size_t kEventBytesMax = 900 * 1024;

class Stream {
 public:
  Stream(std::string name, std::string thread) : name_(std::move(name)), thread_(std::move(thread)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& thread() const { return thread_; }
  [[nodiscard]] const std::string& epoch() const { return epoch_; }

  // Everything up to `seq` is the client's already.
  void begin(std::string epoch, int64_t seq);

  // A published event, matching or not, right after the one before it.
  void on_live(const v1::Event& event);
  // Something was published that this stream did not see: read the journal.
  void fall_behind();

  // A page of the journal after through_seq(). `published` is the last event
  // known to be published: with the page up to there the stream is live.
  void on_page(const v1::JournalPage& page, int64_t published);

  void on_ack(int64_t seq);

  enum class Next { kNothing, kSendPending, kReadJournal };
  [[nodiscard]] Next next() const;
  [[nodiscard]] int64_t through_seq() const { return through_; }

  // The next batch out of what waits; empty when nothing does.
  struct Batch {
    int64_t prev_seq = 0;
    std::vector<v1::Event> events;
    bool at_head = false;
  };
  Batch take_batch();
  // The batch that was taken last could not be sent: nothing of it is the client's.
  void take_back();

 private:
  [[nodiscard]] bool matches(const v1::Event& event) const;
  void add(v1::Event event);

  std::string name_;
  std::string thread_;
  std::string epoch_;
  // Of what matches, all up to here is sent or waits in pending_.
  int64_t through_ = 0;
  // … and all up to here is sent.
  int64_t sent_through_ = 0;
  // The last event sent: what the client believes to be the stream's end.
  int64_t last_sent_ = 0;
  bool live_ = false;
  bool told_head_ = false;
  // As they were before the last batch.
  struct {
    int64_t sent_through = 0;
    int64_t last_sent = 0;
    bool told_head = false;
    bool had_events = false;
  } before_;
  std::deque<v1::Event> pending_;
  size_t pending_bytes_ = 0;
  std::deque<std::pair<int64_t, size_t>> unacked_;
  size_t unacked_bytes_ = 0;
};

size_t bytes_of(const v1::Event& event);

}  // namespace zane::relay
