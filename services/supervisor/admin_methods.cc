#include "services/supervisor/admin_methods.h"

#include <unistd.h>

#include <set>

#include "boost/asio/post.hpp"
#include "lib/json/strict.h"
#include "lib/link/choices.h"
#include "lib/text/utf8.h"
#include "services/supervisor/tail_stream.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;

constexpr int kThreadsDefault = 25;
constexpr int kThreadsMax = 100;
constexpr int kPastMax = 1000;
constexpr int kApprovalsMax = 100;
// A line for a terminal; a hundred of them fit a gRPC message many times.
constexpr size_t kSummaryBytesMax = 4096;

std::string text_at(const bj::object& object, std::string_view key) {
  return std::string(json::string_at(object, key).value_or(""));
}

grpc::Status stopping_status() {
  return {grpc::StatusCode::UNAVAILABLE, "supervisor is stopping: try again"};
}

grpc::Status status_of(const absl::Status& status) {
  if (absl::IsUnavailable(status) || absl::IsAborted(status))
    return {grpc::StatusCode::UNAVAILABLE, std::string(status.message())};
  if (absl::IsDeadlineExceeded(status))
    return {grpc::StatusCode::DEADLINE_EXCEEDED, std::string(status.message())};
  return {grpc::StatusCode::FAILED_PRECONDITION, std::string(status.message())};
}

void read_thread(const bj::object& thread, v1::ThreadSummary& summary) {
  summary.set_thread(text_at(thread, "id"));
  summary.set_preview(text_at(thread, "name").empty() ? text_at(thread, "preview") : text_at(thread, "name"));
  summary.set_cwd(text_at(thread, "cwd"));
  if (const auto* status = json::object_at(thread, "status")) summary.set_status(text_at(*status, "type"));
  summary.set_updated_at_s(json::int_at(thread, "updatedAt").value_or(0));
}

std::string summary_of(const Approval& approval) {
  const auto request = json::parse_codex_object(approval.request);
  const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
  if (!params) return approval.method;
  if (const auto command = json::string_at(*params, "command"))
    return std::string(*command) + "  (in " + text_at(*params, "cwd") + ")";
  if (const auto message = json::string_at(*params, "message"); message && !message->empty())
    return std::string(*message);
  const auto* questions = json::array_at(*params, "questions");
  if (questions && !questions->empty() && questions->front().is_object())
    return text_at(questions->front().as_object(), "question");
  const auto reason = text_at(*params, "reason");
  std::string summary = reason.empty() ? approval.method : approval.method + ": " + reason;
  // What is asked for counts more than why.
  if (const auto* permissions = json::object_at(*params, "permissions"))
    summary += "  " + bj::serialize(*permissions);
  return summary;
}

v1::ApprovalRow row_of(const Approval& approval) {
  v1::ApprovalRow row;
  row.set_approval(approval.id);
  row.set_state(approval.state);
  row.set_method(approval.method);
  row.set_thread(approval.thread);
  row.set_digest(approval.digest);
  row.set_summary(std::string(text::cut_at_character(summary_of(approval), kSummaryBytesMax)));
  row.set_opened_ms(approval.opened_ms);
  row.set_actor(approval.actor.name());
  row.set_choice(approval.choice);
  for (const auto& choice : link::told_choices(approval.method, approval.request).choices)
    row.add_choices(std::string(choice.at("choice").as_string()));
  return row;
}

}  // namespace

// A call is finished once: by its task, or by end_calls() when supervisor stops
// and the loop that would run the task is about to end.
grpc::ServerUnaryReactor* AdminMethods::on_loop(grpc::CallbackServerContext* context,
                                                std::function<loop::Task<grpc::Status>()> task) {
  auto* reactor = context->DefaultReactor();
  {
    const std::lock_guard lock(calls_mutex_);
    if (stopping_) {
      reactor->Finish(stopping_status());
      return reactor;
    }
    calls_.insert(reactor);
  }
  boost::asio::post(service_.io(), [this, reactor, task = std::move(task)]() mutable {
    loop::spawn(service_.io(), "admin_call",
                [](AdminMethods& self, auto* r, std::function<loop::Task<grpc::Status>()> t) -> loop::Task<> {
                  auto status = co_await t();
                  if (self.take_call(r)) r->Finish(std::move(status));
                }(*this, reactor, std::move(task)));
  });
  return reactor;
}

bool AdminMethods::take_call(grpc::ServerUnaryReactor* reactor) {
  const std::lock_guard lock(calls_mutex_);
  return calls_.erase(reactor) > 0;
}

bool AdminMethods::busy() {
  std::erase_if(tails_, [](const auto& tail) { return tail->over(); });
  const std::lock_guard lock(calls_mutex_);
  return !calls_.empty() || !tails_.empty();
}

void AdminMethods::end_calls() {
  std::set<grpc::ServerUnaryReactor*> open;
  {
    const std::lock_guard lock(calls_mutex_);
    stopping_ = true;
    open.swap(calls_);
  }
  for (auto* reactor : open) reactor->Finish(stopping_status());
}

loop::Task<grpc::Status> AdminMethods::order_json(std::string method, bj::object params,
                                                  std::string command_id, bj::object& result) {
  const auto answer = co_await service_.inward().order(method, bj::serialize(params),
                                                       static_cast<int64_t>(::getuid()), command_id);
  if (!answer.ok()) co_return status_of(answer.status());
  if (answer->state() != "done")
    co_return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                           answer->reason() + ": " + answer->message());
  auto parsed = json::parse_object(answer->result());
  if (parsed.ok()) result = *std::move(parsed);
  co_return grpc::Status::OK;
}

grpc::ServerUnaryReactor* AdminMethods::Status(grpc::CallbackServerContext* context, const v1::StatusRequest*,
                                               v1::StatusReply* reply) {
  return on_loop(context, [this, reply]() -> loop::Task<grpc::Status> {
    *reply = co_await service_.inward().status();
    co_return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Threads(grpc::CallbackServerContext* context,
                                                const v1::ThreadsRequest* request, v1::ThreadsReply* reply) {
  return on_loop(context, [this, request, reply]() -> loop::Task<grpc::Status> {
    const int limit = request->limit() == 0 ? kThreadsDefault : std::clamp(request->limit(), 1, kThreadsMax);
    bj::object result;
    const auto status =
        co_await order_json("thread/list", {{"limit", limit}, {"sortKey", "updated_at"}}, "", result);
    if (!status.ok()) co_return status;
    if (const auto* data = json::array_at(result, "data"))
      for (const auto& thread : *data)
        if (thread.is_object()) read_thread(thread.as_object(), *reply->add_threads());
    co_return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Start(grpc::CallbackServerContext* context,
                                              const v1::StartRequest* request, v1::StartReply* reply) {
  return on_loop(context, [this, request, reply]() -> loop::Task<grpc::Status> {
    bj::object params{{"cwd", request->cwd()}, {"prompt", request->prompt()}};
    if (!request->model().empty()) params["model"] = request->model();
    if (!request->effort().empty()) params["effort"] = request->effort();
    if (!request->permissions().empty()) params["permissions"] = request->permissions();
    bj::object result;
    const auto status =
        co_await order_json("zane/task/start", std::move(params), request->command_id(), result);
    reply->set_thread(text_at(result, "thread"));
    reply->set_turn(text_at(result, "turn"));
    co_return status;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Approvals(grpc::CallbackServerContext* context,
                                                  const v1::ApprovalsRequest* request,
                                                  v1::ApprovalsReply* reply) {
  return on_loop(context, [this, request, reply]() -> loop::Task<grpc::Status> {
    const auto& start = request->begins_with();
    std::set<std::string> told;
    const auto tell = [&](const std::vector<Approval>& approvals) {
      for (const auto& approval : approvals)
        if (approval.id.starts_with(start) && told.insert(approval.id).second)
          *reply->add_approvals() = row_of(approval);
    };
    if (request->all() || !start.empty()) tell(service_.approvals().latest(kApprovalsMax));
    // An open one may be older than all of those.
    if (!request->all() || !start.empty()) tell(service_.approvals().unsettled());
    co_return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Decide(grpc::CallbackServerContext* context,
                                               const v1::DecideRequest* request, v1::DecideReply* reply) {
  return on_loop(context, [this, request, reply]() { return decide(*request, *reply); });
}

loop::Task<grpc::Status> AdminMethods::decide(const v1::DecideRequest& request, v1::DecideReply& reply) {
  const auto approval = service_.approvals().find(request.approval());
  if (!approval)
    co_return grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such approval: see `zane approvals`");
  bj::object result;
  const auto status = co_await order_json(
      "zane/approval/decide",
      {{"approval", request.approval()}, {"digest", request.digest()}, {"choice", request.choice()}}, "",
      result);
  reply.set_state(text_at(result, "state"));
  co_return status;
}

grpc::ServerUnaryReactor* AdminMethods::Pair(grpc::CallbackServerContext* context, const v1::PairLinkRequest*,
                                             v1::PairLinkReply* reply) {
  return on_loop(context, [this, reply]() -> loop::Task<grpc::Status> {
    bj::object result;
    const auto status = co_await order_json("zane/pair", {}, "", result);
    reply->set_url(text_at(result, "url"));
    reply->set_expires_ms(json::int_at(result, "expiresAt").value_or(0));
    const auto* reachable = result.if_contains("reachable");
    reply->set_reachable(reachable && reachable->is_bool() && reachable->as_bool());
    reply->set_advice(text_at(result, "advice"));
    co_return status;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Devices(grpc::CallbackServerContext* context,
                                                const v1::DevicesRequest*, v1::DevicesReply* reply) {
  return on_loop(context, [this, reply]() -> loop::Task<grpc::Status> {
    bj::object result;
    const auto status = co_await order_json("zane/devices", {}, "", result);
    if (const auto* devices = json::array_at(result, "devices"))
      for (const auto& d : *devices) {
        if (!d.is_object()) continue;
        auto* row = reply->add_devices();
        row->set_device(text_at(d.as_object(), "device"));
        row->set_name(text_at(d.as_object(), "name"));
        row->set_role(text_at(d.as_object(), "role"));
        row->set_paired_ms(json::int_at(d.as_object(), "pairedAt").value_or(0));
        row->set_last_seen_ms(json::int_at(d.as_object(), "lastSeenAt").value_or(0));
      }
    co_return status;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Hooks(grpc::CallbackServerContext* context,
                                              const v1::HooksQuestion* request, v1::HooksAnswer* reply) {
  return on_loop(context, [this, request, reply]() -> loop::Task<grpc::Status> {
    v1::Envelope question = service_.inward().envelope();
    *question.mutable_hooks_question() = *request;
    auto answer = co_await service_.inward().webhook().ask(std::move(question));
    if (!answer.ok()) co_return status_of(answer.status());
    reply->Swap(answer->mutable_hooks_answer());
    co_return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AdminMethods::Replay(grpc::CallbackServerContext* context,
                                               const v1::ReplayDelivery* request,
                                               v1::DeliveryReplayed* reply) {
  return on_loop(context, [this, request, reply]() -> loop::Task<grpc::Status> {
    v1::Envelope order = service_.inward().envelope();
    *order.mutable_replay_delivery() = *request;
    auto answer = co_await service_.inward().webhook().ask(std::move(order));
    if (!answer.ok()) co_return status_of(answer.status());
    reply->Swap(answer->mutable_delivery_replayed());
    co_return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::TailEvent>* AdminMethods::Tail(grpc::CallbackServerContext* context,
                                                            const v1::TailRequest* request) {
  auto stream = std::make_shared<TailStream>(context);
  stream->hold(stream);
  boost::asio::post(service_.io(), [this, stream, thread = request->thread(), past = request->past()] {
    service_.outward().flush();
    if (past > 0)
      for (auto& event : service_.journal().tail(thread, std::min(past, kPastMax)))
        stream->push(std::make_shared<v1::Event>(std::move(event)));
    auto token = service_.outward().listen([stream, thread](const std::shared_ptr<const v1::Event>& event) {
      if (thread.empty() || event->thread() == thread) stream->push(event);
    });
    std::erase_if(tails_, [](const auto& tail) { return tail->over(); });
    tails_.insert(stream);
    stream->listen_with(std::move(token));
  });
  return stream.get();
}

void AdminMethods::end_streams() {
  for (const auto& tail : tails_) tail->end(stopping_status());
  tails_.clear();
}

}  // namespace zane::supervisor
