#include "services/supervisor/service.h"

#include <unistd.h>

#include "boost/asio/post.hpp"
#include "lib/base/machine.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

// Under load commits are grouped: one follows another by so much at least,
// unless so many events wait for it.
constexpr std::chrono::microseconds kGroupTime{400};
constexpr size_t kGroupEvents = 256;
constexpr std::chrono::minutes kUpkeepEvery{10};
constexpr std::chrono::seconds kRefusalReportEvery{10};
constexpr std::chrono::seconds kStatusDeadline{1};
constexpr int kMethodNotFound = -32601;
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int64_t kMib = 1024 * 1024;

// A server request that belongs to no thread asks the program, not the person.
bool asks_a_person(const CodexMessage& message) {
  return !message.thread.empty() && message.method != "item/tool/call" &&
         message.method != "currentTime/read";
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
                 const base::Clock& clock)
    : node_(node),
      config_(config),
      clock_(clock),
      mac_(mac_key.public_key().id()),
      journal_(journal::open_journal(node.home().data("journal.db"), base::boot_id(), clock.now_ms())),
      codex_(node.io(), node.home(), config),
      approvals_(*journal_, mac_key, clock),
      threads_(node.io(), codex_),
      effects_(node.io(), *journal_, codex_, approvals_, processes_, clock, [this] { flush(); }),
      publisher_(node, [this] { publish_state(); }),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      refusals_(node.io(), node.context(), inbox_.raw(), kRefusalReportEvery,
                [this](int64_t count) {
                  audit("peer-refused", "unknown", "a bus peer without a service's key", count);
                }),
      policy_(node, bus::kPolicy),
      relay_(node, bus::kRelay),
      webhook_(node, bus::kWebhook),
      flush_due_(node.io()),
      started_ms_(clock.now_ms()) {
  log::info("journal_open", {{"epoch", journal_->epoch()}, {"seq", journal_->head_seq()}, {"mac", mac_}});
}

void Service::run() {
  Codex::Events events;
  events.on_message = [this](const CodexMessage& m, std::string_view raw, int64_t ns) {
    on_codex(m, raw, ns);
  };
  events.on_ready = [this] { return on_codex_ready(); };
  events.on_ended = [this](const std::string& how) {
    approvals_.orphan(instance_, "Codex ended (" + how + "); resume the thread to go on");
    flush();
  };
  events.on_state = [this] { publish_state(); };
  events.on_gone = [this] {
    (void)approvals_.attached("");
    flush();
  };
  loop::spawn(node_.io(), "codex", codex_.run(std::move(events)));
  loop::spawn(node_.io(), "upkeep", upkeep());
}

// ---- outwards: Codex → journal → bus ------------------------------------

void Service::on_codex(const CodexMessage& message, std::string_view raw, int64_t read_ns) {
  if (message.kind == CodexMessage::Kind::kRequest)
    on_request(message, raw);
  else
    on_notification(message, raw, read_ns);
}

void Service::on_notification(const CodexMessage& message, std::string_view raw, int64_t read_ns) {
  if (is_process_output(message.method)) {
    auto output = processes_.from_codex(message);
    if (!output) return;
    v1::Envelope envelope = node_.envelope();
    envelope.mutable_client_signal()->set_client(output->client);
    envelope.mutable_client_signal()->set_raw(std::move(output->raw));
    if (!inbox_.tell(bus::kRelay, std::move(envelope))) log::debug("signal_dropped", {{"peer", "relay"}});
    return;
  }
  if (message.thread.empty()) {
    log::debug("codex_notice", {{"method", message.method}});
    return;
  }
  journal_->append(level_of(message.method), clock_.now_ms(), [&](v1::Event& event) {
    event.set_thread(message.thread);
    event.set_turn(message.turn);
    event.set_item(message.item);
    event.set_method(message.method);
    event.set_raw(raw.data(), raw.size());
    event.set_read_ns(read_ns);
  });
  if (message.method == "serverRequest/resolved") {
    const auto* params = json::object_at(message.body, "params");
    if (const auto* id = params ? params->if_contains("requestId") : nullptr)
      approvals_.resolved(codex_.instance(), boost::json::serialize(*id),
                          effects_.trace_of_turn(message.turn));
  } else if (message.method == "turn/completed") {
    approvals_.turn_ended(message.thread, message.turn, effects_.trace_of_turn(message.turn));
  } else if (message.method == "thread/started") {
    threads_.announced(message.thread);
  }
  schedule_flush();
}

void Service::on_request(const CodexMessage& message, std::string_view raw) {
  if (message.method == "currentTime/read") {
    codex_.respond(message.id, "{\"currentTimeAt\":" + std::to_string(clock_.now_ms() / 1000) + "}");
    return;
  }
  if (!asks_a_person(message)) {
    log::warn("codex_request_declined",
              {{"method", message.method}, {"why", "Zane does not offer this to Codex"}});
    codex_.respond_error(message.id, kMethodNotFound, "not offered by this client");
    return;
  }
  const std::string trace = effects_.trace_of_turn(message.turn);
  const auto [approval, fresh] = approvals_.open(codex_.instance(), message, raw, shown_with(message), trace);
  repeated_.push_back(approval.id);
  flush();
  if (fresh)
    loop::spawn(node_.io(), "ask_policy", ask_policy(approval));
  else
    repeat_decision(approval);
}

void Service::repeat_decision(const Approval& approval) {
  if (approval.state != approval_state::kDeciding) return;
  log::info("decision_sent_again", {{"approval", approval.id}, {"thread", approval.thread}});
  (void)effects_.respond(*approvals_.find(approval.id));
}

// A file change's request has no diff: the person is shown the item it names.
std::string Service::shown_with(const CodexMessage& message) {
  if (message.method != "item/fileChange/requestApproval") return "";
  auto rows = journal_->db().query(
      "SELECT event FROM events WHERE thread = ? AND method IN ('item/started', "
      "'item/fileChange/patchUpdated') "
      "ORDER BY seq DESC LIMIT 200");
  rows.bind(message.thread);
  while (rows.step()) {
    v1::Event event;
    event.ParseFromString(rows.text(0));
    if (event.item() == message.item) return event.raw();
  }
  return "";
}

loop::Task<> Service::on_codex_ready() {
  const std::string instance = codex_.instance();
  if (!instance_.empty() && instance != instance_)
    approvals_.orphan(instance_, "Codex was restarted; resume the thread to go on");
  for (const auto& [name, client] : processes_.take_all()) {
    v1::Envelope envelope = node_.envelope();
    envelope.mutable_client_signal()->set_client(client);
    envelope.mutable_client_signal()->set_raw(boost::json::serialize(boost::json::object{
        {"method", "process/exited"},
        {"params",
         {{"processHandle", name.substr(client.size() + 1)},
          {"exitCode", -1},
          {"zaneReason", "the Mac's connection to Codex was lost, and Codex ends its terminals with it"}}}}));
    inbox_.tell(bus::kRelay, std::move(envelope));
  }
  instance_ = instance;
  repeated_.clear();
  const auto expected = approvals_.attached(instance);
  flush();
  co_await threads_.resume_loaded();
  approvals_.not_repeated(expected, repeated_);
  flush();
}

loop::Task<> Service::ask_policy(Approval approval) {
  v1::Envelope question = node_.envelope(effects_.trace_of_turn(approval.turn), approval.id);
  auto* q = question.mutable_approval_question();
  q->set_approval(approval.id);
  q->set_thread(approval.thread);
  q->set_method(approval.method);
  q->set_digest(approval.digest);
  q->set_request(approval.request);
  q->set_shown(approval.shown);
  const std::string trace = question.trace();
  const auto answer = co_await policy_.ask(std::move(question));
  // No policy, an error, no rule: a person is asked; nobody there: it stays open.
  if (!answer.ok() || !answer->has_verdict()) {
    log::warn("policy_gave_no_verdict", {{"approval", approval.id}, {"why", answer.status().message()}});
    co_return;
  }
  const auto& verdict = answer->verdict();
  if (verdict.kind() != v1::Verdict::KIND_ACCEPT && verdict.kind() != v1::Verdict::KIND_DECLINE) co_return;
  v1::Decide decision;
  decision.set_approval(approval.id);
  decision.set_digest(approval.digest);
  decision.set_choice(verdict.choice());
  decision.set_response(verdict.response());
  decision.set_grants(verdict.kind() == v1::Verdict::KIND_ACCEPT);
  v1::Actor actor;
  actor.set_kind("rule");
  actor.set_id(verdict.rule());
  actor.set_name(verdict.reason());
  if (approvals_.decide(decision, actor, verdict.rule(), answer->id(), trace)) co_return;
  flush();
  (void)effects_.respond(*approvals_.find(approval.id));
}

// At once after a quiet moment; under load with what comes until the next one is due.
void Service::schedule_flush() {
  const auto due = flushed_at_ + kGroupTime;
  if (due <= loop::Timer::clock_type::now() || journal_->uncommitted() >= kGroupEvents) return flush();
  if (std::exchange(flush_scheduled_, true)) return;
  flush_due_.expires_at(due);
  flush_due_.async_wait([this](boost::system::error_code error) {
    if (!error && flush_scheduled_) flush();
  });
}

void Service::flush() {
  flush_scheduled_ = false;
  flushed_at_ = loop::Timer::clock_type::now();
  for (v1::Event& event : journal_->commit()) {
    v1::Envelope envelope;
    envelope.set_id("e" + std::to_string(event.seq()));
    const std::string trace = effects_.trace_of_turn(event.turn());
    envelope.set_trace(trace.empty() ? event.thread() : trace);
    envelope.set_sender(std::string(bus::kSupervisor));
    if (!listeners_.empty()) {
      const auto shared = std::make_shared<const v1::Event>(event);
      std::erase_if(listeners_, [&](const auto& weak) {
        const auto listener = weak.lock();
        if (listener) (*listener)(shared);
        return !listener;
      });
    }
    *envelope.mutable_event() = std::move(event);
    journal::leave_out_if_long(*envelope.mutable_event());
    publisher_.publish(envelope);
  }
}

void Service::publish_state() {
  v1::Envelope envelope = node_.envelope();
  *envelope.mutable_codex_state() = codex_.state();
  envelope.mutable_codex_state()->set_epoch(journal_->epoch());
  envelope.mutable_codex_state()->set_head_seq(journal_->head_seq());
  publisher_.publish(envelope);
}

std::shared_ptr<Service::Listener> Service::listen(Listener listener) {
  auto token = std::make_shared<Listener>(std::move(listener));
  listeners_.push_back(token);
  return token;
}

// ---- inwards: policy's effects, everyone's questions ----------------------

void Service::on_bus(const bus::Peer& peer, v1::Envelope request) {
  // Each message has its writers (envelope.proto): from any other it is nothing.
  switch (request.body_case()) {
    case v1::Envelope::kEffect:
      // The gate: effects come with policy's key and with no other.
      if (peer.service == bus::kPolicy)
        return loop::spawn(node_.io(), "effect", on_effect(peer, std::move(request)));
      audit("effect-refused", peer.service, "an effect that did not come from policy");
      break;
    case v1::Envelope::kQuestion:
      if (peer.service == bus::kPolicy || peer.service == bus::kRelay)
        return loop::spawn(node_.io(), "question", on_question(peer, std::move(request)));
      break;
    case v1::Envelope::kClientEnded:
      if (peer.service == bus::kRelay) return end_client(request.client_ended().client());
      break;
    default:
      break;
  }
  log::warn("bus_message_refused",
            {{"peer", peer.service}, {"why", "not this peer's to send"}, {"trace", request.trace()}});
  inbox_.fail(peer, request, "not-yours", "supervisor does not take this from " + peer.service);
}

loop::Task<> Service::on_effect(bus::Peer peer, v1::Envelope request) {
  const auto& effect = request.effect();
  const std::string method = effect.has_call()     ? effect.call().method()
                             : effect.has_decide() ? "decide"
                                                   : "start_task";
  const bool makes_thread = effect.has_start_task() || method == "thread/start" || method == "thread/fork";
  if (makes_thread) threads_.making_begins();
  v1::Envelope answer = node_.envelope();
  *answer.mutable_effect_result() = co_await effects_.carry_out(effect, request.trace());
  if (makes_thread) {
    const auto result = json::parse_object(answer.effect_result().result());
    if (result.ok()) {
      if (const auto id = json::string_at(*result, "thread")) threads_.is_ours(std::string(*id));
      if (const auto* thread = json::object_at(*result, "thread"))
        threads_.is_ours(std::string(json::string_at(*thread, "id").value_or("")));
    }
    threads_.making_ends();
  }
  log::info("effect", {{"method", method},
                       {"command", effect.command_id()},
                       {"state", answer.effect_result().state()},
                       {"reason", answer.effect_result().reason()},
                       {"trace", request.trace()}});
  inbox_.reply(peer, request, std::move(answer));
}

loop::Task<> Service::on_question(bus::Peer peer, v1::Envelope request) {
  const auto& question = request.question();
  v1::Envelope envelope = node_.envelope();
  v1::Answer& answer = *envelope.mutable_answer();
  switch (question.about_case()) {
    case v1::Question::kJournal:
      flush();
      *answer.mutable_journal() = journal_->read(question.journal());
      break;
    case v1::Question::kStreamStart: {
      flush();
      const int64_t start = journal_->stream_start(question.stream_start().thread());
      auto* place = answer.mutable_stream_place();
      place->set_epoch(journal_->epoch());
      place->set_from_seq(question.stream_start().thread().empty() ? approvals_.before_oldest_open(start)
                                                                   : start);
      place->set_head_seq(journal_->head_seq());
      break;
    }
    case v1::Question::kApproval: {
      auto* facts = answer.mutable_approval();
      if (const auto a = approvals_.find(question.approval().approval())) {
        facts->set_approval(a->id);
        facts->set_state(a->state);
        facts->set_digest(a->digest);
        facts->set_method(a->method);
        facts->set_thread(a->thread);
        facts->set_request(a->request);
        facts->set_shown(a->shown);
        facts->set_choice(a->choice);
        facts->set_actor(a->actor.name());
      }
      break;
    }
    case v1::Question::kThread:
      *answer.mutable_thread() = co_await threads_.facts(question.thread().thread());
      break;
    case v1::Question::kStatus:
      *answer.mutable_status() = codex_.state();
      break;
    case v1::Question::ABOUT_NOT_SET:
      inbox_.fail(peer, request, "bad-message", "a question about nothing");
      co_return;
  }
  inbox_.reply(peer, request, std::move(envelope));
}

void Service::end_client(const std::string& client) {
  for (const auto& name : processes_.take_of(client)) {
    log::info("terminal_ended", {{"client", client}, {"why", "its client is gone"}});
    loop::spawn(node_.io(), "kill", [](Codex& codex, std::string handle) -> loop::Task<> {
      (void)co_await codex.call("process/kill",
                                boost::json::serialize(boost::json::object{{"processHandle", handle}}));
    }(codex_, name));
  }
}

void Service::audit(const std::string& what, const std::string& who, const std::string& detail,
                    int64_t count) {
  log::warn("refused", {{"what", what}, {"peer", who}, {"count", count}});
  v1::Envelope note = node_.envelope();
  note.mutable_audit_note()->set_what(what);
  note.mutable_audit_note()->set_who(who);
  note.mutable_audit_note()->set_detail(detail);
  note.mutable_audit_note()->set_count(count);
  loop::spawn(node_.io(), "audit", [](bus::Client& policy, v1::Envelope n) -> loop::Task<> {
    const auto noted = co_await policy.ask(std::move(n), std::chrono::seconds(60));
    if (!noted.ok()) log::error("audit_note_lost", {{"why", noted.status().message()}});
  }(policy_, std::move(note)));
}

// ---- for the console --------------------------------------------------------

loop::Task<absl::StatusOr<v1::CommandAnswer>> Service::order(std::string method, std::string params,
                                                             int64_t uid, std::string command_id) {
  v1::Envelope request = node_.envelope();
  auto* command = request.mutable_console_command();
  command->set_method(method);
  command->set_params(params);
  command->set_uid(uid);
  command->set_command_id(command_id.empty() ? crypto::fresh_id() : command_id);
  auto answer = co_await policy_.ask(std::move(request), kCallDeadline);
  if (!answer.ok()) co_return answer.status();
  if (!answer->has_command_answer()) co_return absl::InternalError("policy gave an answer of another kind");
  co_return std::move(*answer->mutable_command_answer());
}

loop::Task<v1::Part> Service::part_of(std::string name, bus::Client& client) {
  v1::Envelope question = node_.envelope();
  question.mutable_service_status_question();
  const auto answer = co_await client.ask(std::move(question), kStatusDeadline);
  v1::Part part;
  part.set_name(name);
  if (!answer.ok() || !answer->has_service_status()) {
    part.set_state("down");
    part.set_message(
        name +
        " does not answer: is it running? `script/run` or launchd starts it; its log says why it ended");
    co_return part;
  }
  const auto& status = answer->service_status();
  part.set_state(status.state());
  part.set_message(status.message());
  part.set_release(status.release());
  part.set_pid(status.pid());
  part.set_started_ms(status.started_ms());
  co_return part;
}

loop::Task<v1::StatusReply> Service::status() {
  v1::StatusReply reply;
  reply.set_mac(mac_);
  reply.set_epoch(journal_->epoch());
  reply.set_head_seq(journal_->head_seq());
  reply.set_open_approvals(approvals_.open_count());
  reply.set_codex_socket(codex_.socket_path().string());
  const auto codex = codex_.state();
  auto* part = reply.add_parts();
  part->set_name("codex");
  part->set_state(codex.state());
  part->set_message(codex.message());
  part->set_release(codex.version());
  part->set_pid(codex_.pid());
  part = reply.add_parts();
  part->set_name("supervisor");
  part->set_state("ready");
  part->set_release(ZANE_RELEASE);
  part->set_pid(::getpid());
  part->set_started_ms(started_ms_);
  *reply.add_parts() = co_await part_of("policy", policy_);
  *reply.add_parts() = co_await part_of("relay", relay_);
  *reply.add_parts() = co_await part_of("webhook", webhook_);
  co_return reply;
}

loop::Task<> Service::upkeep() {
  for (;;) {
    journal_->prune({config_.journal.keep_days * kDayMs, config_.journal.keep_mib * kMib}, clock_.now_ms());
    effects_.forget_old();
    flush();
    co_await loop::sleep_for(node_.io(), kUpkeepEvery);
  }
}

}  // namespace zane::supervisor
