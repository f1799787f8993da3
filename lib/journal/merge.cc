#include "lib/journal/merge.h"

namespace zane::journal {
namespace {

namespace bj = boost::json;

// A delta's message with its text taken out; false when it is none. Codex's names:
// item/agentMessage/delta, item/commandExecution/outputDelta, …
bool read_delta(const v1::Event& event, bj::object& message, std::string& text) {
  if (!event.kind().empty() || event.item().empty() || event.list_level()) return false;
  if (!event.method().ends_with("/delta") && !event.method().ends_with("Delta")) return false;
  boost::system::error_code error;
  bj::value parsed = bj::parse(event.raw(), error);
  if (error || !parsed.is_object()) return false;
  message = std::move(parsed.get_object());
  bj::value* params = message.if_contains("params");
  if (!params || !params->is_object()) return false;
  const bj::value* delta = params->get_object().if_contains("delta");
  if (!delta || !delta->is_string()) return false;
  text.assign(delta->get_string().data(), delta->get_string().size());
  params->get_object().erase("delta");
  return true;
}

// Beside the text only Codex's stamp may differ; the last one is kept.
bool differ_by_text_alone(const bj::object& held, const bj::object& next) {
  if (held.size() != next.size()) return false;
  for (const auto& [key, value] : held) {
    const bj::value* other = next.if_contains(key);
    if (!other || (key != "emittedAtMs" && *other != value)) return false;
  }
  return true;
}

}  // namespace

void Merge::begin(v1::Event event) {
  event_ = std::move(event);
  held_ = true;
  count_ = 1;
  is_delta_ = read_delta(event_, message_, text_);
}

bool Merge::add(const v1::Event& next) {
  if (!held_ || !is_delta_ || next.item() != event_.item() || next.method() != event_.method() ||
      next.turn() != event_.turn() || next.thread() != event_.thread())
    return false;
  bj::object message;
  std::string text;
  if (!read_delta(next, message, text) || text_.size() + text.size() > kMergedBytesMax ||
      !differ_by_text_alone(message_, message))
    return false;
  message_ = std::move(message);
  text_ += text;
  event_.set_seq(next.seq());
  event_.set_prev_seq(next.prev_seq());
  ++count_;
  return true;
}

size_t Merge::bytes() const { return held_ ? event_.raw().size() + (count_ > 1 ? text_.size() : 0) : 0; }

v1::Event Merge::take() {
  held_ = false;
  if (count_ > 1) {
    message_["params"].as_object()["delta"] = text_;
    event_.set_raw(bj::serialize(message_));
    event_.set_merged(count_);
  }
  return std::move(event_);
}

}  // namespace zane::journal
