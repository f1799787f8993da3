#include "services/supervisor/tail_stream.h"

#include "lib/journal/journal.h"

namespace zane::supervisor {

void TailStream::push(std::shared_ptr<const v1::Event> event) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  if (queue_.size() >= kTailEventsMax || queued_bytes_ > kTailBytesMax) {
    queue_.clear();
    finished_ = true;
    Finish(
        grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the reader is too slow: run `zane tail` again"));
    // A reader that never reads keeps even a finished stream alive.
    context_->TryCancel();
    return;
  }
  queued_bytes_ += journal::told_bytes(*event);
  queue_.push_back(std::move(event));
  write_next();
}

void TailStream::write_next() {
  if (is_writing_ || finished_ || queue_.empty()) return;
  *writing_.mutable_event() = *queue_.front();
  queued_bytes_ -= journal::told_bytes(*queue_.front());
  queue_.pop_front();
  is_writing_ = true;
  StartWrite(&writing_);
}

void TailStream::end(grpc::Status status) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(finished_, true)) return;
  Finish(std::move(status));
}

bool TailStream::over() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

void TailStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  if (!ok && !finished_) {
    finished_ = true;
    Finish(grpc::Status::CANCELLED);
    return;
  }
  write_next();
}

void TailStream::OnCancel() { end(grpc::Status::CANCELLED); }

void TailStream::listen_with(std::shared_ptr<void> token) {
  const std::lock_guard lock(mutex_);
  if (!finished_) token_ = std::move(token);
}

void TailStream::OnDone() {
  {
    // The listener holds this stream: a circle until here.
    const std::lock_guard lock(mutex_);
    finished_ = true;
    token_.reset();
  }
  // Last: may free this.
  const auto self = std::move(self_);
}

}  // namespace zane::supervisor
