// A second connection to the same app-server, for what is long or slow: reads of
// history, lists, whole threads. So a viewer's huge answer, a slow list or a
// stuck call delays and cuts nothing of the events. Follows the main connection;
// answers nothing and hears no thread. On the loop.
#pragma once

#include <memory>

#include "services/supervisor/codex.h"

namespace zane::supervisor {

// An answer that is longer is cut here: no frame or envelope could carry it.
inline constexpr size_t kBulkAnswerBytesMax = 4 * 1024 * 1024;
// Under way at once, and waiting for that.
inline constexpr size_t kBulkCallsMax = 32;
inline constexpr size_t kBulkWaitingMax = 512;
inline constexpr std::chrono::seconds kBulkDeadline{60};

class Bulk {
 public:
  // All references outlive it.
  Bulk(loop::Io& io, const Codex& codex, Transport& transport, CodexTimes times = {});

  // Its loop; never returns.
  loop::Task<> run();
  // The main connection is ready, or is over.
  void codex_changed();
  void detach();

  // As Codex::call. Unavailable while there is no Codex; ResourceExhausted when
  // too many wait; OutOfRange when the answer is longer than the bound; Cancelled
  // when `still`, asked after all waiting and right before it is sent, says no.
  loop::Task<absl::StatusOr<CodexReply>> call(std::string method, std::string params,
                                              std::function<bool()> still = nullptr,
                                              std::chrono::milliseconds deadline = kBulkDeadline);

 private:
  loop::Task<absl::Status> open();
  loop::Task<bool> take_turn(std::chrono::milliseconds patience);

  loop::Io& io_;
  const Codex& codex_;
  Transport& transport_;
  const CodexTimes times_;
  Rpc rpc_;
  loop::Signal changed_;
  bool ready_ = false;
  bool detached_ = false;
  size_t under_way_ = 0;
  size_t waiting_ = 0;
};

}  // namespace zane::supervisor
