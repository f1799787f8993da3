#include "services/supervisor/bulk.h"

#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{20};

}  // namespace

Bulk::Bulk(loop::Io& io, const Codex& codex, Transport& transport, CodexTimes times)
    : io_(io), codex_(codex), transport_(transport), times_(times), rpc_(io, transport), changed_(io) {}

void Bulk::codex_changed() {
  changed_.raise();
  if (!codex_.ready() && ready_) transport_.close();
}

void Bulk::detach() {
  detached_ = true;
  transport_.close();
}

loop::Task<> Bulk::run() {
  while (!detached_) {
    if (!codex_.ready()) {
      co_await changed_.wait();
      continue;
    }
    const auto connected = co_await transport_.connect(codex_.socket_path());
    if (connected.ok()) {
      loop::spawn(io_, "bulk_open", [](Bulk& bulk) -> loop::Task<> {
        const auto opened = co_await bulk.open();
        if (!opened.ok()) bulk.transport_.close();
      }(*this));
      const auto end = co_await transport_.run([this](const Incoming& incoming) {
        const auto message =
            incoming.cut ? read_broken_message(incoming.raw) : read_codex_message(incoming.raw);
        // News and requests are the main connection's: here they are left alone.
        if (message.ok() && message->kind == CodexMessage::Kind::kResponse)
          (void)rpc_.on_response(*message, incoming);
      });
      ready_ = false;
      rpc_.lose_calls();
      if (codex_.ready() && !detached_) log::warn("bulk_connection_ended", {{"why", end.message()}});
    }
    co_await loop::sleep_for(io_, times_.first_pause);
  }
}

loop::Task<absl::Status> Bulk::open() {
  const auto reply = co_await rpc_.call("initialize", initialize_params(), times_.initialize);
  if (!reply.ok()) co_return reply.status();
  if (!reply->ok || !transport_.send(R"({"method":"initialized"})"))
    co_return absl::UnavailableError("codex refused the second connection");
  ready_ = true;
  co_return absl::OkStatus();
}

loop::Task<bool> Bulk::take_turn(milliseconds patience) {
  const auto until = loop::Timer::clock_type::now() + patience;
  while (!ready_ || under_way_ >= kBulkCallsMax) {
    // A Codex that is just being attached is waited for as well.
    const bool hopeless = !codex_.ready() && codex_.state().state() != "starting";
    if (hopeless || loop::Timer::clock_type::now() >= until) co_return false;
    co_await loop::sleep_for(io_, kLook);
  }
  co_return true;
}

loop::Task<absl::StatusOr<CodexReply>> Bulk::call(std::string method, std::string params,
                                                  std::function<bool()> still, milliseconds deadline) {
  if (waiting_ >= kBulkWaitingMax) co_return absl::ResourceExhaustedError("too many reads wait for codex");
  ++waiting_;
  const bool mine = co_await take_turn(times_.patience);
  --waiting_;
  if (!mine) {
    if (codex_.ready() && ready_) co_return absl::ResourceExhaustedError("too many reads wait for codex");
    co_return absl::UnavailableError("codex is not running: " + codex_.state().message());
  }
  if (still && !still()) co_return absl::CancelledError("it is not wanted any more");
  ++under_way_;
  auto reply = co_await rpc_.call(method, params, deadline);
  --under_way_;
  if (absl::IsOutOfRange(reply.status()))
    co_return absl::OutOfRangeError(
        "codex's answer is longer than 4 MiB: ask for less at a time (a smaller `limit`, or "
        "`thread/items/list` "
        "with `deferOutput`)");
  co_return reply;
}

}  // namespace zane::supervisor
