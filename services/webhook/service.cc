#include "services/webhook/service.h"

#include <unistd.h>

#include "boost/json.hpp"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "lib/text/utf8.h"
#include "services/webhook/verify.h"

namespace zane::webhook {
namespace {

constexpr std::chrono::seconds kTaskDeadline{320};
// What is neither started nor refused after so many tries is set aside.
constexpr int kTriesMax = 6;
constexpr std::chrono::seconds kRetryFirst{1};
constexpr std::chrono::seconds kRetryLongest{60};
constexpr std::chrono::minutes kUpkeepEvery{30};
// While the disk takes nothing it is tried this often, so that its return is seen.
constexpr std::chrono::seconds kTroubleLook{2};
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
      store_(journal::open_or_set_aside(
          node.home().data("webhook.db"), clock.now_ms(),
          [&] { return std::make_unique<Store>(node.home().data("webhook.db")); },
          [&](const std::filesystem::path& aside, const char* why) {
            set_aside_ = aside.string();
            log::error("webhook_db_damaged", {{"error", why}, {"moved_to", set_aside_}});
          })),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      policy_(node, bus::kPolicy),
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
  for (const auto& hook : config_.hooks) {
    waiting_[hook.id] = std::make_unique<loop::Signal>(node_.io());
    loop::spawn(node_.io(), "start_tasks", start_tasks(hook.id));
  }
  loop::spawn(node_.io(), "upkeep", upkeep());
  (void)written([&] {
    for (const auto& gone : store_->waiting_hooks())
      if (!find(gone))
        while (const auto delivery = store_->next_waiting(gone))
          store_->settle(delivery->id, "refused: the hook is no longer in zane.toml", Store::Began::kNothing);
  });
}

loop::Task<> Service::upkeep() {
  for (;;) {
    const bool fine = written([&] { store_->forget_old(clock_.now_ms()); });
    const auto until = loop::Timer::clock_type::now() + (fine ? kUpkeepEvery : std::chrono::minutes(0));
    do {
      co_await loop::sleep_for(node_.io(), kTroubleLook);
    } while (disk_trouble_.empty() && loop::Timer::clock_type::now() < until);
  }
}

bool Service::written(const std::function<void()>& write) {
  try {
    write();
    disk_trouble_.clear();
    return true;
  } catch (const journal::SqliteError& e) {
    if (disk_trouble_.empty()) {
      disk_trouble_since_ms_ = clock_.now_ms();
      log::error("weather", {{"what", "webhook.db"}, {"why", e.what()}});
    }
    disk_trouble_ = e.what();
    return false;
  }
}

std::string Service::trouble() const {
  std::string text = listener_ ? listener_->trouble() : "";
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (!disk_trouble_.empty())
    add("can't write for " + std::to_string((clock_.now_ms() - disk_trouble_since_ms_) / 1000) +
        " s: " + disk_trouble_ +
        ": make room on the disk that holds $ZANE_HOME; deliveries are kept at Orbit until then");
  if (!set_aside_.empty())
    add("webhook.db was damaged and is now " + set_aside_ +
        ": deliveries that had not started are lost, and what started before may start again if it is sent "
        "again");
  if (gave_up_ > 0)
    add(std::to_string(gave_up_) + " deliveries could not be started after " + std::to_string(kTriesMax) +
        " tries: see delivery_result in webhook's log, and send them again");
  return text;
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
    // Not written down: not acknowledged either, and Orbit keeps it.
    if (taken.result == "failed") return inbox_.fail(peer, request, "busy", taken.reason);
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
    const std::string text = trouble();
    status->set_state(text.empty() ? "ready" : "degraded");
    status->set_message(text);
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
    const auto type = headers.find("content-type");
    const std::string content_type = type == headers.end() ? "" : type->second;
    if (const auto* unverified = std::get_if<Unverified>(&verdict)) {
      taken.reason = unverified->reason;
    } else if (hook->scheme == "github" && is_ping(unwrapped(content_type, body))) {
      taken.result = "ignored";
      taken.reason = "GitHub's ping: the hook works";
    } else {
      const StoredDelivery stored{taken.delivery, hook_id, std::move(body), trace, content_type};
      Store::Added added{};
      if (!written(
              [&] { added = store_->add(stored, std::get<Verified>(verdict).dedupe, clock_.now_ms()); })) {
        taken.result = "failed";
        taken.reason = "it could not be written down: " + disk_trouble_;
      } else {
        taken.result = added == Store::Added::kFresh ? "accepted" : "duplicate";
        if (added == Store::Added::kFresh) waiting_.at(hook_id)->raise();
        if (added == Store::Added::kStarted)
          taken.reason =
              hook->scheme == "github"
                  ? "a task was started for these very bytes before; GitHub signs no time, so a sender "
                    "whose body is always the same needs the scheme hmac or standard"
                  : "a task was started for it before";
      }
    }
  }
  if (taken.result == "refused" || taken.result == "ignored")
    (void)written([&] {
      store_->add_settled(taken.delivery, hook_id, taken.result + ": " + taken.reason, clock_.now_ms());
    });
  log::info("delivery", {{"delivery", taken.delivery},
                         {"hook", hook_id},
                         {"result", taken.result},
                         {"reason", taken.reason},
                         {"trace", trace}});
  return taken;
}

Reply Service::take_local(const std::string& hook, const Headers& headers, std::string body) {
  const Taken taken = take("", hook, headers, std::move(body), crypto::fresh_id());
  const int status = taken.result == "failed"    ? 503
                     : taken.result != "refused" ? 202
                     : find(hook)                ? 401
                                                 : 404;
  boost::json::object reply{{"delivery", taken.delivery}, {"result", taken.result}};
  if (!taken.reason.empty()) reply["message"] = taken.reason;
  return {status, boost::json::serialize(reply)};
}

// One at a time, in order; a task that could not be asked for is asked for again.
loop::Task<> Service::start_tasks(std::string hook) {
  auto pause = kRetryFirst;
  int tries = 0;
  for (;;) {
    std::optional<StoredDelivery> delivery;
    const bool looked = written([&] { delivery = store_->next_waiting(hook); });
    if (looked && !delivery) {
      co_await waiting_.at(hook)->wait();
      continue;
    }
    Came came{Came::To::kAway, ""};
    if (delivery) came = co_await start_task(*delivery);
    if (came.to == Came::To::kTry && ++tries >= kTriesMax) {
      ++gave_up_;
      came.to = Came::To::kResult;
    }
    const bool settled = came.to == Came::To::kResult &&
                         written([&] { store_->settle(delivery->id, came.result, came.began); });
    if (!settled) {
      co_await loop::sleep_for(node_.io(), pause);
      pause = std::min(pause * 2, kRetryLongest);
      continue;
    }
    pause = kRetryFirst;
    tries = 0;
    log::info(
        "delivery_result",
        {{"delivery", delivery->id}, {"hook", hook}, {"result", came.result}, {"trace", delivery->trace}});
  }
}

// policy and supervisor know the delivery's id: a repeat starts nothing twice, and
// is told what came of the first.
loop::Task<Service::Came> Service::start_task(const StoredDelivery& delivery) {
  const config::Hook* hook = find(delivery.hook);
  if (!hook) co_return Came{Came::To::kResult, "refused: the hook is no longer in zane.toml"};
  const std::string payload = unwrapped(delivery.content_type, delivery.body);
  v1::Envelope request = node_.envelope(delivery.trace, delivery.id);
  auto* task = request.mutable_task_request();
  task->set_hook(hook->id);
  task->set_hook_name(hook->name);
  task->set_delivery(delivery.id);
  task->set_cwd(hook->cwd);
  task->set_payload(std::string(text::cut_at_character(payload, kPayloadBytesMax)));
  task->set_payload_bytes(static_cast<int64_t>(payload.size()));
  const auto answer = co_await policy_.ask(std::move(request), kTaskDeadline);
  if (!answer.ok() || !answer->has_command_answer()) {
    const std::string why(answer.status().message());
    log::warn("task_not_asked", {{"delivery", delivery.id}, {"why", why}});
    const bool away = absl::IsUnavailable(answer.status()) || absl::IsAborted(answer.status());
    co_return Came{away ? Came::To::kAway : Came::To::kTry, "failed: policy could not take it: " + why};
  }
  const auto& outcome = answer->command_answer();
  const std::string told = outcome.state() + ": " + outcome.message();
  if (outcome.state() == "unknown") co_return Came{Came::To::kTry, told, Store::Began::kTask};
  const bool away =
      outcome.reason() == "codex-down" || outcome.reason() == "busy" || outcome.reason() == "disk";
  if (outcome.state() != "done" && away) co_return Came{Came::To::kAway, told};
  if (outcome.state() != "done") co_return Came{Came::To::kResult, told};
  const auto result = json::parse_object(outcome.result());
  co_return Came{Came::To::kResult,
                 "started " + std::string(result.ok() ? json::string_at(*result, "thread").value_or("") : ""),
                 Store::Began::kTask};
}

}  // namespace zane::webhook
