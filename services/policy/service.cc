#include "services/policy/service.h"

#include <unistd.h>

#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/link/statement.h"
#include "lib/log/log.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// Longer than supervisor waits for Codex, so that its word arrives.
constexpr std::chrono::seconds kEffectDeadline{130};
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

// What a person sees an order being about, in the audit log.
std::string about(const bj::object& params) {
  for (const char* key : {"approval", "threadId", "cwd", "processHandle"})
    if (const auto text = json::string_at(params, key)) return std::string(*text);
  return "";
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
                 const crypto::EcKey& link_key, const base::Clock& clock)
    : node_(node),
      config_(config),
      mac_key_(mac_key),
      clock_(clock),
      mac_(mac_key.public_key().id()),
      store_(node.home().data("policy.db"), mac_key),
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
                  store_.audit(record, clock_.now_ms());
                }),
      supervisor_(node, bus::kSupervisor),
      own_(node, config, mac_, store_, pairing_, supervisor_, clock),
      judge_(node, config, supervisor_),
      started_ms_(clock.now_ms()) {}

void Service::run() { loop::spawn(node_.io(), "upkeep", upkeep()); }

loop::Task<> Service::upkeep() {
  for (;;) {
    store_.forget_old(clock_.now_ms());
    co_await loop::sleep_for(node_.io(), kUpkeepEvery);
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
      status->set_state("ready");
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
  store_.audit(record, clock_.now_ms());
  log::warn("bus_message_refused", {{"peer", peer.service}, {"trace", request.trace()}});
  inbox_.fail(peer, request, "not-yours", "policy does not take this from " + peer.service);
}

// ---- orders from three sides ------------------------------------------------

loop::Task<> Service::on_signed_command(bus::Peer peer, v1::Envelope request) {
  CheckContext context;
  context.mac = mac_;
  context.now_ms = clock_.now_ms();
  context.device = [this](const std::string& id) { return store_.device(id); };
  context.remembered = [this](const std::string& id) { return store_.command(id); };
  auto checked = check_command(request.signed_command(), context);

  if (const auto* refusal = std::get_if<Refusal>(&checked)) {
    auto outcome = refused(refusal->command, refusal->reason, refusal->message);
    Order order;
    order.actor.set_kind("device");
    order.actor.set_id(request.signed_command().device());
    order.method = "command";
    order.id = refusal->command;
    order.trace = request.trace();
    audit(order, outcome);
    answer(peer, request, sign(std::move(outcome), refusal->digest));
    co_return;
  }
  auto* repeat = std::get_if<Repeat>(&checked);
  const Command& command = repeat ? repeat->command : std::get<Command>(checked);
  if (repeat && repeat->answer) {
    log::info("command_repeated", {{"command", command.id}, {"trace", request.trace()}});
    answer(peer, request, *repeat->answer);
    co_return;
  }
  Order order{
      command.id,     command.key(),  {}, command.device.role, "device/" + command.device.id, command.method,
      command.params, request.trace()};
  order.actor.set_kind("device");
  order.actor.set_id(command.device.id);
  order.actor.set_name(command.device.name);
  const bool once = !only_reads(order.method);
  if (once)
    store_.remember_command(order.key, command.digest, clock_.now_ms(),
                            is_keystroke(order.method) ? Durability::kSoon : Durability::kNow);
  if (once && !is_keystroke(order.method)) {
    v1::CommandAnswer received;
    received.set_command_id(order.id);
    received.set_state("received");
    received.set_more(true);
    answer(peer, request, sign(std::move(received), command.digest));
  }
  auto outcome = sign(co_await carry_out(order), command.digest);
  if (once) store_.remember_answer(order.key, outcome);
  if (order.method == "zane/attach" && outcome.state() == "done") {
    store_.seen(command.device.id, clock_.now_ms());
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
  answer(peer, request, co_await carry_out(order));
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
  if (known == config_.hooks.end() || known->cwd != task.cwd()) {
    const auto outcome = refused(order.id, "role", "no hook of this name and folder is in zane.toml");
    audit(order, outcome);
    answer(peer, request, outcome);
    co_return;
  }
  order.params = {
      {"cwd", known->cwd}, {"prompt", hook_prompt(known->prompt, task.prompt())}, {"permissions", "ask"}};
  if (!known->model.empty()) order.params["model"] = known->model;
  if (!known->effort.empty()) order.params["effort"] = known->effort;
  answer(peer, request, co_await carry_out(order));
}

// ---- carrying out ------------------------------------------------------------------

loop::Task<v1::CommandAnswer> Service::carry_out(const Order& order) {
  Judged judged = co_await judge_.judge(order);
  if (judged.own) judged = co_await own_.answer(order);
  v1::CommandAnswer outcome;
  outcome.set_command_id(order.id);
  if (!judged.reason.empty()) {
    outcome = refused(order.id, judged.reason, judged.message);
  } else if (judged.effect) {
    v1::Envelope envelope = node_.envelope(order.trace, order.id);
    judged.effect->set_command_id(order.key);
    *judged.effect->mutable_actor() = order.actor;
    judged.effect->set_client(order.client);
    judged.effect->set_once(!only_reads(order.method) && !is_keystroke(order.method));
    *envelope.mutable_effect() = std::move(*judged.effect);
    const auto done = co_await supervisor_.ask(std::move(envelope), kEffectDeadline);
    if (absl::IsUnavailable(done.status())) {
      outcome = refused(order.id, "codex-down", std::string(done.status().message()));
      store_.forget_command(order.key);
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
    }
  } else {
    outcome.set_state("done");
    outcome.set_result(judged.result);
  }
  audit(order, outcome);
  co_return outcome;
}

// ---- the rest -------------------------------------------------------------------

void Service::on_pair(const bus::Peer& peer, const v1::Envelope& request) {
  const auto& pair = request.pair_request();
  const auto outcome = pairing_.admit(pair.request(), pair.proof(), clock_.now_ms());
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
  store_.audit(record, clock_.now_ms());
  const auto said = link::sign_statement(mac_key_, statement);
  reply->set_statement(said.statement);
  reply->set_signature(said.signature);
  if (!secret.empty())
    reply->set_proof(crypto::to_base64url(crypto::hmac_sha256(secret, "zane-paired-v1\n" + said.statement)));
  inbox_.reply(peer, request, std::move(envelope));
}

void Service::on_approval_question(const bus::Peer& peer, const v1::Envelope& request) {
  const auto& question = request.approval_question();
  v1::Envelope answer = node_.envelope();
  *answer.mutable_verdict() = rules_.evaluate(question);
  AuditRecord record;
  record.what = question.method();
  record.decision = answer.verdict().kind() == v1::Verdict::KIND_ACCEPT    ? "accept"
                    : answer.verdict().kind() == v1::Verdict::KIND_DECLINE ? "decline"
                                                                           : "ask";
  record.who = "rule/" + answer.verdict().rule();
  record.reason = answer.verdict().reason();
  record.about = question.approval();
  record.trace = request.trace();
  store_.audit(record, clock_.now_ms());
  inbox_.reply(peer, request, std::move(answer));
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
  store_.audit(record, clock_.now_ms());
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

void Service::audit(const Order& order, const v1::CommandAnswer& outcome) {
  AuditRecord record;
  record.what = order.method;
  record.decision = outcome.state() == "refused" ? "refused" : "allowed";
  record.who = order.actor.kind() + "/" + order.actor.id();
  record.reason = outcome.reason().empty() ? outcome.state() : outcome.reason();
  record.about = about(order.params);
  record.command = order.id;
  record.trace = order.trace;
  const bool light = only_reads(order.method) || is_keystroke(order.method);
  store_.audit(record, clock_.now_ms(), light ? Durability::kSoon : Durability::kNow);
  if (record.decision == "refused")
    log::warn("order_refused", {{"method", order.method},
                                {"who", record.who},
                                {"reason", outcome.reason()},
                                {"command", order.id},
                                {"trace", order.trace}});
  else if (!light)
    log::info("order", {{"method", order.method},
                        {"who", record.who},
                        {"state", outcome.state()},
                        {"command", order.id},
                        {"trace", order.trace}});
}

}  // namespace zane::policy
