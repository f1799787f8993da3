#include "services/relay/stream.h"

#include <algorithm>
#include <utility>

namespace zane::relay {
size_t bytes_of(const v1::Event& event) {
  return event.raw().size() + event.request().size() + event.shown().size() +
         static_cast<size_t>(event.left_out_bytes());
}

void Stream::begin(std::string epoch, int64_t seq) {
  epoch_ = std::move(epoch);
  through_ = sent_through_ = last_sent_ = seq;
  live_ = told_head_ = false;
  pending_.clear();
  pending_bytes_ = 0;
}

bool Stream::matches(const v1::Event& event) const {
  if (!thread_.empty()) return event.thread() == thread_;
  return event.list_level();
}

void Stream::add(v1::Event event) {
  pending_bytes_ += bytes_of(event);
  pending_.push_back(std::move(event));
}

void Stream::on_live(const v1::Event& event) {
  if (!live_ || event.seq() <= through_) return;
  if (matches(event)) {
    if (pending_bytes_ > kPendingBytesMax) return fall_behind();
    add(event);
  }
  through_ = event.seq();
}

void Stream::fall_behind() {
  live_ = false;
  pending_.clear();
  pending_bytes_ = 0;
  through_ = sent_through_;
}

void Stream::on_page(const v1::JournalPage& page, int64_t published) {
  for (const auto& event : page.events())
    if (event.seq() > through_) add(event);
  through_ = std::max(through_, page.through_seq());
  live_ = through_ >= published && through_ >= page.head_seq();
}

void Stream::on_ack(int64_t seq) {
  while (!unacked_.empty() && unacked_.front().first <= seq) {
    unacked_bytes_ -= unacked_.front().second;
    unacked_.pop_front();
  }
}

Stream::Next Stream::next() const {
  if (unacked_bytes_ >= kUnackedBytesMax) return Next::kNothing;
  if (!pending_.empty() || (live_ && !told_head_)) return Next::kSendPending;
  return live_ ? Next::kNothing : Next::kReadJournal;
}

Stream::Batch Stream::take_batch() {
  Batch batch;
  before_ = {sent_through_, last_sent_, told_head_, false};
  batch.prev_seq = last_sent_;
  size_t bytes = 0;
  while (!pending_.empty() && static_cast<int>(batch.events.size()) < kBatchEventsMax) {
    const size_t size = std::min(bytes_of(pending_.front()), kEventBytesMax);
    if (bytes > 0 && bytes + size > kBatchBytes) break;
    bytes += size;
    pending_bytes_ -= bytes_of(pending_.front());
    batch.events.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  if (!batch.events.empty()) {
    last_sent_ = batch.events.back().seq();
    unacked_.emplace_back(last_sent_, bytes);
    unacked_bytes_ += bytes;
    before_.had_events = true;
  }
  sent_through_ = pending_.empty() ? through_ : last_sent_;
  batch.at_head = live_ && pending_.empty();
  told_head_ = batch.at_head || told_head_;
  return batch;
}

void Stream::take_back() {
  if (std::exchange(before_.had_events, false)) {
    unacked_bytes_ -= unacked_.back().second;
    unacked_.pop_back();
  }
  sent_through_ = before_.sent_through;
  last_sent_ = before_.last_sent;
  told_head_ = before_.told_head;
  fall_behind();
}

}  // namespace zane::relay
