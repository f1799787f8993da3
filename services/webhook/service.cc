#include "services/webhook/service.h"

#include <unistd.h>

#include <algorithm>

#include "boost/json.hpp"
#include "lib/base/file.h"
#include "lib/base/machine.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"
#include "lib/text/utf8.h"
#include "services/webhook/secrets.h"
#include "services/webhook/verify.h"

namespace zane::webhook {
namespace {

constexpr std::chrono::seconds kTaskDeadline{320};
constexpr std::chrono::minutes kUpkeepEvery{30};
// While the disk takes nothing it is tried this often, so that its return is seen.
constexpr std::chrono::seconds kTroubleLook{2};
constexpr char kCantWrite[] = "can't write";
// What of a payload goes into the prompt.
constexpr size_t kPayloadBytesMax = 64 * 1024;

// Deliveries shown at once, and by default.
constexpr int kShownMax = 200;
constexpr int kShownDefault = 20;
// Of a result, in a list: a hundred of them fit an envelope.
constexpr size_t kResultBytesMax = 2000;

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const base::Clock& clock, Pauses pauses)
    : node_(node),
      config_(config),
      clock_(clock),
      pauses_(pauses),
      mark_(base::unkept_folder(),
            {node.home().root(), node.keys().public_of.at(std::string(bus::kSupervisor))}, "webhook"),
      store_(journal::open_marked(
          node.home().data("webhook.db"), mark_, clock.now_ms(),
          [&] { return std::make_unique<Store>(node.home().data("webhook.db")); }, found_)),
      forgetting_(store_->db()),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      policy_(node, bus::kPolicy),
      weather_(clock, "deliveries are kept at Orbit until then"),
      trouble_came_(node.io()),
      started_ms_(clock.now_ms()) {
  journal::keep_marked(store_->db(), mark_, found_);
  if (config.webhook.port != 0)
    listener_ =
        std::make_unique<Listener>(node.io(), static_cast<int>(config.webhook.port),
                                   [this](const std::string& hook, const Headers& headers, std::string body) {
                                     return take_local(hook, headers, std::move(body));
                                   });
}

void Service::run() {
  for (const auto& hook : config_.hooks) {
    const auto made = make_secret(node_.home(), hook);
    if (!made.ok())
      log::error("secret_not_made", {{"hook", hook.id}, {"why", made.status().message()}});
    else if (*made)
      log::info("secret_made", {{"hook", hook.id}, {"file", secret_file_of(node_.home(), hook).string()}});
  }
  if (listener_) loop::spawn(node_.io(), "listener", listener_->run());
  for (const auto& hook : config_.hooks) {
    lines_[hook.id] = std::make_unique<Line>(node_.io(), pauses_);
    loop::spawn(node_.io(), "start_tasks", start_tasks(hook.id));
  }
  policy_.on_connected([this] {
    for (auto& [id, line] : lines_) {
      line->queue.back();
      line->news.raise();
    }
  });
  loop::spawn(node_.io(), "upkeep", upkeep());
  (void)written([&] {
    for (const auto& gone : store_->waiting_hooks())
      if (!find(gone))
        for (const auto& delivery : store_->waiting(gone))
          store_->settle(delivery,
                         store_->perhaps_began(delivery)
                             ? "unknown: it may have started before its hook was taken out of zane.toml"
                             : "refused: the hook is no longer in zane.toml",
                         Store::Began::kNothing);
  });
}

loop::Task<> Service::upkeep() {
  for (;;) {
    const bool fine = written([&] {
      store_->forget_old(forgetting_.time_ms(clock_.now_ms(), base::steady_ns()));
      set_aside_count_ = store_->count_set_aside(clock_.now_ms());
    });
    if (fine && weather_.fine())
      co_await trouble_came_.wait_for(kUpkeepEvery);
    else
      co_await loop::sleep_for(node_.io(), kTroubleLook);
  }
}

bool Service::written(const std::function<void()>& write) {
  const bool kept = weather_.written(kCantWrite, write);
  if (!kept) trouble_came_.raise();
  return kept;
}

bool Service::looked(const std::function<void()>& look) {
  const bool fine = weather_.read(kCantWrite, look);
  if (!fine) trouble_came_.raise();
  return fine;
}

std::string Service::trouble() const {
  std::string text = listener_ ? listener_->trouble() : "";
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (!weather_.fine()) add(weather_.text());
  if (found_.as != journal::Found::As::kItWas)
    add(found_.text +
        ": deliveries that had not started are lost, and what started before may start again if it is sent "
        "again");
  if (set_aside_count_ > 0)
    add(std::to_string(set_aside_count_) + " deliveries came to no end after " + std::to_string(kTriesMax) +
        " tries and were set aside: see `zane hooks`, then send them again with `zane hooks replay`");
  for (const auto& hook : config_.hooks)
    if (const auto secret = secret_of(node_.home(), hook); !secret.ok())
      add("hook `" + hook.id + "` takes nothing: " + std::string(secret.status().message()));
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
  } else if (request.has_hooks_question() && peer.service == bus::kSupervisor) {
    *answer.mutable_hooks_answer() = hooks(request.hooks_question().deliveries());
  } else if (request.has_replay_delivery() && peer.service == bus::kSupervisor) {
    return replay(peer, request);
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
  const auto secret = hook ? secret_of(node_.home(), *hook)
                           : absl::StatusOr<std::string>(absl::NotFoundError("there is no hook of this id"));
  if (!secret.ok()) {
    taken.reason = std::string(secret.status().message());
    taken.closed = hook != nullptr;
  } else {
    const auto verdict = verify(hook->scheme, *secret, headers, body, clock_.now_ms());
    const auto type = headers.find("content-type");
    StoredDelivery stored{taken.delivery, hook_id, std::move(body), trace,
                          type == headers.end() ? "" : type->second};
    if (const auto* unverified = std::get_if<Unverified>(&verdict)) {
      taken.reason = unverified->reason;
      // Signed well, but late: kept, for a person to send again.
      if (!unverified->dedupe.empty())
        (void)written([&] {
          store_->add_kept(stored, unverified->dedupe, "refused: " + taken.reason, clock_.now_ms());
        });
    } else if (hook->scheme == "github" && is_ping(unwrapped(stored.content_type, stored.body))) {
      taken.result = "ignored";
      taken.reason = "GitHub's ping: the hook works";
    } else {
      keep(taken, *hook, stored, std::get<Verified>(verdict).dedupe);
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

void Service::keep(Taken& taken, const config::Hook& hook, const StoredDelivery& delivery,
                   const std::string& dedupe) {
  Store::Added added{};
  std::string earlier;
  const bool kept = written([&] {
    earlier = store_->earlier_result(hook.id, dedupe);
    added = store_->add(delivery, dedupe, clock_.now_ms());
  });
  if (!kept) {
    taken.result = "failed";
    taken.reason = "it could not be written down: " + weather_.why(kCantWrite);
    return;
  }
  taken.result = added == Store::Added::kFresh ? "accepted" : "duplicate";
  switch (added) {
    case Store::Added::kFresh:
      lines_.at(hook.id)->news.raise();
      if (!earlier.empty()) taken.reason = "it is tried again; the last time it was " + earlier;
      break;
    case Store::Added::kWaiting:
      taken.reason = "it is known already";
      break;
    case Store::Added::kPerhaps:
      taken.reason = "it may have started a task: a person has to look (zane hooks)";
      break;
    case Store::Added::kStarted:
      taken.reason =
          hook.scheme == "github"
              ? "a task was started for these very bytes before; GitHub signs no time, so a sender "
                "whose body is always the same needs the scheme hmac or standard"
              : "a task was started for it before";
  }
}

Reply Service::take_local(const std::string& hook, const Headers& headers, std::string body) {
  const Taken taken = take("", hook, headers, std::move(body), crypto::fresh_id());
  const int status = taken.result == "failed" || taken.closed ? 503
                     : taken.result != "refused"              ? 202
                     : find(hook)                             ? 401
                                                              : 404;
  boost::json::object reply{{"delivery", taken.delivery}, {"result", taken.result}};
  if (!taken.reason.empty()) reply["message"] = taken.reason;
  return {status, boost::json::serialize(reply)};
}

// A few at once, oldest first; what came to no end is tried again after a pause of
// its own.
loop::Task<> Service::start_tasks(std::string hook) {
  Line& line = *lines_.at(hook);
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    std::optional<StoredDelivery> delivery;
    const bool seen = looked([&] {
      if (const auto id = line.queue.next(store_->waiting(hook), now)) delivery = store_->find_waiting(*id);
    });
    if (delivery) {
      line.queue.begin(delivery->id);
      loop::spawn(node_.io(), "start_one", start_one(hook, *std::move(delivery)));
      continue;
    }
    const auto again = seen ? line.queue.look_again(now) : now + kTroubleLook;
    if (again == Queue::Time::max())
      co_await line.news.wait();
    else
      (void)co_await line.news.wait_for(again - now);
  }
}

loop::Task<> Service::start_one(std::string hook, StoredDelivery delivery) {
  Line& line = *lines_.at(hook);
  Came came = co_await start_task(delivery);
  const auto now = std::chrono::steady_clock::now();
  if (came.began == Store::Began::kPerhaps) (void)written([&] { store_->may_have_begun(delivery.id); });
  if (came.to == Came::To::kTry) {
    int64_t tries = 0;
    (void)written([&] { tries = store_->tried(delivery.id); });
    if (tries < kTriesMax) {
      line.queue.again(delivery.id, now);
      line.news.raise();
      co_return;
    }
  }
  if (came.to == Came::To::kAway || !settled(delivery, came))
    line.queue.away(delivery.id, now);
  else
    line.queue.done(delivery.id);
  line.news.raise();
}

bool Service::settled(const StoredDelivery& delivery, Came came) {
  const auto aside = came.to == Came::To::kTry ? Store::SetAside::kYes : Store::SetAside::kNo;
  const bool kept = written([&] {
    if (came.began == Store::Began::kNothing && store_->perhaps_began(delivery.id))
      came.began = Store::Began::kPerhaps;
    if (came.began == Store::Began::kPerhaps && !came.result.starts_with("unknown"))
      came.result = "unknown: one of its tries may have started it; the last one was " + came.result;
    store_->settle(delivery.id, came.result, came.began, aside);
    set_aside_count_ = store_->count_set_aside(clock_.now_ms());
  });
  if (kept)
    log::info("delivery_result", {{"delivery", delivery.id},
                                  {"hook", delivery.hook},
                                  {"result", came.result},
                                  {"trace", delivery.trace}});
  return kept;
}

std::string Service::address_of(const config::Hook& hook) const {
  std::string base = config_.orbit.public_url.empty() ? config_.orbit.url : config_.orbit.public_url;
  while (base.ends_with('/')) base.pop_back();
  if (base.empty() || config_.orbit.user.empty()) return "";
  return base + "/hooks/" + config_.orbit.user + "." + hook.id;
}

v1::HooksAnswer Service::hooks(int deliveries) {
  v1::HooksAnswer answer;
  (void)looked([&] {
    for (const auto& hook : config_.hooks) {
      auto* row = answer.add_hooks();
      row->set_hook(hook.id);
      row->set_name(hook.name);
      row->set_scheme(hook.scheme);
      row->set_address(address_of(hook));
      if (config_.webhook.port != 0)
        row->set_local_address("http://127.0.0.1:" + std::to_string(config_.webhook.port) + "/hooks/" +
                               hook.id);
      row->set_secret_file(secret_file_of(node_.home(), hook).string());
      if (const auto secret = secret_of(node_.home(), hook); !secret.ok())
        row->set_trouble(std::string(secret.status().message()));
      row->set_waiting(store_->count_waiting(hook.id));
    }
    for (const auto& delivery :
         store_->latest(deliveries == 0 ? kShownDefault : std::clamp(deliveries, 1, kShownMax))) {
      auto* row = answer.add_deliveries();
      row->set_delivery(delivery.id);
      row->set_hook(delivery.hook);
      row->set_at_ms(delivery.at_ms);
      row->set_result(delivery.result.empty()
                          ? "waits"
                          : text::to_utf8(text::cut_at_character(delivery.result, kResultBytesMax)));
      row->set_tries(delivery.tries);
      row->set_set_aside(delivery.set_aside);
      row->set_can_be_sent_again(delivery.can_be_sent_again);
    }
  });
  return answer;
}

void Service::replay(const bus::Peer& peer, const v1::Envelope& request) {
  const std::string fresh = crypto::fresh_id();
  absl::StatusOr<std::string> hook = absl::UnavailableError("");
  if (!written([&] {
        hook = store_->send_again(request.replay_delivery().delivery(), fresh, clock_.now_ms());
        set_aside_count_ = store_->count_set_aside(clock_.now_ms());
      }))
    return inbox_.fail(peer, request, "disk", "it could not be written down: " + weather_.why(kCantWrite));
  if (!hook.ok()) return inbox_.fail(peer, request, "refused", std::string(hook.status().message()));
  log::info("delivery_replayed", {{"delivery", request.replay_delivery().delivery()}, {"as", fresh}});
  const auto line = lines_.find(*hook);
  if (line == lines_.end()) {
    (void)written([&] {
      store_->settle(fresh, "refused: the hook is no longer in zane.toml", Store::Began::kNothing);
    });
  } else {
    line->second->news.raise();
  }
  v1::Envelope answer = node_.envelope();
  answer.mutable_delivery_replayed()->set_delivery(fresh);
  inbox_.reply(peer, request, std::move(answer));
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
  (void)looked([&] { task->set_again(store_->perhaps_began(delivery.id)); });
  const auto answer = co_await policy_.ask(std::move(request), kTaskDeadline);
  if (!answer.ok() || !answer->has_command_answer()) {
    const std::string why(answer.status().message());
    log::warn("task_not_asked", {{"delivery", delivery.id}, {"why", why}});
    const bool away = absl::IsUnavailable(answer.status()) || absl::IsAborted(answer.status());
    // Only what was never handed over, or was refused, has begun nothing for certain.
    const bool perhaps = absl::IsAborted(answer.status()) || absl::IsDeadlineExceeded(answer.status());
    co_return Came{away ? Came::To::kAway : Came::To::kTry, "failed: policy could not take it: " + why,
                   perhaps ? Store::Began::kPerhaps : Store::Began::kNothing};
  }
  const auto& outcome = answer->command_answer();
  const std::string told = outcome.state() + ": " + outcome.message();
  // What became of it could not be looked at now: no try.
  const bool not_looked = outcome.reason() == "busy" || outcome.reason() == "disk";
  if (outcome.state() == "unknown")
    co_return Came{not_looked ? Came::To::kAway : Came::To::kTry, told, Store::Began::kPerhaps};
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
