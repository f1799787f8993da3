#include "services/policy/service.h"

#include <unistd.h>

#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/journal/cure.h"
#include "lib/json/strict.h"
#include "lib/link/statement.h"
#include "lib/log/log.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// Longer than supervisor waits for Codex, twice for a task, so that its word arrives; what
// takes longer (a task that is begun again) is asked for again.
constexpr std::chrono::seconds kEffectDeadline{300};
constexpr std::chrono::minutes kUpkeepEvery{30};
constexpr std::chrono::seconds kRefusalReportEvery{10};

v1::CommandAnswer refused(const std::string& id, const std::string& reason, const std::string& message) {
  v1::CommandAnswer answer;
  answer.set_command_id(id);
  answer.set_state("refused");
  answer.set_reason(reason);
  answer.set_message(message);
  return answer;
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
                 const crypto::EcKey& link_key, const Rules& rules, const base::Clock& clock)
    : node_(node),
      config_(config),
      mac_key_(mac_key),
      clock_(clock),
      mac_(mac_key.public_key().id()),
      kept_(node.io(), node.home().data("policy.db"), base::unkept_folder(),
            {node.home().root(), node.keys().public_of.at(std::string(bus::kSupervisor))}, mac_key, clock),
      store_(kept_.store()),
      audit_(kept_, clock),
      pairing_(store_, config, mac_key, link_key),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      refusals_(node.io(), node.context(), inbox_.raw(), kRefusalReportEvery,
                [this](int64_t count) {
                  AuditRecord record;
                  record.what = "peer-refused";
                  record.decision = "refused";
                  record.who = "unknown";
                  record.reason = "a bus peer without a service's key";
                  record.count = count;
                  (void)audit_.note(record);
                }),
      supervisor_(node, bus::kSupervisor),
      own_(node, config, mac_, store_, pairing_, supervisor_, clock),
      judge_(node, config, supervisor_),
      under_way_(node.io()),
      evaluation_(node, supervisor_, rules, audit_,
                  [this](Order order) { return carry_out(std::move(order)); }),
      started_ms_(clock.now_ms()) {
  supervisor_.on_connected([this] { loop::spawn(node_.io(), "evaluate_open", evaluation_.judge_open()); });
}

void Service::run() {
  loop::spawn(node_.io(), "upkeep", upkeep());
  loop::spawn(node_.io(), "refusals", audit_.tell_refusals(node_.io()));
}

loop::Task<> Service::upkeep() {
  for (;;) {
    kept_.forget_old();
    kept_.write_burned();
    if (kept_.fine())
      co_await kept_.trouble_came().wait_for(kUpkeepEvery);
    else
      co_await loop::sleep_for(node_.io(), kTroubleLook);
  }
}

void Service::on_bus(const bus::Peer& peer, v1::Envelope request) {
  // Each message has one writer (envelope.proto): from any other it is nothing.
  const auto from = [&](std::string_view writer) { return peer.service == writer; };
  switch (request.body_case()) {
    case v1::Envelope::kSignedCommand:
      if (from(bus::kRelay))
        return loop::spawn(node_.io(), "command", on_signed_command(peer, std::move(request)));
      break;
    case v1::Envelope::kPairRequest:
      if (from(bus::kRelay)) return on_pair(peer, request);
      break;
    case v1::Envelope::kConsoleCommand:
      if (from(bus::kSupervisor))
        return loop::spawn(node_.io(), "console", on_console_command(peer, std::move(request)));
      break;
    case v1::Envelope::kTaskRequest:
      if (from(bus::kWebhook))
        return loop::spawn(node_.io(), "task", on_task_request(peer, std::move(request)));
      break;
    case v1::Envelope::kApprovalQuestion:
      if (from(bus::kSupervisor)) return on_approval_question(peer, request);
      break;
    case v1::Envelope::kAuditNote:
      if (from(bus::kSupervisor)) return on_audit_note(peer, request);
      break;
    case v1::Envelope::kServiceStatusQuestion: {
      v1::Envelope answer = node_.envelope();
      auto* status = answer.mutable_service_status();
      status->set_name("policy");
      status->set_release(ZANE_RELEASE);
      status->set_pid(::getpid());
      status->set_started_ms(started_ms_);
      status->set_message(kept_.trouble());
      status->set_state(status->message().empty() ? "ready" : "degraded");
      return inbox_.reply(peer, request, std::move(answer));
    }
    default:
      break;
  }
  AuditRecord record;
  record.what = "message-refused";
  record.decision = "refused";
  record.who = peer.service;
  record.reason = "this peer may not send this";
  record.trace = request.trace();
  (void)audit_.note(record);
  log::warn("bus_message_refused", {{"peer", peer.service}, {"trace", request.trace()}});
  inbox_.fail(peer, request, "not-yours", "policy does not take this from " + peer.service);
}

// ---- orders from three sides ------------------------------------------------

loop::Task<> Service::on_signed_command(bus::Peer peer, v1::Envelope request) {
  CheckContext context;
  context.mac = mac_;
  context.now_ms = clock_.now_ms();
  context.device = [this](const std::string& id) { return store_.device(id); };
  context.remembered = [this](const std::string& key) { return kept_.remembered(key); };
  auto checked = check_command(request.signed_command(), context);

  if (auto* refusal = std::get_if<Refusal>(&checked)) {
    if (refusal->untimely) {
      kept_.came(*refusal->untimely);
      co_return co_await refuse_for_good(peer, std::move(request), *std::move(refusal->untimely),
                                         refusal->reason, refusal->message);
    }
    auto outcome = refused(refusal->command, refusal->reason, refusal->message);
    AuditRecord record;
    record.what = "command";
    record.decision = "refused";
    record.who = "device/" + request.signed_command().device();
    record.reason = refusal->reason;
    record.command = refusal->command;
    record.trace = request.trace();
    audit_.refusal(record);
    answer(peer, request, sign(std::move(outcome), refusal->digest));
    co_return;
  }
  if (auto* repeat = std::get_if<Repeat>(&checked)) {
    log::info("command_repeated", {{"command", repeat->command.id}, {"trace", request.trace()}});
    // What was `unknown` may be known by now.
    if (repeat->answer && repeat->answer->state() != "unknown") {
      answer(peer, request, *repeat->answer);
      co_return;
    }
    if (auto first = co_await under_way_.wait_for(repeat->command.key())) {
      answer(peer, request, *std::move(first));
      co_return;
    }
    co_return co_await on_order(peer, std::move(request), repeat->command,
                                repeat->answer ? Asking::kOnlyWhatBecame : Asking::kAgain);
  }
  kept_.came(std::get<Command>(checked));
  co_await on_order(peer, std::move(request), std::get<Command>(checked), Asking::kCarryOut);
}

loop::Task<> Service::refuse_for_good(bus::Peer peer, v1::Envelope request, Command command,
                                      std::string reason, std::string message) {
  auto outcome = sign(refused(command.id, reason, message), command.digest);
  AuditRecord record;
  record.what = "command";
  record.decision = "refused";
  record.who = "device/" + command.device.id;
  record.reason = reason;
  record.command = command.id;
  record.trace = request.trace();
  audit_.refusal(record);
  if (weight_of(command.method, command.params) != Weight::kReads) {
    // As long as its own time could come.
    const Kept::Refused refusal{command.digest, outcome, std::max(clock_.now_ms(), command.issued_ms)};
    const bool kept = kept_.written([&] {
      store_.remember_refusal(command.key(), command.digest, outcome, refusal.at_ms, clock_.now_ms());
    });
    if (!kept && !kept_.burn(command.key(), refusal)) {
      inbox_.fail(peer, request, "busy", "the Mac can't write orders down: " + kept_.disk_trouble());
      co_return;
    }
  }
  answer(peer, request, std::move(outcome));
}

loop::Task<> Service::on_order(bus::Peer peer, v1::Envelope request, Command command, Asking asking) {
  Order order{command.id,
              command.key(),
              {},
              command.device.role,
              "device/" + command.device.id,
              command.method,
              command.params,
              request.trace(),
              command.expires_ms};
  order.actor.set_kind("device");
  order.actor.set_id(command.device.id);
  order.actor.set_name(command.device.name);
  const Weight weight = weight_of(order.method, order.params);
  const bool reads = weight == Weight::kReads;
  // Come back after its time, or perhaps forgotten by a store that is an older copy:
  // nothing is begun any more, as when it was told `unknown`.
  if (!reads && (clock_.now_ms() > command.expires_ms || kept_.may_have_forgotten(command)))
    asking = Asking::kOnlyWhatBecame;
  if (!reads) {
    const bool kept = kept_.written([&] {
      if (weight == Weight::kOrder)
        store_.remember_intent(order.key, command.digest, record_of(order, "intent", ""), clock_.now_ms());
      else
        store_.remember_command(order.key, command.digest, clock_.now_ms(), Durability::kSoon);
    });
    if (!kept) {
      const auto outcome = sign(refused(order.id, "busy",
                                        "nothing was done: the Mac could not write your order down (" +
                                            kept_.disk_trouble() + "); try again"),
                                command.digest);
      // No signed refusal that could be forgotten, or of what may have been done: then it
      // has not been answered at all.
      if (asking != Asking::kCarryOut || !kept_.burn(order.key, {command.digest, outcome, clock_.now_ms()}))
        inbox_.fail(peer, request, "busy", "the Mac can't write orders down: " + kept_.disk_trouble());
      else
        answer(peer, request, outcome);
      co_return;
    }
    (void)under_way_.begin(order.key);
  }
  if (weight == Weight::kOrder) {
    v1::CommandAnswer received;
    received.set_command_id(order.id);
    received.set_state("received");
    received.set_more(true);
    answer(peer, request, sign(std::move(received), command.digest));
  }
  auto told = co_await carry_out(order, asking);
  if (asking == Asking::kOnlyWhatBecame && kept_.may_have_forgotten(command) && told.state() != "done")
    told.set_message(told.message() +
                     " (the Mac knows only orders made after policy.db was put back: if new ones are not "
                     "taken, the clock of the device that sends them is behind)");
  auto outcome = sign(std::move(told), command.digest);
  if (!reads) {
    co_await kept_.keep_answer(order.key, outcome);
    under_way_.end(order.key, outcome);
  }
  if (order.method == "zane/attach" && outcome.state() == "done") {
    (void)kept_.written([&] { store_.seen(command.device.id, clock_.now_ms()); });
    outcome.set_attached_client(request.signed_command().client());
    outcome.set_attached_device(command.device.id);
  }
  answer(peer, request, std::move(outcome));
}

loop::Task<> Service::on_console_command(bus::Peer peer, v1::Envelope request) {
  const auto& command = request.console_command();
  const auto params = json::parse_strict_object(command.params());
  Order order{command.command_id(),
              "console/" + command.command_id(),
              {},
              Role::kOwner,
              "console",
              command.method(),
              {},
              request.trace()};
  order.actor.set_kind("console");
  order.actor.set_id(std::to_string(command.uid()));
  order.actor.set_name("the console");
  if (!params.ok()) {
    answer(peer, request, refused(order.id, "bad-command", std::string(params.status().message())));
    co_return;
  }
  order.params = *params;
  // Who sits there looks, and tries again.
  order.expires_ms = clock_.now_ms() + std::chrono::milliseconds(kEffectDeadline).count();
  // Handed over before, to a policy that ended since.
  answer(peer, request, co_await carry_out(order, request.again() ? Asking::kAgain : Asking::kCarryOut));
}

loop::Task<> Service::on_task_request(bus::Peer peer, v1::Envelope request) {
  const auto& task = request.task_request();
  Order order{task.delivery(), "hook/" + task.delivery(), {}, Role::kOperator,
              "hook",          "zane/task/start",         {}, request.trace()};
  order.actor.set_kind("hook");
  order.actor.set_id(task.hook());
  order.actor.set_name(task.hook_name());
  const auto known = std::find_if(config_.hooks.begin(), config_.hooks.end(),
                                  [&](const config::Hook& hook) { return hook.id == task.hook(); });
  // webhook may start what the owner wrote down for this hook, and nothing else.
  // Handed over before, to a policy that ended since, or of which nobody knows what came.
  const Asking asking = request.again() || task.again() ? Asking::kAgain : Asking::kCarryOut;
  if (known == config_.hooks.end() || known->cwd != task.cwd()) {
    auto outcome = refused(order.id, "role", "no hook of this name and folder is in zane.toml");
    if (asking == Asking::kAgain) outcome.set_state("unknown");
    audit_.outcome(order, outcome);
    answer(peer, request, outcome);
    co_return;
  }
  order.params = {{"cwd", known->cwd},
                  {"prompt", hook_prompt(known->prompt, task.payload(), task.payload_bytes())},
                  {"permissions", "ask"}};
  if (!known->model.empty()) order.params["model"] = known->model;
  if (!known->effort.empty()) order.params["effort"] = known->effort;
  answer(peer, request, co_await carry_out(order, asking));
}

// ---- carrying out ------------------------------------------------------------------

loop::Task<v1::CommandAnswer> Service::carry_out(Order order, Asking asking) {
  v1::CommandAnswer outcome;
  outcome.set_command_id(order.id);
  const Weight weight = weight_of(order.method, order.params);
  const bool only_asks = asking == Asking::kOnlyWhatBecame;
  Judged judged = co_await judge_.judge(order);
  const bool may_have_been = asking != Asking::kCarryOut;
  // To judge takes its time. What supervisor carries out it looks at itself.
  if (judged.own && !only_asks && order.expires_ms != 0 && clock_.now_ms() > order.expires_ms)
    judged = Judged::refused("expired", "its time was over before it could be begun: nothing was done");
  if ((only_asks && (judged.own || weight == Weight::kLight)) || (may_have_been && !judged.reason.empty())) {
    // It may have been carried out when it was still allowed; only the ledger would know.
    outcome.set_state("unknown");
    // That somebody is away now says nothing of what became of it: another time may tell.
    outcome.set_reason(judged.reason.empty()           ? "expired"
                       : judged.reason == "codex-down" ? "busy"
                                                       : judged.reason);
    outcome.set_message(
        "it is not begun any more, and what became of it is not known: look before you try again");
    audit_.outcome(order, outcome);
    co_return outcome;
  }
  if (judged.own) {
    try {
      judged = co_await own_.answer(order);
    } catch (const journal::SqliteError& e) {
      (void)kept_.written([&] { throw e; });
      judged =
          Judged::refused("busy", "nothing was changed: policy can't write now: " + kept_.disk_trouble());
    }
  }
  if (!judged.reason.empty()) {
    outcome = refused(order.id, judged.reason, judged.message);
  } else if (judged.effect) {
    v1::Envelope envelope = node_.envelope(order.trace, order.id);
    judged.effect->set_command_id(order.key);
    *judged.effect->mutable_actor() = order.actor;
    judged.effect->set_client(order.client);
    judged.effect->set_once(weight == Weight::kReads   ? v1::Effect::ONCE_READS
                            : weight == Weight::kLight ? v1::Effect::ONCE_IN_MEMORY
                                                       : v1::Effect::ONCE_ON_DISK);
    judged.effect->set_expires_ms(order.expires_ms);
    judged.effect->set_ask_only(only_asks);
    judged.effect->set_again(asking != Asking::kCarryOut);
    *envelope.mutable_effect() = std::move(*judged.effect);
    const auto done = co_await supervisor_.ask(std::move(envelope), kEffectDeadline);
    const bool never_came = absl::IsUnavailable(done.status()) || absl::IsResourceExhausted(done.status());
    // Of a read nothing becomes.
    const bool nothing_happened = (!done.ok() && weight == Weight::kReads) || (!may_have_been && never_came);
    if (nothing_happened) {
      outcome = refused(order.id, absl::IsResourceExhausted(done.status()) ? "busy" : "codex-down",
                        std::string(done.status().message()));
    } else if (!done.ok() || !done->has_effect_result()) {
      outcome.set_state("unknown");
      outcome.set_reason("codex-down");
      outcome.set_message("supervisor did not say what came of it: look before you try again");
    } else {
      const auto& result = done->effect_result();
      outcome.set_state(result.state());
      outcome.set_result(result.result());
      outcome.set_reason(result.reason());
      outcome.set_message(result.message());
      // That nothing happened only the ledger says.
      if (only_asks && result.state() == "refused" && result.reason() != "expired")
        outcome.set_state("unknown");
    }
  } else {
    outcome.set_state("done");
    outcome.set_result(judged.result);
  }
  audit_.outcome(order, outcome);
  co_return outcome;
}

// ---- the rest -------------------------------------------------------------------

void Service::on_pair(const bus::Peer& peer, const v1::Envelope& request) {
  const auto& pair = request.pair_request();
  std::variant<Pairing::Admitted, Pairing::Refused> outcome = Pairing::Refused{};
  if (!kept_.written([&] { outcome = pairing_.admit(pair.request(), pair.proof(), clock_.now_ms()); }))
    return inbox_.fail(peer, request, "busy", "policy can't write now: " + kept_.disk_trouble());
  bj::object statement{{"mac", mac_}, {"at", clock_.now_ms()}};
  AuditRecord record;
  record.what = "pair";
  record.trace = request.trace();
  v1::Envelope envelope = node_.envelope();
  auto* reply = envelope.mutable_pair_answer();
  std::string secret;
  if (const auto* admitted = std::get_if<Pairing::Admitted>(&outcome)) {
    statement["kind"] = "paired";
    statement["key"] = crypto::to_base64url(mac_key_.public_key().raw());
    statement["macName"] = config_.mac.name.empty() ? base::machine_name() : config_.mac.name;
    statement["device"] = admitted->device.id;
    statement["role"] = name_of(admitted->device.role);
    record.decision = "allowed";
    record.who = "device/" + admitted->device.id;
    record.reason = admitted->device.name;
    secret = admitted->secret;
    log::info("device_paired", {{"device", admitted->device.id},
                                {"name", admitted->device.name},
                                {"role", name_of(admitted->device.role)},
                                {"again", admitted->repeated ? "yes" : "no"}});
  } else {
    const auto& refusal = std::get<Pairing::Refused>(outcome);
    statement["kind"] = "refused";
    statement["reason"] = refusal.reason;
    statement["message"] = refusal.message;
    record.decision = "refused";
    record.who = "unknown";
    record.reason = refusal.message;
    log::warn("pairing_refused", {{"why", refusal.message}, {"trace", request.trace()}});
  }
  // A bad proof costs whoever makes one up nothing: it is counted.
  if (secret.empty())
    audit_.refusal(record);
  else
    (void)audit_.note(record);
  const auto said = link::sign_statement(mac_key_, statement);
  reply->set_statement(said.statement);
  reply->set_signature(said.signature);
  if (!secret.empty())
    reply->set_proof(crypto::to_base64url(crypto::hmac_sha256(secret, "zane-paired-v1\n" + said.statement)));
  inbox_.reply(peer, request, std::move(envelope));
}

void Service::on_approval_question(const bus::Peer& peer, const v1::Envelope& request) {
  v1::Envelope answer = node_.envelope();
  answer.mutable_approval_question_taken();
  inbox_.reply(peer, request, std::move(answer));
  loop::spawn(node_.io(), "evaluate", evaluation_.judge(request.approval_question(), request.trace()));
}

void Service::on_audit_note(const bus::Peer& peer, const v1::Envelope& request) {
  const auto& note = request.audit_note();
  AuditRecord record;
  record.what = note.what();
  record.decision = "refused";
  record.who = note.who();
  record.reason = note.detail();
  record.count = note.count();
  record.trace = request.trace();
  if (!audit_.note(record))
    return inbox_.fail(peer, request, "busy", "policy can't write now: " + kept_.disk_trouble());
  v1::Envelope answer = node_.envelope();
  answer.mutable_audit_noted();
  inbox_.reply(peer, request, std::move(answer));
}

void Service::answer(const bus::Peer& peer, const v1::Envelope& request, v1::CommandAnswer command_answer) {
  v1::Envelope envelope = node_.envelope();
  *envelope.mutable_command_answer() = std::move(command_answer);
  inbox_.reply(peer, request, std::move(envelope));
}

v1::CommandAnswer Service::sign(v1::CommandAnswer answer, const std::string& digest) const {
  bj::object statement{{"kind", "receipt"},
                       {"mac", mac_},
                       {"command", answer.command_id()},
                       {"commandDigest", digest},
                       {"state", answer.state()},
                       {"at", clock_.now_ms()}};
  if (!answer.reason().empty()) statement["reason"] = answer.reason();
  if (!answer.message().empty()) statement["message"] = answer.message();
  if (!answer.result().empty())
    statement["resultDigest"] = crypto::to_base64url(crypto::sha256(answer.result()));
  const auto said = link::sign_statement(mac_key_, statement);
  answer.set_statement(said.statement);
  answer.set_signature(said.signature);
  return answer;
}

}  // namespace zane::policy
