#include "services/policy/service.h"

#include <unistd.h>

#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/link/choices.h"
#include "lib/link/frame.h"
#include "lib/link/statement.h"
#include "lib/log/log.h"
#include "services/policy/folders.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

// Longer than supervisor waits for Codex, so that its word arrives.
constexpr std::chrono::seconds kEffectDeadline{130};
constexpr std::chrono::minutes kUpkeepEvery{30};
constexpr std::chrono::seconds kRefusalReportEvery{10};

std::string text_at(const bj::object& object, std::string_view key) {
  return std::string(json::string_at(object, key).value_or(""));
}

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

// ---- judging ------------------------------------------------------------------

loop::Task<v1::CommandAnswer> Service::carry_out(const Order& order) {
  Judged judged = co_await judge(order);
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

loop::Task<Service::Judged> Service::judge(const Order& order) {
  if (is_reserved(order.method))
    co_return Judged{{}, "", "bad-command", "`" + order.method + "` is not for clients"};
  // A hook's folder was checked against zane.toml; its role is for the task alone.
  const Role needed = required_role(order.method, order.params);
  if (order.role < needed)
    co_return Judged{{},
                     "",
                     "role",
                     "`" + order.method + "` with these parameters needs the role " +
                         std::string(name_of(needed)) + "; this is " + std::string(name_of(order.role)) +
                         ": an owner can do it"};
  const bool ours = order.method.starts_with("zane/");
  if (const std::string param = ours ? "" : unprotected_by(order.params); !param.empty())
    co_return Judged{{},
                     "",
                     "protected-folder",
                     "with this `" + param +
                         "` a sandboxed command could read Zane's own keys: use `permissions` with `" +
                         kAskProfile + "`, `" + kReadOnlyProfile + "` or `" + kFullAccessProfile + "`"};
  if (const std::string folder = co_await protected_folder_in(order); !folder.empty())
    co_return Judged{
        {},
        "",
        "protected-folder",
        "`" + folder +
            "` could be written to, and Zane's or Codex's own keys lie there: choose a project's folder"};
  if (order.method == "zane/attach") co_return co_await attach(order);
  if (order.method == "zane/approval/decide") co_return co_await judge_decision(order);
  if (order.method == "zane/task/start") co_return judge_task(order);
  if (order.method.starts_with("zane/")) co_return own_answer(order);
  co_return co_await judge_call(order);
}

loop::Task<Service::Judged> Service::judge_decision(const Order& order) {
  const std::string id = text_at(order.params, "approval");
  const std::string choice = text_at(order.params, "choice");
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_approval()->set_approval(id);
  const auto answered = co_await supervisor_.ask(std::move(question));
  if (!answered.ok()) co_return Judged{{}, "", "codex-down", std::string(answered.status().message())};
  const auto& facts = answered->answer().approval();
  if (facts.approval().empty()) co_return Judged{{}, "", "unknown-approval", "there is no such approval"};
  const auto request = json::parse_object(facts.request());
  const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
  const auto response = link::response_for(facts.method(), params ? *params : bj::object(), choice,
                                           json::object_at(order.params, "answers"));
  if (!response)
    co_return Judged{
        {}, "", "not-offered", "`" + choice + "` is not among the choices Codex offered for this"};
  Judged judged;
  judged.effect.emplace();
  auto* decide = judged.effect->mutable_decide();
  decide->set_approval(id);
  decide->set_digest(text_at(order.params, "digest"));
  decide->set_choice(choice);
  decide->set_response(response->bytes);
  decide->set_grants(response->grants);
  co_return judged;
}

Service::Judged Service::judge_task(const Order& order) {
  const std::string cwd = text_at(order.params, "cwd");
  const bool own_folder = order.role == Role::kOwner || order.actor.kind() == "hook";
  if (!own_folder && !is_within(cwd, config_.policy.folders))
    return {{},
            "",
            "role",
            "`" + cwd + "` is not among the `folders` under [policy] in zane.toml: an owner can start there"};
  std::error_code ignored;
  if (!cwd.empty() && !std::filesystem::is_directory(cwd, ignored))
    return {{}, "", "bad-command", "there is no folder `" + cwd + "` on this Mac"};
  auto task = start_task(order.params, order.id);
  if (!task.ok()) return {{}, "", "bad-command", std::string(task.status().message())};
  Judged judged;
  *judged.effect.emplace().mutable_start_task() = *std::move(task);
  return judged;
}

loop::Task<Service::Judged> Service::judge_call(const Order& order) {
  Judged judged;
  auto* call = judged.effect.emplace().mutable_call();
  call->set_method(order.method);
  // Written anew: what Codex reads is what was judged.
  call->set_params(bj::serialize(order.params));
  co_return judged;
}

// The first folder that this order, or the thread it is for, could write to and
// that holds our keys; "" when there is none.
loop::Task<std::string> Service::protected_folder_in(const Order& order) {
  std::vector<std::string> folders;
  const bool starts =
      order.method == "zane/task/start" || order.method == "thread/start" || order.method == "thread/fork";
  const bool runs =
      order.method == "turn/start" || order.method == "turn/steer" || order.method == "thread/resume";
  if (!starts && !runs) co_return "";
  folders = writable_folders_in(order.params);
  const std::string thread = text_at(order.params, "threadId");
  if (!thread.empty() && order.method != "thread/resume") {
    v1::Envelope question = node_.envelope(order.trace, order.id);
    question.mutable_question()->mutable_thread()->set_thread(thread);
    const auto answered = co_await supervisor_.ask(std::move(question));
    if (answered.ok()) {
      const auto& facts = answered->answer().thread();
      if (!facts.cwd().empty()) folders.push_back(facts.cwd());
      folders.insert(folders.end(), facts.writable_roots().begin(), facts.writable_roots().end());
    }
  }
  std::vector<std::string> kept{node_.home().root().string()};
  if (!config_.codex.home.empty()) kept.push_back(config_.codex.home);
  for (const auto& folder : folders)
    for (const auto& keep : kept)
      if (overlaps(folder, keep)) co_return folder;
  co_return "";
}

loop::Task<Service::Judged> Service::attach(const Order& order) {
  const auto* protocol = json::object_at(order.params, "protocol");
  v1::Hello theirs;
  theirs.set_part("client");
  theirs.set_protocol_min(static_cast<uint32_t>(protocol ? json::int_at(*protocol, "min").value_or(0) : 0));
  theirs.set_protocol_max(static_cast<uint32_t>(protocol ? json::int_at(*protocol, "max").value_or(0) : 0));
  v1::Hello mine;
  mine.set_part("Mac");
  mine.set_protocol_min(link::kProtocolMin);
  mine.set_protocol_max(link::kProtocolMax);
  if (const auto part = link::part_to_update(mine, theirs); !part.empty()) {
    log::warn("protocol_mismatch", {{"update", part}, {"client_release", text_at(order.params, "release")}});
    co_return Judged{{},
                     "",
                     "protocol",
                     part == "client" ? "this page is too old for your Mac: reload it"
                                      : "Zane on your Mac is too old for this page: update it there"};
  }
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_status();
  const auto answered = co_await supervisor_.ask(std::move(question));
  const v1::CodexState codex = answered.ok() ? answered->answer().status() : v1::CodexState();
  bj::array hooks;
  for (const auto& hook : config_.hooks)
    hooks.push_back({{"name", hook.name}, {"path", "/hooks/" + config_.orbit.user + "." + hook.id}});
  bj::array folders(config_.policy.folders.begin(), config_.policy.folders.end());
  const char* user_home = std::getenv("HOME");
  Judged judged;
  judged.result = bj::serialize(
      bj::object{{"mac", mac_},
                 {"macName", config_.mac.name.empty() ? base::machine_name() : config_.mac.name},
                 {"release", ZANE_RELEASE},
                 {"protocol", {{"min", link::kProtocolMin}, {"max", link::kProtocolMax}}},
                 {"role", name_of(order.role)},
                 {"device", order.actor.id()},
                 {"devices", devices_json()},
                 {"codex",
                  {{"state", codex.state().empty() ? "unknown" : codex.state()},
                   {"version", codex.version()},
                   {"message", answered.ok() ? codex.message() : std::string(answered.status().message())},
                   {"home", codex.codex_home()}}},
                 {"folders", std::move(folders)},
                 {"hooks", std::move(hooks)},
                 {"home", user_home ? user_home : ""}});
  co_return judged;
}

// Methods of ours that policy answers from its own store.
Service::Judged Service::own_answer(const Order& order) {
  if (order.method == "zane/devices")
    return {{}, bj::serialize(bj::object{{"devices", devices_json()}}), "", ""};
  if (order.method == "zane/pair") {
    const auto link = pairing_.make_link(clock_.now_ms());
    if (!link.ok()) return {{}, "", "bad-command", std::string(link.status().message())};
    return {{},
            bj::serialize(bj::object{{"url", link->url},
                                     {"expiresAt", link->expires_ms},
                                     {"reachable", link->reachable},
                                     {"advice", link->advice}}),
            "",
            ""};
  }
  if (order.method == "zane/device/role") {
    const auto role = role_from(text_at(order.params, "role"));
    const std::string device = text_at(order.params, "device");
    if (!role || !store_.device(device))
      return {
          {}, "", "bad-command", "name a paired `device` and a `role`: viewer, approver, operator or owner"};
    store_.set_role(device, *role);
    return {{}, "{}", "", ""};
  }
  if (order.method == "zane/audit") {
    bj::array lines;
    for (const auto& line : store_.audit_tail(200)) lines.push_back(bj::parse(line));
    return {{}, bj::serialize(bj::object{{"records", std::move(lines)}}), "", ""};
  }
  return {{}, "", "bad-command", "there is no method `" + order.method + "`"};
}

bj::array Service::devices_json() {
  bj::array devices;
  for (const auto& d : store_.devices())
    devices.push_back({{"device", d.id},
                       {"name", d.name},
                       {"role", name_of(d.role)},
                       {"pairedAt", d.paired_ms},
                       {"lastSeenAt", d.last_seen_ms}});
  return devices;
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
