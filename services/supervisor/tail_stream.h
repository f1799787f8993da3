// One `zane tail`: events of the loop, written by gRPC's threads. The only place
// of supervisor with a mutex: a bounded queue between the two.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "zane/v1/admin.grpc.pb.h"

namespace zane::supervisor {

// A reader that falls this far behind is cut off with RESOURCE_EXHAUSTED.
inline constexpr size_t kTailEventsMax = 10000;
inline constexpr size_t kTailBytesMax = 16 * 1024 * 1024;

class TailStream final : public grpc::ServerWriteReactor<v1::TailEvent> {
 public:
  explicit TailStream(grpc::CallbackServerContext* context) : context_(context) {}

  // Keeps itself alive until gRPC is done with it.
  void hold(std::shared_ptr<TailStream> self) { self_ = std::move(self); }

  // What keeps the events coming: dropped, on any thread, when the stream ends.
  void listen_with(std::shared_ptr<void> token);

  // Any thread.
  void push(std::shared_ptr<const v1::Event> event);
  void end(grpc::Status status);
  [[nodiscard]] bool over() const;

  // gRPC's threads.
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void write_next();  // with mutex_ held

  grpc::CallbackServerContext* context_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const v1::Event>> queue_;
  size_t queued_bytes_ = 0;
  v1::TailEvent writing_;
  bool is_writing_ = false;
  bool finished_ = false;
  std::shared_ptr<void> token_;
  std::shared_ptr<TailStream> self_;
};

}  // namespace zane::supervisor
