#include "services/supervisor/service.h"

#include "boost/asio/post.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/base/machine.h"
#include "lib/journal/cure.h"
#include "lib/journal/facts.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

constexpr std::chrono::seconds kUpkeepEvery{600};
// While something can't be done.
constexpr std::chrono::seconds kUpkeepAgain{2};
// What could not be written is tried again this often.
constexpr std::chrono::milliseconds kWeatherPause{500};
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int64_t kMib = 1024 * 1024;
constexpr char kCantKeep[] = "can't write the journal";
constexpr char kCantWrite[] = "can't write down what Codex says";

journal::Mark::House house_of(const bus::Node& node) {
  return {node.home().root(), node.keys().public_of.at(std::string(bus::kSupervisor))};
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, const crypto::EcKey& mac_key,
                 const base::Clock& clock)
    : node_(node),
      config_(config),
      clock_(clock),
      trouble_came_(node.io()),
      weather_(clock, "nothing is lost, and it goes on by itself", [this] { trouble_came_.raise(); }),
      journal_mark_(base::unkept_folder(), house_of(node), "journal"),
      ledger_mark_(base::unkept_folder(), house_of(node), "ledger"),
      owned_ledger_(journal::open_marked(
          node.home().data("ledger.db"), ledger_mark_, clock.now_ms(),
          [&] {
            return std::make_unique<Ledger>(node.home().data("ledger.db"), node.home().data("journal.db"));
          },
          ledger_found_)),
      ledger_(*owned_ledger_),
      journal_(open_journal(node.home().data("journal.db"), journal_mark_, base::boot_id(), clock.now_ms(),
                            ledger_found_.as != journal::Found::As::kItWas, older_journal_)),
      socket_(node.io()),
      bulk_socket_(node.io(), kBulkAnswerBytesMax),
      host_(config, node.home()),
      codex_(node.io(), node.home(), config, socket_, host_),
      bulk_(node.io(), codex_, bulk_socket_),
      outward_(
          node, *journal_, clock, [this](const std::string& turn) { return effects_.trace_of_turn(turn); },
          [this] {
            auto state = codex_.state();
            if (!weather_.fine()) state.set_message(weather_.text());
            return state;
          },
          [this](const std::string& trouble) { on_disk(trouble); }),
      approvals_(ledger_, outward_, mac_key, clock),
      powers_(ledger_, clock),
      effects_({node.io(), ledger_, codex_, bulk_, approvals_, processes_, powers_, weather_, clock},
               [this] { outward_.flush(); }),
      catch_up_(node.io(), *journal_, bulk_, outward_, clock),
      follow_(node.io(), codex_, powers_,
              [this](const Follow::Resumed& thread) {
                if (codex_.session()) catch_up_.resumed(codex_.session(), thread);
              }),
      settle_(node.io(), codex_, bulk_, approvals_, follow_, [this] { outward_.flush(); }),
      inward_({node, mac_key.public_key().id(), codex_, bulk_, *journal_, outward_, approvals_, processes_,
               powers_, effects_, follow_, weather_, clock}) {
  if (ledger_found_.as != journal::Found::As::kItWas) {
    ledger_.has_forgotten(clock.now_ms());
    inward_.notices().add_notice(
        ledger_found_.text +
        ": what Codex still asks it asks again, settled approvals may be gone, and an order that was under "
        "way is `unknown`: look before you repeat one");
  }
  journal::keep_marked(ledger_.db(), ledger_mark_, ledger_found_);
  if (older_journal_)
    inward_.notices().add_notice("the journal is an older copy than the one before: pages read anew");
  log::info("journal_open", {{"epoch", journal_->epoch()}, {"seq", journal_->head_seq()}});
}

void Service::run() {
  approvals_.tell_again(journal_->epoch(), journal_->pruned_through(), journal_->head_seq());
  outward_.flush();
  Codex::Events events;
  events.on_message = [this](const CodexMessage& m, const Incoming& incoming) { on_codex(m, incoming); };
  events.on_ready = [this](std::shared_ptr<const Session> session) { return on_codex_ready(session); };
  events.on_lost = [this] { on_codex_lost(); };
  events.on_ended = [this](const std::string& how) {
    try {
      approvals_.orphan("", "Codex ended (" + how + "); resume the thread to go on");
    } catch (const journal::SqliteError& e) {
      // The next Codex is another one, which says the same again.
      weather_.begins(kCantWrite, journal::with_cure(e));
    }
    outward_.flush();
  };
  events.on_state = [this] { outward_.publish_state(); };
  loop::spawn(node_.io(), "codex", codex_.run(std::move(events)));
  loop::spawn(node_.io(), "bulk", bulk_.run());
  loop::spawn(node_.io(), "upkeep", upkeep());
}

void Service::stop() {
  codex_.detach();
  bulk_.detach();
}

// ---- what Codex says ------------------------------------------------------

void Service::on_codex(const CodexMessage& message, const Incoming& incoming) {
  if (deferred_.empty() && take(message, incoming)) return;
  defer(message, incoming);
}

bool Service::take(const CodexMessage& message, const Incoming& incoming) {
  try {
    if (message.kind == CodexMessage::Kind::kRequest)
      on_request(message, incoming);
    else
      on_notification(message, incoming);
    return true;
  } catch (const journal::SqliteError& e) {
    weather_.begins(kCantWrite, journal::with_cure(e));
    outward_.publish_state();
    return false;
  }
}

// In order, and nothing overtakes: what can't be written now waits.
void Service::defer(const CodexMessage& message, const Incoming& incoming) {
  deferred_.push_back({message, std::string(incoming.raw), incoming.read_ns});
  deferred_bytes_ += incoming.raw.size();
  if (deferred_bytes_ > kDeferredBytesMax) codex_.hold(true);
  if (deferred_.size() == 1) loop::spawn(node_.io(), "deferred", take_deferred());
}

loop::Task<> Service::take_deferred() {
  while (!deferred_.empty()) {
    const Deferred& next = deferred_.front();
    if (!take(next.message, {next.raw, false, next.read_ns})) {
      co_await loop::sleep_for(node_.io(), kWeatherPause);
      continue;
    }
    deferred_bytes_ -= deferred_.front().raw.size();
    deferred_.pop_front();
  }
  weather_.ends(kCantWrite);
  codex_.hold(journal_->uncommitted_bytes() > journal::kUncommittedBytesMax);
  outward_.publish_state();
}

void Service::on_disk(const std::string& trouble) {
  if (trouble.empty())
    weather_.ends(kCantKeep);
  else
    weather_.begins(kCantKeep, trouble);
  // Memory is bounded too: the rest waits in Codex.
  codex_.hold(journal_->uncommitted_bytes() > journal::kUncommittedBytesMax ||
              deferred_bytes_ > kDeferredBytesMax);
  outward_.publish_state();
}

void Service::on_notification(const CodexMessage& message, const Incoming& incoming) {
  if (is_process_output(message.method)) return on_process_output(message, incoming);
  if (message.thread.empty()) {
    log::debug("codex_notice", {{"method", message.method}});
    return;
  }
  if (!message.understood) return catch_up_.missed(message, incoming.raw.size());
  // The ledger first: should it fail, the whole message is taken again.
  const std::string trace = effects_.trace_of_turn(message.turn);
  if (message.method == "serverRequest/resolved")
    approvals_.resolved(codex_.instance(), resolved_request_of(incoming.raw), trace);
  else if (message.method == "turn/completed")
    approvals_.turn_ended(message.thread, message.turn, trace);
  powers_.learn_from_news(message.method, message.thread, incoming.raw);
  outward_.codex_said(message, incoming);
  if (codex_.session()) catch_up_.saw(codex_.session(), message);
  if (message.method == "thread/started") follow_.announced(message.thread);
}

void Service::on_process_output(const CodexMessage& message, const Incoming& incoming) {
  auto output = processes_.from_codex(message, incoming.raw);
  if (output) inward_.tell_client(output->client, std::move(output->raw));
}

void Service::on_request(const CodexMessage& message, const Incoming& incoming) {
  if (message.method == "currentTime/read") {
    codex_.respond(message.id, "{\"currentTimeAt\":" + std::to_string(clock_.now_ms() / 1000) + "}");
    return;
  }
  if (!asks_a_person(message)) {
    // For another client of Codex's, who would be cut off by an answer of ours.
    log::info("codex_request_left_alone", {{"method", message.method}, {"thread", message.thread}});
    return;
  }
  const std::string trace = effects_.trace_of_turn(message.turn);
  const auto [approval, fresh] =
      approvals_.open(codex_.instance(), message, incoming.raw, shown_with(message), trace);
  settle_.repeated(approval.id);
  outward_.flush();
  if (fresh)
    inward_.tell_policy(approval);
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
  const auto event =
      journal_->latest(message.thread, message.item, {"item/started", "item/fileChange/patchUpdated"});
  return event ? event->raw() : "";
}

// ---- connections to Codex -------------------------------------------------

loop::Task<> Service::on_codex_ready(std::shared_ptr<const Session> session) {
  bulk_.codex_changed();
  settle_.begin(session);
  co_await follow_.resume_loaded(session);
  if (!session->alive) co_return;
  // The rest may take its time; it goes on until it is done or the session is over.
  if (!co_await settle_.look(session) && session->alive)
    loop::spawn(node_.io(), "keep_looking", settle_.keep_looking(session));
}

void Service::on_codex_lost() {
  bulk_.codex_changed();
  powers_.session_over();
  end_of_terminals();
}

// Codex ends what a connection began together with the connection.
void Service::end_of_terminals() {
  for (const auto& [name, client] : processes_.take_all())
    inward_.tell_client(
        client, boost::json::serialize(boost::json::object{
                    {"method", "process/exited"},
                    {"params",
                     {{"processHandle", name.substr(client.size() + 1)},
                      {"exitCode", -1},
                      {"zaneReason",
                       "the Mac's connection to Codex was lost, and Codex ends its terminals with it"}}}}));
}

loop::Task<> Service::upkeep() {
  for (;;) {
    bool fine = true;
    try {
      const int64_t believed = forgetting_.time_ms(clock_.now_ms(), base::steady_ns());
      const journal::Retention keep{config_.journal.keep_days * kDayMs, config_.journal.keep_mib * kMib};
      while (journal_->prune_slice(keep, believed))
        co_await boost::asio::post(node_.io(), boost::asio::use_awaitable);
      approvals_.tell_again(journal_->epoch(), journal_->pruned_through(), journal_->head_seq());
      effects_.forget_old(believed);
      powers_.save();
      approvals_.forget_old(believed);
      outward_.flush();
      weather_.ends("can't tidy up");
      // Something was just written to it.
      weather_.ends(kCantWriteOrders);
      if (deferred_.empty()) weather_.ends(kCantWrite);
    } catch (const journal::SqliteError& e) {
      weather_.begins("can't tidy up", journal::with_cure(e));
      fine = false;
    }
    host_.keep_socket_alive(codex_.socket_path());
    if (fine && weather_.fine())
      (void)co_await trouble_came_.wait_for(kUpkeepEvery);
    else
      co_await loop::sleep_for(node_.io(), kUpkeepAgain);
  }
}

}  // namespace zane::supervisor
