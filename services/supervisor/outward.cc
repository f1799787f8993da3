#include "services/supervisor/outward.h"

#include "boost/asio/post.hpp"
#include "boost/json.hpp"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

// Events that share a commit, at most.
constexpr size_t kGroupEvents = 256;
// What could not be written is tried again this often.
constexpr std::chrono::milliseconds kWeatherPause{500};

}  // namespace

Outward::Outward(bus::Node& node, journal::Journal& journal, const base::Clock& clock,
                 std::function<std::string(const std::string&)> trace_of_turn,
                 std::function<v1::CodexState()> codex_state, std::function<void(const std::string&)> on_disk)
    : node_(node),
      journal_(journal),
      clock_(clock),
      trace_of_turn_(std::move(trace_of_turn)),
      codex_state_(std::move(codex_state)),
      on_disk_(std::move(on_disk)),
      publisher_(node, [this] { publish_state(); }),
      flush_due_(node.io()) {}

void Outward::codex_said(const CodexMessage& message, const Incoming& incoming) {
  journal_.append(level_of(message.method), clock_.now_ms(), [&](v1::Event& event) {
    event.set_thread(message.thread);
    event.set_turn(message.turn);
    event.set_item(message.item);
    event.set_method(message.method);
    event.set_raw(incoming.raw.data(), incoming.raw.size());
    event.set_read_ns(incoming.read_ns);
  });
  schedule_flush();
}

void Outward::say(const OwnWords& words) {
  journal_.append(words.level, clock_.now_ms(), [&](v1::Event& event) {
    event.set_kind(words.kind);
    event.set_thread(words.thread);
    event.set_turn(words.turn);
    event.set_item(words.item);
    event.set_method(words.method);
    event.set_raw(
        boost::json::serialize(boost::json::object{{"method", words.method}, {"params", words.params}}));
  });
  schedule_flush();
}

void Outward::tell(const std::function<void(v1::Event&)>& fill) {
  journal_.append(journal::Level::kList, clock_.now_ms(), fill);
  schedule_flush();
}

void Outward::schedule_flush() {
  if (troubled_) return;
  if (journal_.uncommitted() >= kGroupEvents) return flush();
  if (std::exchange(flush_scheduled_, true)) return;
  boost::asio::post(node_.io(), [this] {
    if (flush_scheduled_ && !troubled_) flush();
  });
}

void Outward::flush() {
  flush_scheduled_ = false;
  auto told = journal_.commit();
  for (v1::Event& event : told) publish(std::move(event));
  if (!told.empty()) publisher_.flush();
  const bool troubled = !journal_.trouble().empty();
  if (troubled || troubled_) on_disk_(journal_.trouble());
  troubled_ = troubled;
  if (!troubled) return;
  // Nothing is told that is not kept: it waits, and is tried again.
  flush_scheduled_ = true;
  flush_due_.expires_after(kWeatherPause);
  flush_due_.async_wait([this](boost::system::error_code error) {
    if (!error && flush_scheduled_) flush();
  });
}

void Outward::publish(v1::Event event) {
  v1::Envelope envelope;
  envelope.set_id("e" + std::to_string(event.seq()));
  const std::string trace = trace_of_turn_(event.turn());
  envelope.set_trace(trace.empty() ? event.thread() : trace);
  envelope.set_sender(std::string(bus::kSupervisor));
  // First: who listens keeps it as long as its reader likes.
  journal::leave_out_if_long(event);
  if (!listeners_.empty()) {
    const auto shared = std::make_shared<const v1::Event>(event);
    std::erase_if(listeners_, [&](const auto& weak) {
      const auto listener = weak.lock();
      if (listener) (*listener)(shared);
      return !listener;
    });
  }
  *envelope.mutable_event() = std::move(event);
  // Another piece of a text may come together with the next one.
  const bool delta = envelope.event().method().ends_with("elta");
  publisher_.add(envelope, delta ? bus::Publisher::Haste::kMayRest : bus::Publisher::Haste::kNow);
}

void Outward::publish_state() {
  v1::Envelope envelope = node_.envelope();
  *envelope.mutable_codex_state() = codex_state_();
  envelope.mutable_codex_state()->set_epoch(journal_.epoch());
  envelope.mutable_codex_state()->set_head_seq(journal_.head_seq());
  publisher_.add(envelope);
  publisher_.flush(/*must=*/true);
}

std::shared_ptr<Outward::Listener> Outward::listen(Listener listener) {
  auto token = std::make_shared<Listener>(std::move(listener));
  listeners_.push_back(token);
  return token;
}

}  // namespace zane::supervisor
