#include "services/supervisor/rpc.h"

#include "boost/json.hpp"
#include "lib/json/scan.h"

namespace zane::supervisor {
namespace {

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string(text)); }

// The number in an id of ours; -1 for any other id.
int64_t number_of(std::string_view id) {
  int64_t number = 0;
  for (const char c : id) {
    if (c < '0' || c > '9' || number >= int64_t{1} << 52) return -1;
    number = number * 10 + (c - '0');
  }
  return id.empty() ? -1 : number;
}

}  // namespace

loop::Task<absl::StatusOr<CodexReply>> Rpc::call(std::string_view method, std::string_view params,
                                                 std::chrono::milliseconds deadline, Late late) {
  if (calls_.size() >= kCallsMax) co_return absl::ResourceExhaustedError("too many calls wait for codex");
  const std::string name(method);
  const int64_t id = next_call_++;
  std::string message = "{\"id\":" + std::to_string(id) + ",\"method\":" + quoted(method) + ",\"params\":";
  message += params.empty() ? std::string_view("{}") : params;
  message += '}';
  const auto waiting = std::make_shared<Call>(io_);
  calls_.emplace(id, waiting);
  if (!transport_.send(std::move(message))) {
    calls_.erase(id);
    co_return absl::UnavailableError("codex is not there");
  }
  if (!waiting->answered) co_await waiting->done.wait_awake(deadline);
  if (!waiting->answered && late)
    waiting->late = std::move(late);
  else
    calls_.erase(id);
  if (!waiting->answered) co_return absl::UnknownError("codex did not answer `" + name + "` in time");
  if (absl::IsUnknown(waiting->reply.status()))
    co_return absl::UnknownError("the connection to codex was lost before it answered `" + name + "`");
  co_return std::move(waiting->reply);
}

void Rpc::lose_calls() {
  for (auto& [id, waiting] : calls_) {
    waiting->answered = true;
    waiting->done.raise();
  }
  calls_.clear();
}

void Rpc::give_up(std::chrono::milliseconds waited) {
  const int64_t since = base::steady_ns() - std::chrono::nanoseconds(waited).count();
  for (auto& [id, waiting] : calls_)
    if (waiting->asked_ns <= since) waiting->done.raise();
}

bool Rpc::respond(std::string_view id, std::string_view result) {
  std::string message = "{\"id\":";
  message += id;
  message += ",\"result\":";
  message += result;
  message += '}';
  return transport_.send(std::move(message));
}

bool Rpc::respond_error(std::string_view id, int code, std::string_view message) {
  std::string text = "{\"id\":";
  text += id;
  text += ",\"error\":{\"code\":" + std::to_string(code) + ",\"message\":" + quoted(message) + "}}";
  return transport_.send(std::move(text));
}

bool Rpc::on_response(const CodexMessage& message, const Incoming& incoming) {
  const auto call = calls_.find(number_of(message.id));
  if (call == calls_.end() || call->second->answered) return false;
  const auto kept = call->second;
  auto& waiting = *kept;
  if (incoming.cut) {
    waiting.reply = absl::OutOfRangeError("codex's answer is too long: ask for less at a time");
  } else if (!message.understood) {
    waiting.reply = absl::OutOfRangeError("codex's answer can't be read as JSON");
  } else if (const auto result = json::member_bytes(incoming.raw, "result")) {
    waiting.reply = CodexReply{true, std::string(*result)};
  } else {
    const auto error = json::member_bytes(incoming.raw, "error");
    waiting.reply =
        CodexReply{false, std::string(error.value_or(R"({"message":"codex answered with nothing"})"))};
  }
  waiting.answered = true;
  waiting.done.raise();
  if (waiting.late) {
    calls_.erase(call);
    waiting.late(waiting.reply);
  }
  return true;
}

}  // namespace zane::supervisor
