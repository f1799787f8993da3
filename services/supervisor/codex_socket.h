// The WebSocket to `codex app-server` over its Unix socket. Knows frames, not
// meanings. One per connection; on the loop.
#pragma once

#include <deque>
#include <memory>

#include "services/supervisor/transport.h"

namespace zane::supervisor {

class CodexSocket final : public Transport {
 public:
  // `message_bytes_max`: of a longer message only the head is kept.
  explicit CodexSocket(loop::Io& io, size_t message_bytes_max = kCodexMessageBytesMax);
  ~CodexSocket() override;

  loop::Task<absl::Status> connect(const std::filesystem::path& path) override;
  loop::Task<absl::Status> run(OnMessage on_message) override;
  bool send(std::string message) override;
  void hold(bool held) override;
  [[nodiscard]] bool held() const override { return held_; }
  void close() override;
  [[nodiscard]] const std::string& instance() const override { return instance_; }
  [[nodiscard]] int64_t peer_pid() const override { return peer_pid_; }

 private:
  struct Stream;
  loop::Task<> write();

  loop::Io& io_;
  const size_t message_bytes_max_;
  // Shared with the coroutines that still run on it when a new one is made.
  std::shared_ptr<Stream> stream_;
  std::deque<std::string> outbox_;
  size_t outbox_bytes_ = 0;
  loop::Signal to_write_;
  loop::Signal released_;
  bool held_ = false;
  std::string instance_;
  int64_t peer_pid_ = -1;
  std::shared_ptr<bool> open_;
};

}  // namespace zane::supervisor
