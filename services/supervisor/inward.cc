#include "services/supervisor/inward.h"

#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

constexpr std::chrono::seconds kRefusalReportEvery{10};
// Longer than policy waits for an effect, so that its word arrives.
constexpr std::chrono::seconds kOrderDeadline{310};
// An Envelope holds 2 MiB.
constexpr size_t kRequestBytesTold = 1536 * 1024;
constexpr size_t kOpenApprovalsMax = 100;
constexpr std::chrono::seconds kAbsenceLook{20};
// Codex counts in whole seconds, and writes a moment after it speaks.
constexpr int64_t kTouchedMs = 3000;

}  // namespace

Inward::Inward(InwardOn on)
    : on_(on),
      inbox_(on.node,
             [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      refusals_(on.node.io(), on.node.context(), inbox_.raw(), kRefusalReportEvery,
                [this](int64_t count) {
                  audit("peer-refused", "unknown", "a bus peer without a service's key", count);
                }),
      policy_(on.node, bus::kPolicy),
      relay_(on.node, bus::kRelay),
      webhook_(on.node, bus::kWebhook),
      status_(on.node, on.codex, on.weather, on.mac, on.clock.now_ms()) {
  loop::spawn(on_.node.io(), "absence", end_absent());
}

// Whoever told us of the devices, and whoever was restarted: what counts is when
// a device was last seen, by our own clock.
loop::Task<> Inward::end_absent() {
  for (;;) {
    co_await loop::sleep_for(on_.node.io(), kAbsenceLook);
    for (const auto& client : absence_.away(on_.processes.clients())) end_client(client);
  }
}

void Inward::on_bus(const bus::Peer& peer, v1::Envelope request) {
  // Each message has its writers (envelope.proto): from any other it is nothing.
  switch (request.body_case()) {
    case v1::Envelope::kEffect:
      // The gate: effects come with policy's key and with no other.
      if (peer.service == bus::kPolicy)
        return loop::spawn(on_.node.io(), "effect", on_effect(peer, std::move(request)));
      audit("effect-refused", peer.service, "an effect that did not come from policy");
      break;
    case v1::Envelope::kQuestion:
      if (peer.service == bus::kPolicy || peer.service == bus::kRelay)
        return loop::spawn(on_.node.io(), "question", on_question(peer, std::move(request)));
      break;
    case v1::Envelope::kClientEnded:
      if (peer.service == bus::kRelay) return end_client(request.client_ended().client());
      break;
    case v1::Envelope::kDevicesPresent:
      if (peer.service != bus::kRelay) break;
      for (const auto& device : request.devices_present().devices()) absence_.seen("device/" + device);
      return;
    default:
      break;
  }
  log::warn("bus_message_refused",
            {{"peer", peer.service}, {"why", "not this peer's to send"}, {"trace", request.trace()}});
  inbox_.fail(peer, request, "not-yours", "supervisor does not take this from " + peer.service);
}

loop::Task<> Inward::on_effect(bus::Peer peer, v1::Envelope request) {
  v1::Effect effect = request.effect();
  effect.set_again(effect.again() || request.again());
  const std::string method = effect.has_call()     ? effect.call().method()
                             : effect.has_decide() ? "decide"
                                                   : "start_task";
  const bool makes_thread = effect.has_start_task() || method == "thread/start" || method == "thread/fork";
  if (makes_thread) on_.follow.making_begins();
  v1::Envelope answer = on_.node.envelope();
  *answer.mutable_effect_result() = co_await on_.effects.carry_out(effect, request.trace());
  if (makes_thread) {
    const auto result = json::parse_codex_object(answer.effect_result().result());
    if (result.ok()) {
      if (const auto id = json::string_at(*result, "thread")) on_.follow.is_ours(std::string(*id));
      if (const auto* thread = json::object_at(*result, "thread"))
        on_.follow.is_ours(std::string(json::string_at(*thread, "id").value_or("")));
    }
    on_.follow.making_ends();
  }
  log::info("effect", {{"method", method},
                       {"command", effect.command_id()},
                       {"state", answer.effect_result().state()},
                       {"reason", answer.effect_result().reason()},
                       {"trace", request.trace()}});
  inbox_.reply(peer, request, std::move(answer));
}

loop::Task<> Inward::on_question(bus::Peer peer, v1::Envelope request) {
  const auto& question = request.question();
  v1::Envelope envelope = on_.node.envelope();
  v1::Answer& answer = *envelope.mutable_answer();
  switch (question.about_case()) {
    case v1::Question::kJournal:
      on_.outward.flush();
      try {
        *answer.mutable_journal() = on_.journal.read(question.journal());
      } catch (const journal::SqliteError& e) {
        inbox_.fail(peer, request, "busy", e.what());
        co_return;
      }
      break;
    case v1::Question::kStreamStart: {
      on_.outward.flush();
      const std::string& thread = question.stream_start().thread();
      const int64_t start = on_.journal.stream_start(thread);
      auto* place = answer.mutable_stream_place();
      place->set_epoch(on_.journal.epoch());
      place->set_from_seq(thread.empty() ? on_.approvals.before_oldest_open(start) : start);
      place->set_head_seq(on_.journal.head_seq());
      place->set_pruned_through(on_.journal.pruned_through());
      break;
    }
    case v1::Question::kApproval: {
      auto* facts = answer.mutable_approval();
      if (const auto a = on_.approvals.find(question.approval().approval())) {
        facts->set_approval(a->id);
        facts->set_state(a->state);
        facts->set_digest(a->digest);
        facts->set_method(a->method);
        facts->set_thread(a->thread);
        // A longer one can be refused by whoever has its digest, and no more.
        if (a->request.size() <= kRequestBytesTold) facts->set_request(a->request);
        facts->set_choice(a->choice);
        facts->set_actor(a->actor.name());
      }
      break;
    }
    case v1::Question::kThread:
      *answer.mutable_thread() = co_await facts_of(question.thread().thread());
      break;
    case v1::Question::kStatus:
      *answer.mutable_status() = on_.codex.state();
      break;
    case v1::Question::kOpenApprovals: {
      bool past = question.open_approvals().after().empty();
      auto* ids = answer.mutable_open_approvals();
      for (const auto& a : on_.approvals.unsettled()) {
        if (past && a.state == approval_state::kOpen &&
            ids->approvals_size() < static_cast<int>(kOpenApprovalsMax))
          ids->add_approvals(a.id);
        past = past || a.id == question.open_approvals().after();
      }
      break;
    }
    case v1::Question::ABOUT_NOT_SET:
      inbox_.fail(peer, request, "bad-message", "a question about nothing");
      co_return;
  }
  inbox_.reply(peer, request, std::move(envelope));
}

// Learned in this session it holds; remembered from an earlier one only while
// Codex says that nobody has touched the thread since we last saw it.
loop::Task<v1::ThreadFacts> Inward::facts_of(std::string thread) {
  v1::ThreadFacts facts = on_.powers.of(thread).value_or(v1::ThreadFacts());
  facts.set_thread(thread);
  if (facts.loaded()) co_return facts;
  const auto reply = co_await on_.bulk.call(
      "thread/read", boost::json::serialize(boost::json::object{{"threadId", thread}}));
  const auto result = reply.ok() && reply->ok
                          ? json::parse_codex_object(reply->bytes)
                          : absl::StatusOr<boost::json::object>(absl::UnavailableError("not read"));
  const auto* read = result.ok() ? json::object_at(*result, "thread") : nullptr;
  if (!read) {
    facts.set_powers_known(false);
    co_return facts;
  }
  facts.set_known(true);
  const auto* status = json::object_at(*read, "status");
  facts.set_loaded(status && json::string_at(*status, "type").value_or("") != "notLoaded");
  const int64_t touched_ms = json::int_at(*read, "updatedAt").value_or(0) * 1000;
  const int64_t seen_ms = on_.powers.last_seen_ms(thread);
  // Loaded, and not by us: whoever did may have changed it.
  if (facts.loaded() || seen_ms == 0 || touched_ms > seen_ms + kTouchedMs) facts.set_powers_known(false);
  if (const auto cwd = json::string_at(*read, "cwd")) facts.set_cwd(std::string(*cwd));
  co_return facts;
}

void Inward::end_client(const std::string& client) {
  for (const auto& ending : on_.processes.take_of(client)) {
    log::info("terminal_ended", {{"client", client}, {"why", "its client is gone"}});
    loop::spawn(on_.node.io(), "kill", [](Codex& codex, Processes::Ending e) -> loop::Task<> {
      (void)co_await codex.call(e.method, e.params);
    }(on_.codex, ending));
  }
}

void Inward::tell_client(const std::string& client, std::string raw) {
  v1::Envelope envelope = on_.node.envelope();
  envelope.mutable_client_signal()->set_client(client);
  envelope.mutable_client_signal()->set_raw(std::move(raw));
  if (!inbox_.tell(bus::kRelay, std::move(envelope))) log::debug("signal_dropped", {{"peer", "relay"}});
}

void Inward::tell_policy(const Approval& approval) {
  v1::Envelope question = on_.node.envelope(on_.effects.trace_of_turn(approval.turn), approval.id);
  auto* q = question.mutable_approval_question();
  q->set_approval(approval.id);
  q->set_thread(approval.thread);
  q->set_method(approval.method);
  q->set_digest(approval.digest);
  const size_t bytes = approval.request.size() + approval.shown.size();
  if (bytes <= kRequestBytesTold) {
    q->set_request(approval.request);
    q->set_shown(approval.shown);
  } else {
    q->set_left_out_bytes(static_cast<int64_t>(bytes));
  }
  loop::spawn(on_.node.io(), "tell_policy",
              [](bus::Client& policy, v1::Envelope e, std::string id) -> loop::Task<> {
                const auto taken = co_await policy.ask(std::move(e));
                // It is open all the same, and a policy that comes back asks for what is.
                if (!taken.ok())
                  log::warn("policy_not_told", {{"approval", id}, {"why", taken.status().message()}});
              }(policy_, std::move(question), approval.id));
}

void Inward::audit(const std::string& what, const std::string& who, const std::string& detail,
                   int64_t count) {
  log::warn("refused", {{"what", what}, {"peer", who}, {"count", count}});
  v1::Envelope note = on_.node.envelope();
  note.mutable_audit_note()->set_what(what);
  note.mutable_audit_note()->set_who(who);
  note.mutable_audit_note()->set_detail(detail);
  note.mutable_audit_note()->set_count(count);
  loop::spawn(on_.node.io(), "audit", [](bus::Client& policy, v1::Envelope n) -> loop::Task<> {
    const auto noted = co_await policy.ask(std::move(n), std::chrono::seconds(60), std::chrono::seconds(60));
    if (!noted.ok()) log::error("audit_note_lost", {{"why", noted.status().message()}});
  }(policy_, std::move(note)));
}

loop::Task<absl::StatusOr<v1::CommandAnswer>> Inward::order(std::string method, std::string params,
                                                            int64_t uid, std::string command_id) {
  v1::Envelope request = on_.node.envelope();
  auto* command = request.mutable_console_command();
  command->set_method(method);
  command->set_params(params);
  command->set_uid(uid);
  command->set_command_id(command_id.empty() ? crypto::fresh_id() : command_id);
  auto answer = co_await policy_.ask(std::move(request), kOrderDeadline);
  if (!answer.ok()) co_return answer.status();
  if (!answer->has_command_answer()) co_return absl::InternalError("policy gave an answer of another kind");
  co_return std::move(*answer->mutable_command_answer());
}

loop::Task<v1::StatusReply> Inward::status() {
  v1::StatusReply reply = co_await status_.tell(policy_, relay_, webhook_);
  reply.set_epoch(on_.journal.epoch());
  reply.set_head_seq(on_.journal.head_seq());
  reply.set_open_approvals(on_.approvals.open_count());
  co_return reply;
}

}  // namespace zane::supervisor
