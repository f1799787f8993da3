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

constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS approvals (
  id TEXT PRIMARY KEY, instance TEXT NOT NULL, request_id TEXT NOT NULL, state TEXT NOT NULL,
  thread TEXT NOT NULL, turn TEXT NOT NULL, item TEXT NOT NULL, method TEXT NOT NULL, digest TEXT NOT NULL,
  request BLOB NOT NULL, shown BLOB NOT NULL, choice TEXT NOT NULL, response BLOB NOT NULL, grants INTEGER NOT NULL,
  actor BLOB NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL,
  opened_ms INTEGER NOT NULL, opened_seq INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS approvals_of_state ON approvals (state);
CREATE INDEX IF NOT EXISTS approvals_of_request ON approvals (instance, request_id);
)";

#define ZANE_APPROVAL_COLUMNS                                                                              \
  "id, instance, request_id, state, thread, turn, item, method, digest, request, shown, choice, response," \
  " grants, actor, cause, reason, rule, opened_ms, opened_seq"

Approval read_row(const journal::Query& row) {
  Approval a;
  int c = 0;
  for (std::string* field : {&a.id, &a.instance, &a.request_id, &a.state, &a.thread, &a.turn, &a.item,
                             &a.method, &a.digest, &a.request, &a.shown, &a.choice, &a.response})
    *field = row.text(c++);
  a.grants = row.integer(c++) != 0;
  a.actor.ParseFromString(row.text(c++));
  a.cause = row.text(c++);
  a.reason = row.text(c++);
  a.rule = row.text(c++);
  a.opened_ms = row.integer(c++);
  a.opened_seq = row.integer(c++);
  return a;
}

bool has_secret_question(const Approval& a) {
  const auto request = json::parse_object(a.request);
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
  const auto request = json::parse_object(a.request);
  const auto* params = request.ok() ? json::object_at(*request, "params") : nullptr;
  s["choices"] = link::choices_of(a.method, params ? *params : boost::json::object());
  if (!a.choice.empty()) s["choice"] = a.choice;
  if (!a.actor.kind().empty())
    s["actor"] = {{"kind", a.actor.kind()}, {"id", a.actor.id()}, {"name", a.actor.name()}};
  if (!a.cause.empty()) s["cause"] = a.cause;
  if (!a.rule.empty()) s["rule"] = a.rule;
  if (!a.reason.empty()) s["reason"] = a.reason;
  return s;
}

}  // namespace

ApprovalBook::ApprovalBook(journal::Journal& journal, const crypto::EcKey& mac_key, const base::Clock& clock)
    : journal_(journal), mac_key_(mac_key), clock_(clock), mac_(mac_key.public_key().id()) {
  journal_.db().run(kSchema);
}

std::pair<Approval, bool> ApprovalBook::open(const std::string& instance, const CodexMessage& message,
                                             std::string_view raw, std::string_view shown,
                                             const std::string& trace) {
  // Ids come round again within a process only for the same request, byte for byte.
  if (auto known = find_request(instance, message.id); known && known->request == raw) {
    // A secret answer was not kept and went down with us: the person is asked again.
    const bool answer_lost = known->state == kDeciding && known->response.empty() &&
                             known->choice == "answer" && !unsaved_responses_.contains(known->id);
    if (answer_lost) {
      known->choice = known->cause = known->rule = "";
      known->actor.Clear();
      known->grants = false;
      step(*known, kOpen, "Zane was restarted before Codex had the answer", trace);
    }
    return {*known, false};
  }
  Approval a;
  a.id = crypto::fresh_id();
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
  a.opened_seq = journal_.head_seq() + 1;
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
  auto unsettled = rows("SELECT " ZANE_APPROVAL_COLUMNS
                        " FROM approvals WHERE state IN ('open', 'deciding') AND thread = ? AND turn = ?",
                        [&](journal::Query& q) { q.bind(thread).bind(turn); });
  for (auto& approval : unsettled)
    if (approval.state == kOpen)
      step(approval, kWithdrawn, "the turn ended before it was answered", trace);
    else
      step(approval, kUnknown, "the turn ended before Codex confirmed the decision; look at the item", trace);
}

std::vector<std::string> ApprovalBook::attached(const std::string& instance) {
  std::vector<std::string> expected;
  for (auto& approval : list(false)) {
    if (approval.instance == instance)
      expected.push_back(approval.id);
    else
      step(approval, kOrphaned, "the Codex process that asked has ended; resume the thread to go on", "");
  }
  return expected;
}

void ApprovalBook::not_repeated(const std::vector<std::string>& ids,
                                const std::vector<std::string>& repeated) {
  for (const auto& id : ids) {
    if (std::find(repeated.begin(), repeated.end(), id) != repeated.end()) continue;
    auto approval = find(id);
    if (!approval || approval->settled()) continue;
    if (approval->state == kDeciding)
      step(*approval, kUnknown, "the decision was being handed to Codex when Zane lost it; look at the item",
           "");
    else
      step(*approval, kAnsweredElsewhere, "settled while Zane was not running", "");
  }
}

void ApprovalBook::orphan(const std::string& instance, const std::string& reason) {
  for (auto& approval : list(false))
    if (approval.instance == instance) step(approval, kOrphaned, reason, "");
}

void ApprovalBook::step(Approval& a, const std::string& state, const std::string& reason,
                        const std::string& trace) {
  a.state = state;
  a.reason = reason;
  const int64_t now = clock_.now_ms();
  journal_.append(journal::Level::kList, now, [&](v1::Event& event) {
    const auto said = link::sign_statement(mac_key_, statement_of(a, mac_, event, now));
    event.set_kind("approval");
    event.set_thread(a.thread);
    event.set_turn(a.turn);
    event.set_item(a.item);
    event.set_method(a.method);
    event.set_approval(a.id);
    event.set_raw(said.statement);
    event.set_signature(said.signature);
    if (a.state == kOpen) {
      event.set_request(a.request);
      event.set_shown(a.shown);
    }
    log::info("approval", {{"approval", a.id},
                           {"state", state},
                           {"thread", a.thread},
                           {"seq", event.seq()},
                           {"actor", a.actor.kind() + (a.actor.id().empty() ? "" : "/" + a.actor.id())},
                           {"trace", trace}});
  });
  journal_.sync_at_commit();
  save(a);
}

void ApprovalBook::save(const Approval& a) {
  auto q = journal_.db_in_transaction().query(
      "INSERT OR REPLACE INTO approvals (" ZANE_APPROVAL_COLUMNS
      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const std::string* field :
       {&a.id, &a.instance, &a.request_id, &a.state, &a.thread, &a.turn, &a.item, &a.method, &a.digest})
    q.bind(*field);
  const bool secret = unsaved_responses_.contains(a.id);
  q.blob(a.request).blob(a.shown).bind(a.choice).blob(secret ? "" : a.response).bind(int64_t{a.grants});
  q.blob(a.actor.SerializeAsString())
      .bind(a.cause)
      .bind(a.reason)
      .bind(a.rule)
      .bind(a.opened_ms)
      .bind(a.opened_seq);
  q.run();
  if (a.settled()) unsaved_responses_.erase(a.id);
  if (a.settled())
    journal_.db_in_transaction()
        .query(
            "DELETE FROM approvals WHERE state NOT IN ('open', 'deciding') AND opened_seq <= (SELECT "
            "opened_seq FROM "
            "approvals WHERE state NOT IN ('open', 'deciding') ORDER BY opened_seq DESC LIMIT 1 OFFSET ?)")
        .bind(int64_t{kSettledRowsMax})
        .run();
}

template <typename Bind>
std::vector<Approval> ApprovalBook::rows(const char* sql, Bind bind) {
  std::vector<Approval> found;
  auto q = journal_.db().query(sql);
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
                    " FROM approvals WHERE instance = ? AND request_id = ? ORDER BY opened_seq DESC LIMIT 1",
                    [&](journal::Query& q) { q.bind(instance).bind(request_id); });
  if (found.empty()) return std::nullopt;
  return std::move(found[0]);
}

std::vector<Approval> ApprovalBook::list(bool settled_too) {
  return rows(settled_too ? "SELECT " ZANE_APPROVAL_COLUMNS
                            " FROM approvals ORDER BY opened_seq DESC LIMIT 100"
                          : "SELECT " ZANE_APPROVAL_COLUMNS
                            " FROM approvals WHERE state IN ('open', 'deciding') ORDER BY opened_seq",
              [](journal::Query&) {});
}

int ApprovalBook::open_count() {
  auto q = journal_.db().query("SELECT count(*) FROM approvals WHERE state = 'open'");
  q.step();
  return static_cast<int>(q.integer(0));
}

int64_t ApprovalBook::before_oldest_open(int64_t otherwise) {
  auto q = journal_.db().query("SELECT min(opened_seq) FROM approvals WHERE state IN ('open', 'deciding')");
  if (!q.step() || q.integer(0) == 0) return otherwise;
  return std::min(otherwise, q.integer(0) - 1);
}

}  // namespace zane::supervisor
