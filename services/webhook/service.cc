#include "services/webhook/service.h"

#include <unistd.h>

#include "boost/json.hpp"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "services/webhook/verify.h"

namespace zane::webhook {
namespace {

constexpr std::chrono::seconds kTaskDeadline{140};
constexpr std::chrono::seconds kRetryFirst{1};
constexpr std::chrono::seconds kRetryLongest{60};
// What of a payload goes into the prompt.
constexpr size_t kPayloadBytesMax = 64 * 1024;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const base::Clock& clock)
    : node_(node),
      config_(config),
      clock_(clock),
      store_(node.home().data("webhook.db")),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      policy_(node, bus::kPolicy),
      waiting_(node.io()),
      started_ms_(clock.now_ms()) {
  if (config.webhook.port != 0)
    listener_ =
        std::make_unique<Listener>(node.io(), static_cast<int>(config.webhook.port),
                                   [this](const std::string& hook, const Headers& headers, std::string body) {
                                     return take_local(hook, headers, std::move(body));
                                   });
}

void Service::run() {
  if (listener_) loop::spawn(node_.io(), "listener", listener_->run());
  loop::spawn(node_.io(), "start_tasks", start_tasks());
  waiting_.raise();
}

const config::Hook* Service::find(const std::string& id) const {
  for (const auto& hook : config_.hooks)
    if (hook.id == id) return &hook;
  return nullptr;
}

void Service::on_bus(const bus::Peer& peer, v1::Envelope request) {
  v1::Envelope answer = node_.envelope();
  if (request.has_delivery() && peer.service == bus::kRelay) {
    const auto& delivery = request.delivery();
    const Headers headers(delivery.headers().begin(), delivery.headers().end());
    const Taken taken = take(delivery.delivery(), delivery.hook(), headers, delivery.body(), request.trace());
    answer.mutable_delivery_stored()->set_delivery(delivery.delivery());
    answer.mutable_delivery_stored()->set_result(taken.result);
  } else if (request.has_hooks() && peer.service == bus::kRelay) {
    answer.mutable_hooks();
    for (const auto& hook : config_.hooks) answer.mutable_hooks()->add_hooks(hook.id);
  } else if (request.has_service_status_question()) {
    auto* status = answer.mutable_service_status();
    status->set_name("webhook");
    status->set_release(ZANE_RELEASE);
    status->set_pid(::getpid());
    status->set_started_ms(started_ms_);
    const std::string trouble = listener_ ? listener_->trouble() : "";
    status->set_state(trouble.empty() ? "ready" : "degraded");
    status->set_message(trouble);
  } else {
    inbox_.fail(peer, request, "not-yours", "webhook does not take this from " + peer.service);
    return;
  }
  inbox_.reply(peer, request, std::move(answer));
}

// Verified, written down, and only then acknowledged by whoever called.
Service::Taken Service::take(std::string delivery, const std::string& hook_id, const Headers& headers,
                             std::string body, const std::string& trace) {
  Taken taken{"refused", "", delivery.empty() ? crypto::fresh_id() : std::move(delivery)};
  const config::Hook* hook = find(hook_id);
  const auto secret = hook ? base::read_secret_file(hook->secret_file)
                           : absl::StatusOr<std::string>(absl::NotFoundError("there is no hook of this id"));
  if (!secret.ok()) {
    taken.reason = std::string(secret.status().message());
  } else {
    const auto verdict = verify(hook->scheme, trimmed(*secret), headers, body, clock_.now_ms());
    const auto ping = headers.find("x-github-event");
    if (const auto* unverified = std::get_if<Unverified>(&verdict)) {
      taken.reason = unverified->reason;
    } else if (ping != headers.end() && ping->second == "ping") {
      taken.result = "ignored";
      taken.reason = "GitHub's ping: the hook works";
    } else {
      const StoredDelivery stored{taken.delivery, hook_id, std::move(body), trace};
      const bool fresh = store_.add(stored, std::get<Verified>(verdict).dedupe, clock_.now_ms());
      taken.result = fresh ? "accepted" : "duplicate";
      if (fresh) waiting_.raise();
    }
  }
  if (taken.result == "refused" || taken.result == "ignored")
    store_.add_settled(taken.delivery, hook_id, taken.result + ": " + taken.reason, clock_.now_ms());
  log::info("delivery", {{"delivery", taken.delivery},
                         {"hook", hook_id},
                         {"result", taken.result},
                         {"reason", taken.reason},
                         {"trace", trace}});
  return taken;
}

Reply Service::take_local(const std::string& hook, const Headers& headers, std::string body) {
  const Taken taken = take("", hook, headers, std::move(body), crypto::fresh_id());
  const int status = taken.result != "refused" ? 202 : find(hook) ? 401 : 404;
  boost::json::object reply{{"delivery", taken.delivery}, {"result", taken.result}};
  if (!taken.reason.empty()) reply["message"] = taken.reason;
  return {status, boost::json::serialize(reply)};
}

// One at a time, in order; a task that could not be asked for is asked for again.
loop::Task<> Service::start_tasks() {
  auto pause = kRetryFirst;
  for (;;) {
    const auto delivery = store_.next_waiting();
    if (!delivery) {
      store_.forget_old(clock_.now_ms());
      co_await waiting_.wait();
      continue;
    }
    const std::string result = co_await start_task(*delivery);
    if (result.empty()) {
      co_await loop::sleep_for(node_.io(), pause);
      pause = std::min(pause * 2, kRetryLongest);
      continue;
    }
    pause = kRetryFirst;
    store_.settle(delivery->id, result);
    log::info("delivery_result",
              {{"delivery", delivery->id}, {"result", result}, {"trace", delivery->trace}});
  }
}

// What came of it, or "" when it is to be tried again. policy and supervisor
// know the delivery's id: a repeat starts nothing twice.
loop::Task<std::string> Service::start_task(const StoredDelivery& delivery) {
  const config::Hook* hook = find(delivery.hook);
  if (!hook) co_return "refused: the hook is no longer in zane.toml";
  v1::Envelope request = node_.envelope(delivery.trace, delivery.id);
  auto* task = request.mutable_task_request();
  task->set_hook(hook->id);
  task->set_hook_name(hook->name);
  task->set_delivery(delivery.id);
  task->set_cwd(hook->cwd);
  task->set_prompt(delivery.body.substr(0, kPayloadBytesMax));
  const auto answer = co_await policy_.ask(std::move(request), kTaskDeadline);
  if (!answer.ok() || !answer->has_command_answer()) {
    log::warn("task_not_asked", {{"delivery", delivery.id}, {"why", answer.status().message()}});
    co_return "";
  }
  const auto& outcome = answer->command_answer();
  if (outcome.reason() == "codex-down" && outcome.state() == "refused") co_return "";
  if (outcome.state() != "done") co_return outcome.state() + ": " + outcome.message();
  const auto result = json::parse_object(outcome.result());
  co_return "started " + std::string(result.ok() ? json::string_at(*result, "thread").value_or("") : "");
}

}  // namespace zane::webhook
