#include "services/supervisor/approvals.h"

#include <algorithm>

#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/link/choices.h"
#include "lib/link/statement.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

using namespace approval_state;

#define ZANE_APPROVAL_COLUMNS                                                                        \
  "id, n, instance, request_id, state, thread, turn, item, method, digest, request, shown, choice, " \
  "response,"                                                                                        \
  " grants, actor, cause, reason, rule, opened_ms, settled_ms, told_epoch, told_seq, opened_seq"

Approval read_row(const journal::Query& row) {
  Approval a;
  int c = 0;
  a.id = row.text(c++);
  a.n = row.integer(c++);
  for (std::string* field : {&a.instance, &a.request_id, &a.state, &a.thread, &a.turn, &a.item, &a.method,
                             &a.digest, &a.request, &a.shown, &a.choice, &a.response})
    *field = row.text(c++);
  a.grants = row.integer(c++) != 0;
  a.actor.ParseFromString(row.text(c++));
  a.cause = row.text(c++);
  a.reason = row.text(c++);
  a.rule = row.text(c++);
  a.opened_ms = row.integer(c++);
  a.settled_ms = row.integer(c++);
  a.told_epoch = row.text(c++);
  a.told_seq = row.integer(c++);
  a.opened_seq = row.integer(c++);
  return a;
}

bool has_secret_question(const Approval& a) {
  const auto request = json::parse_codex_object(a.request);
  const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
  const auto* questions = params ? json::array_at(*params, "questions") : nullptr;
  if (!questions) return false;
  return std::any_of(questions->begin(), questions->end(), [](const boost::json::value& q) {
    const auto* secret = q.is_object() ? q.as_object().if_contains("isSecret") : nullptr;
    return secret && secret->is_bool() && secret->as_bool();
  });
}

boost::json::object statement_of(const Approval& a, const std::string& mac, const v1::Event& event,
                                 int64_t now_ms) {
  boost::json::object s{{"kind", "approval"},     {"mac", mac},         {"approval", a.id},
                        {"thread", a.thread},     {"turn", a.turn},     {"item", a.item},
                        {"method", a.method},     {"digest", a.digest}, {"state", a.state},
                        {"epoch", event.epoch()}, {"seq", event.seq()}, {"at", now_ms},
                        {"openedAt", a.opened_ms}};
  auto told = link::told_choices(a.method, a.request);
  s["choices"] = std::move(told.choices);
  if (told.left_out > 0) s["choicesLeftOut"] = told.left_out;
  if (!a.choice.empty()) s["choice"] = a.choice;
  if (!a.actor.kind().empty())
    s["actor"] = {{"kind", a.actor.kind()}, {"id", a.actor.id()}, {"name", a.actor.name()}};
  if (!a.cause.empty()) s["cause"] = a.cause;
  if (!a.rule.empty()) s["rule"] = a.rule;
  if (!a.reason.empty()) s["reason"] = a.reason;
  return s;
}

}  // namespace

ApprovalBook::ApprovalBook(Ledger& ledger, Teller& teller, const crypto::EcKey& mac_key,
                           const base::Clock& clock)
    : ledger_(ledger), teller_(teller), mac_key_(mac_key), clock_(clock), mac_(mac_key.public_key().id()) {}

std::pair<Approval, bool> ApprovalBook::open(const std::string& instance, const CodexMessage& message,
                                             std::string_view raw, std::string_view shown,
                                             const std::string& trace) {
  // Ids come round again within a process only for the same request, byte for byte.
  if (auto known = find_request(instance, message.id); known && known->request == raw) {
    // A secret answer was not kept and went down with us: the person is asked again.
    const bool answer_lost = known->state == kDeciding && known->response.empty() &&
                             known->choice == "answer" && !unsaved_responses_.contains(known->id);
    if (answer_lost || known->settled()) {
      const std::string why = answer_lost ? "Zane was restarted before Codex had the answer"
                                          : "it read `" + known->state + "`, but Codex still asks";
      known->choice = known->cause = known->rule = known->response = "";
      known->actor.Clear();
      known->grants = false;
      known->settled_ms = 0;
      step(*known, kOpen, why, trace);
    }
    return {*known, false};
  }
  Approval a;
  a.id = crypto::fresh_id();
  a.n = next_n();
  a.instance = instance;
  a.request_id = message.id;
  a.thread = message.thread;
  a.turn = message.turn;
  a.item = message.item;
  a.method = message.method;
  a.request = raw;
  a.shown = shown;
  a.digest = link::approval_digest(raw, shown);
  a.opened_ms = clock_.now_ms();
  step(a, kOpen, "", trace);
  return {a, true};
}

std::optional<std::string> ApprovalBook::decide(const v1::Decide& decision, const v1::Actor& actor,
                                                const std::string& rule, const std::string& cause,
                                                const std::string& trace) {
  auto approval = find(decision.approval());
  if (!approval) return "unknown-approval";
  if (approval->state != kOpen) return "closed";
  if (!crypto::equal_in_constant_time(approval->digest, decision.digest())) return "digest";
  approval->choice = decision.choice();
  approval->response = decision.response();
  if (has_secret_question(*approval)) unsaved_responses_[approval->id] = decision.response();
  approval->grants = decision.grants();
  approval->actor = actor;
  approval->cause = cause;
  approval->rule = rule;
  step(*approval, kDeciding, "", trace);
  return std::nullopt;
}

void ApprovalBook::resolved(const std::string& instance, const std::string& request_id,
                            const std::string& trace) {
  auto approval = find_request(instance, request_id);
  if (!approval) return;
  // The turn's end may overtake the confirmation: then it is known after all.
  const bool decided =
      approval->state == kDeciding || (approval->state == kUnknown && !approval->choice.empty());
  if (approval->settled() && !decided) return;
  if (decided)
    step(*approval, approval->grants ? kApplied : kDeclined, "", trace);
  else
    step(*approval, kAnsweredElsewhere, "answered at the desk or by another program of this Mac", trace);
}

void ApprovalBook::turn_ended(const std::string& thread, const std::string& turn, const std::string& trace) {
  auto ended = rows("SELECT " ZANE_APPROVAL_COLUMNS
                    " FROM approvals WHERE state IN ('open', 'deciding') AND thread = ? AND turn = ?",
                    [&](journal::Query& q) { q.bind(thread).bind(turn); });
  for (auto& approval : ended)
    if (approval.state == kOpen)
      step(approval, kWithdrawn, "the turn ended before it was answered", trace);
    else
      step(approval, kUnknown, "the turn ended before Codex confirmed the decision; look at the item", trace);
}

void ApprovalBook::settle(const std::vector<Settlement>& settlements) {
  for (const auto& settlement : settlements) {
    auto approval = find(settlement.approval);
    if (approval && !approval->settled()) step(*approval, settlement.state, settlement.reason, "");
  }
}

void ApprovalBook::orphan(const std::string& instance, const std::string& reason) {
  for (auto& approval : unsettled())
    if (instance.empty() || approval.instance == instance) step(approval, kOrphaned, reason, "");
}

// On the disk first, then told. Killed between the two, it is told at the next start.
void ApprovalBook::step(Approval& a, const std::string& state, const std::string& reason,
                        const std::string& trace) {
  a.state = state;
  a.reason = reason;
  a.told_epoch.clear();
  a.told_seq = 0;
  if (a.settled() && a.settled_ms == 0) a.settled_ms = clock_.now_ms();
  save(a);
  if (a.settled()) unsaved_responses_.erase(a.id);
  tell(a, state == kOpen ? With::kBytes : With::kState, trace);
}

void ApprovalBook::tell(Approval& a, With with, const std::string& trace) {
  const int64_t now = clock_.now_ms();
  teller_.tell([&](v1::Event& event) {
    const auto said = link::sign_statement(mac_key_, statement_of(a, mac_, event, now));
    event.set_kind("approval");
    event.set_thread(a.thread);
    event.set_turn(a.turn);
    event.set_item(a.item);
    event.set_method(a.method);
    event.set_approval(a.id);
    event.set_raw(said.statement);
    event.set_signature(said.signature);
    if (with == With::kBytes) {
      event.set_request(a.request);
      event.set_shown(a.shown);
      a.opened_seq = event.seq();
    }
    a.told_epoch = event.epoch();
    a.told_seq = event.seq();
    log::info("approval", {{"approval", a.id},
                           {"state", a.state},
                           {"thread", a.thread},
                           {"seq", event.seq()},
                           {"actor", a.actor.kind() + (a.actor.id().empty() ? "" : "/" + a.actor.id())},
                           {"trace", trace}});
  });
  // Should this be lost it is told twice, which changes nothing; the step is written.
  try {
    ledger_.write_soon([&](journal::Db& db) {
      db.query("UPDATE approvals SET told_epoch = ?, told_seq = ?, opened_seq = ? WHERE id = ?")
          .bind(a.told_epoch)
          .bind(a.told_seq)
          .bind(a.opened_seq)
          .bind(a.id)
          .run();
    });
  } catch (const journal::SqliteError& e) {
    log::warn("told_not_written", {{"approval", a.id}, {"why", e.what()}});
  }
}

void ApprovalBook::tell_again(const std::string& epoch, int64_t pruned_through, int64_t head) {
  const auto gone = [&](int64_t seq) { return seq <= pruned_through || seq > head; };
  auto untold = rows("SELECT " ZANE_APPROVAL_COLUMNS
                     " FROM approvals WHERE state IN ('open', 'deciding') OR told_seq = 0 ORDER BY n",
                     [](journal::Query&) {});
  for (auto& a : untold) {
    const bool other_epoch = a.told_epoch != epoch;
    if (a.settled() ? a.told_seq == 0 : other_epoch || gone(a.told_seq) || gone(a.opened_seq))
      tell(a, a.settled() ? With::kState : With::kBytes, "");
  }
}

void ApprovalBook::save(const Approval& a) {
  const bool secret = unsaved_responses_.contains(a.id);
  ledger_.write([&](journal::Db& db) {
    auto q = db.query("INSERT OR REPLACE INTO approvals (" ZANE_APPROVAL_COLUMNS
                      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    q.bind(a.id).bind(a.n);
    for (const std::string* field :
         {&a.instance, &a.request_id, &a.state, &a.thread, &a.turn, &a.item, &a.method, &a.digest})
      q.bind(*field);
    q.blob(a.request).blob(a.shown).bind(a.choice).blob(secret ? "" : a.response).bind(int64_t{a.grants});
    q.blob(a.actor.SerializeAsString()).bind(a.cause).bind(a.reason).bind(a.rule);
    q.bind(a.opened_ms).bind(a.settled_ms).bind(a.told_epoch).bind(a.told_seq).bind(a.opened_seq).run();
  });
}

void ApprovalBook::forget_old(int64_t believed_now_ms) {
  ledger_.write_soon([&](journal::Db& db) {
    db.query("DELETE FROM approvals WHERE state NOT IN ('open', 'deciding') AND settled_ms < ?")
        .bind(believed_now_ms - kSettledKeptMs)
        .run();
  });
}

template <typename Bind>
std::vector<Approval> ApprovalBook::rows(const char* sql, Bind bind) {
  std::vector<Approval> found;
  auto q = ledger_.db().query(sql);
  bind(q);
  while (q.step()) found.push_back(read_row(q));
  return found;
}

std::optional<Approval> ApprovalBook::find(const std::string& id) {
  auto found = rows("SELECT " ZANE_APPROVAL_COLUMNS " FROM approvals WHERE id = ?",
                    [&](journal::Query& q) { q.bind(id); });
  if (found.empty()) return std::nullopt;
  if (const auto unsaved = unsaved_responses_.find(id); unsaved != unsaved_responses_.end())
    found[0].response = unsaved->second;
  return std::move(found[0]);
}

std::optional<Approval> ApprovalBook::find_request(const std::string& instance,
                                                   const std::string& request_id) {
  auto found = rows("SELECT " ZANE_APPROVAL_COLUMNS
                    " FROM approvals WHERE instance = ? AND request_id = ? ORDER BY n DESC LIMIT 1",
                    [&](journal::Query& q) { q.bind(instance).bind(request_id); });
  if (found.empty()) return std::nullopt;
  return std::move(found[0]);
}

std::vector<Approval> ApprovalBook::beginning_with(const std::string& prefix, int limit) {
  return rows(
      "SELECT " ZANE_APPROVAL_COLUMNS
      " FROM approvals WHERE substr(id, 1, length(?1)) = ?1 ORDER BY state NOT IN ('open', 'deciding'), "
      "n DESC LIMIT ?2",
      [&](journal::Query& q) { q.bind(prefix).bind(int64_t{limit}); });
}

std::vector<Approval> ApprovalBook::unsettled() {
  return rows("SELECT " ZANE_APPROVAL_COLUMNS
              " FROM approvals WHERE state IN ('open', 'deciding') ORDER BY n",
              [](journal::Query&) {});
}

std::vector<Approval> ApprovalBook::latest(int limit) {
  return rows("SELECT " ZANE_APPROVAL_COLUMNS
              " FROM approvals ORDER BY state NOT IN ('open', 'deciding'), n DESC LIMIT ?",
              [&](journal::Query& q) { q.bind(int64_t{limit}); });
}

int64_t ApprovalBook::next_n() {
  auto q = ledger_.db().query("SELECT max(n) FROM approvals");
  return q.step() ? q.integer(0) + 1 : 1;
}

int ApprovalBook::open_count() {
  auto q = ledger_.db().query("SELECT count(*) FROM approvals WHERE state = 'open'");
  q.step();
  return static_cast<int>(q.integer(0));
}

int64_t ApprovalBook::before_oldest_open(int64_t otherwise) {
  auto q = ledger_.db().query(
      "SELECT min(opened_seq) FROM approvals WHERE state IN ('open', 'deciding') AND opened_seq > 0");
  if (!q.step() || q.integer(0) == 0) return otherwise;
  return std::min(otherwise, q.integer(0) - 1);
}

}  // namespace zane::supervisor
