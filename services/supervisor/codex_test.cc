// The connection to Codex as a thing that fails: attach, start, hang, drop in
// mid-resume; and what may be said and done about each.
#include "services/supervisor/codex.h"

#include "gmock/gmock.h"
#include "lib/journal/journal.h"
#include "lib/testing/clock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"
#include "services/supervisor/approvals.h"
#include "services/supervisor/bulk.h"
#include "services/supervisor/follow.h"
#include "services/supervisor/settle.h"
#include "services/supervisor/testing/scripted_codex.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using zane::testing::run_ready;
using zane::testing::run_until;

CodexTimes quick() {
  CodexTimes times;
  times.start = milliseconds(200);
  times.connect_poll = milliseconds(1);
  times.first_pause = milliseconds(1);
  times.longest_pause = milliseconds(4);
  times.longest_pause_cut = milliseconds(2);
  times.initialize = milliseconds(200);
  times.call = milliseconds(300);
  times.call_to_stuck = milliseconds(50);
  times.probe = milliseconds(20);
  return times;
}

// What the codex of a thread says of it in its answers.
std::string thread_json(const std::string& status) {
  return R"({"thread":{"id":"t","updatedAt":1,"status":)" + status +
         R"(},"approvalPolicy":"on-request","cwd":"/w","activePermissionProfile":{"id":"zane"}})";
}
constexpr char kWaiting[] = R"({"type":"active","activeFlags":["waitingOnApproval"]})";
constexpr char kActive[] = R"({"type":"active","activeFlags":[]})";
constexpr char kIdle[] = R"({"type":"idle"})";

constexpr char kRequest[] =
    R"({"method":"item/commandExecution/requestApproval","id":7,"params":{"threadId":"t","turnId":"u","itemId":"i","availableDecisions":["accept","cancel"]}})";

class CodexTest : public ::testing::Test, public Teller {
 protected:
  explicit CodexTest(CodexTimes times = quick())
      : home_(*base::Home::open(temp_.path().string())),
        journal_(temp_ / "j.db", "boot", clock_.now),
        ledger_(temp_ / "l.db", temp_ / "none.db"),
        codex_(io_, home_, config_, wire_, host_, times),
        bulk_(io_, codex_, bulk_wire_, times),
        book_(ledger_, *this, mac_, clock_),
        powers_(ledger_, clock_),
        follow_(io_, codex_, powers_, [](const Follow::Resumed&) {}),
        settle_(io_, codex_, bulk_, book_, follow_, [] {}) {
    wire_.answer = [this](const std::string& m, const bj::object& p) { return answer(m, p); };
    bulk_wire_.answer = wire_.answer;
  }

  void tell(const std::function<void(v1::Event&)>& fill) override {
    journal_.append(journal::Level::kList, clock_.now, fill);
  }

  virtual std::optional<std::string> answer(const std::string& method, const bj::object&) {
    if (method == "initialize") return R"({"userAgent":"zane/9.9 x","codexHome":"/codex"})";
    if (method == "thread/loaded/list") return R"({"data":["t"],"nextCursor":null})";
    if (method == "thread/resume" && answers_with_powers)
      return R"({"approvalPolicy":"never","thread":{"id":"t","status":{"type":"idle"}}})";
    if (method == "thread/resume") {
      if (resume_fails > 0) {
        --resume_fails;
        return std::nullopt;
      }
      if (repeats_after_resume) repeat_after_reads > 0 ? later_.push_back(kRequest) : wire_.say(kRequest);
      return thread_json(status);
    }
    if (method == "thread/read") {
      // Codex repeats what is pending some round trips after the resume.
      if (!later_.empty() && ++reads > repeat_after_reads) {
        wire_.say(later_.front());
        later_.pop_front();
      }
      return thread_json(status);
    }
    if (method == "thread/turns/list") return turns;
    if (method == "thread/items/list") return ++item_looks == 1 && items_at_first ? *items_at_first : items;
    return "{}";
  }

  void begin() {
    Codex::Events events;
    events.on_message = [this](const CodexMessage& m, const Incoming& in) {
      said_.push_back(m.method);
      if (m.kind != CodexMessage::Kind::kRequest) return;
      const auto [a, fresh] = book_.open(codex_.instance(), m, in.raw, "", "");
      settle_.repeated(a.id);
    };
    events.on_ready = [this](std::shared_ptr<const Session> s) -> loop::Task<> {
      bulk_.codex_changed();
      settle_.begin(s);
      co_await follow_.resume_loaded(s);
      if (!s->alive) co_return;
      if (!co_await settle_.look(s) && s->alive) loop::spawn(io_, "keep", settle_.keep_looking(s));
    };
    events.on_lost = [this] { bulk_.codex_changed(); };
    events.on_ended = [this](const std::string& how) {
      ends_.push_back(how);
      book_.orphan("", how);
    };
    events.on_state = [this] {
      if (states_.empty() || states_.back() != codex_.state().state())
        states_.push_back(codex_.state().state());
    };
    loop::spawn(io_, "codex", codex_.run(std::move(events)));
    loop::spawn(io_, "bulk", bulk_.run());
  }
  void until_state(const std::string& wanted) {
    run_until(io_, [&] { return codex_.state().state() == wanted; });
  }
  // An approval that was open before this session.
  std::string open_before() {
    return book_.open("codex-1", *read_codex_message(kRequest), kRequest, "", "").first.id;
  }
  std::string state_of(const std::string& id) { return book_.find(id)->state; }

  zane::testing::TempFolder temp_;
  zane::testing::SetClock clock_{1700000000000};
  const crypto::EcKey mac_ = crypto::EcKey::generate();
  loop::Io io_{1};
  base::Home home_;
  config::Config config_;
  journal::Journal journal_;
  Ledger ledger_;
  testing::ScriptedTransport wire_{io_};
  testing::ScriptedTransport bulk_wire_{io_};
  testing::ScriptedHost host_;
  Codex codex_;
  Bulk bulk_;
  ApprovalBook book_;
  Powers powers_;
  Follow follow_;
  Settle settle_;
  std::vector<std::string> said_, states_, ends_;
  std::string status = kWaiting;
  std::string turns = R"({"data":[{"id":"u","status":"inProgress"}]})";
  std::string items = R"({"data":[]})";
  std::optional<std::string> items_at_first;
  int item_looks = 0;
  bool answers_with_powers = false;
  int resume_fails = 0;
  int reads = 0;
  int repeat_after_reads = 0;
  bool repeats_after_resume = false;
  std::deque<std::string> later_;
};

CodexTimes patient() {
  CodexTimes times = quick();
  times.first_pause = milliseconds(200);
  times.longest_pause = std::chrono::hours(1);
  return times;
}

class PatientCodexTest : public CodexTest {
 protected:
  PatientCodexTest() : CodexTest(patient()) {}
};

// ---- the process --------------------------------------------------------------

TEST_F(CodexTest, AttachesToOneThatLives) {
  begin();
  until_state("ready");
  EXPECT_EQ(codex_.state().version(), "9.9");
  EXPECT_EQ(codex_.home_folder(), "/codex");
  EXPECT_EQ(host_.starts, 0);
}

TEST_F(CodexTest, StartsOneOnlyWhenNobodyListensAndNoneLives) {
  wire_.connects = {absl::NotFoundError("nobody")};
  begin();
  until_state("ready");
  EXPECT_EQ(host_.starts, 1);
  EXPECT_EQ(ends_.size(), 1u) << "what an earlier one asked is void";
}

// A cleaner of temporary folders took the socket; the process runs on.
TEST_F(CodexTest, NeverASecondOneBesideOneThatLives) {
  const auto id = open_before();
  wire_.connects = {absl::NotFoundError("no such file"), absl::NotFoundError("no such file")};
  host_.alive = 4711;
  begin();
  until_state("unreachable");
  EXPECT_THAT(codex_.state().message(), HasSubstr("pid 4711"));
  EXPECT_THAT(codex_.state().message(), HasSubstr("kill 4711"));
  EXPECT_EQ(host_.starts, 0);
  EXPECT_EQ(state_of(id), "open") << "nothing says that it has ended";
  until_state("ready");
  EXPECT_TRUE(ends_.empty());
}

// EMFILE, EACCES, a full backlog: our own trouble says nothing about Codex.
TEST_F(CodexTest, OurOwnTroubleIsNotItsEnd) {
  const auto id = open_before();
  wire_.connects = {absl::UnavailableError("too many open files"),
                    absl::UnavailableError("too many open files")};
  begin();
  until_state("unreachable");
  EXPECT_EQ(host_.starts, 0);
  EXPECT_EQ(state_of(id), "open");
  until_state("ready");
}

TEST_F(CodexTest, OneThatTakesTheConnectionAndSaysNothingIsStuckWithItsPid) {
  wire_.connects.assign(3, absl::DeadlineExceededError("says nothing"));
  begin();
  until_state("stuck");
  EXPECT_THAT(codex_.state().message(), HasSubstr("kill 4711"));
  EXPECT_EQ(host_.starts, 0);
  until_state("ready");
}

TEST_F(CodexTest, OneThatFallsSilentIsStuckAndReadyAgainWhenItAnswers) {
  bool silent = false;
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return silent && m == "thread/loaded/list" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  silent = true;
  until_state("stuck");
  silent = false;
  until_state("ready");
}

// We don't hear it: that it says nothing is no word about it.
TEST_F(CodexTest, OneThatWeDontListenToIsNotStuck) {
  begin();
  until_state("ready");
  states_.clear();
  codex_.hold(true);
  const auto until = std::chrono::steady_clock::now() + 20 * quick().probe;
  run_until(io_, [&] { return std::chrono::steady_clock::now() > until; });
  codex_.hold(false);
  // It is asked again, and answers.
  const size_t asked = wire_.sent.size();
  run_until(io_, [&] { return wire_.sent.size() > asked + 1; });
  EXPECT_THAT(states_, ::testing::Not(::testing::Contains("stuck")));
}

// A hold belongs to its connection.
TEST_F(CodexTest, WhatWasHeldWhileNobodyWasThereIsHeardAfterwards) {
  bool silent = false;
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return silent && m == "thread/loaded/list" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  wire_.connects = {absl::UnavailableError("no descriptors")};
  wire_.drop();
  run_until(io_, [&] { return !codex_.ready(); });
  codex_.hold(true);
  until_state("ready");
  silent = true;
  until_state("stuck");
}

TEST_F(CodexTest, OneThatHangsIsNotReadyBecauseItWasHeld) {
  bool silent = false;
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return silent && m == "thread/loaded/list" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  silent = true;
  until_state("stuck");
  states_.clear();
  for (int i = 0; i < 20; ++i) {
    const size_t asked = wire_.sent.size();
    run_until(io_, [&] { return wire_.sent.size() > asked; });
    codex_.hold(true);
    codex_.hold(false);
  }
  EXPECT_THAT(states_, ::testing::Not(::testing::Contains("ready")));
}

// The answer came while we stood still, and our time would have run out meanwhile.
TEST_F(CodexTest, WhileWeStandStillOurTimeDoesNot) {
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return m == "thread/start" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  absl::StatusOr<CodexReply> reply = absl::InternalError("not yet");
  loop::spawn(io_, "start", [](Codex& codex, auto& told) -> loop::Task<> {
    told = co_await codex.call("thread/start", "{}");
  }(codex_, reply));
  run_until(io_, [&] { return wire_.sent.back().at("method") == "thread/start"; });
  const auto id = bj::serialize(wire_.sent.back().at("id"));
  zane::testing::stand_still(2 * quick().call);
  run_ready(io_);
  wire_.say("{\"id\":" + id + ",\"result\":{}}");
  run_until(io_, [&] { return !absl::IsInternal(reply.status()); });
  EXPECT_TRUE(reply.ok()) << reply.status();
}

// A program may run for a day, but not in a Codex that hangs.
TEST_F(CodexTest, WhoeverWaitsForOneThatHangsHearsIt) {
  bool silent = false;
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return silent ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  silent = true;
  absl::StatusOr<CodexReply> reply = absl::InternalError("not yet");
  bool over = false;
  loop::spawn(io_, "exec", [](Codex& codex, auto& told, bool& done) -> loop::Task<> {
    told = co_await codex.call("command/exec", "{}", std::chrono::hours(24));
    done = true;
  }(codex_, reply, over));
  run_until(io_, [&] { return over; });
  EXPECT_TRUE(absl::IsUnknown(reply.status())) << reply.status();
  EXPECT_EQ(codex_.state().state(), "stuck");
}

TEST_F(CodexTest, ReadyIsNotSaidOfAConnectionThatIsOver) {
  bool dropped = false;
  wire_.on_call = [&](const std::string& method) {
    if (method == "thread/resume" && !std::exchange(dropped, true)) wire_.drop();
  };
  begin();
  run_until(io_, [&] { return wire_.connections == 2; });
  EXPECT_THAT(states_, ::testing::Not(::testing::Contains("ready"))) << "not before the second one is";
  until_state("ready");
}

// Its process lives through all of it: no crash loop, and no long pause.
TEST_F(PatientCodexTest, AWireThatIsCutAgainAndAgainIsNoCrashLoop) {
  begin();
  for (int cuts = 1; cuts <= 20; ++cuts) {
    run_until(io_, [&] { return wire_.connections == cuts && codex_.state().state() == "ready"; });
    wire_.drop();
  }
  until_state("ready");
  EXPECT_THAT(states_, ::testing::Not(::testing::Contains("crash-loop")));
  EXPECT_EQ(host_.starts, 0);
}

TEST_F(CodexTest, OneThatEndsSoonAfterEachStartIsACrashLoop) {
  begin();
  until_state("ready");
  while (codex_.state().state() != "crash-loop") {
    ASSERT_LT(host_.starts, 6);
    wire_.connects = {absl::NotFoundError("nobody")};
    const int connections = wire_.connections;
    wire_.drop();
    run_until(io_, [&] {
      return codex_.state().state() == "crash-loop" ||
             (wire_.connections == connections + 2 && codex_.state().state() == "ready");
    });
  }
  EXPECT_EQ(host_.starts, 5);
}

// The last of several that had to be started lives: what is cut now is its wire.
TEST_F(CodexTest, AWireThatIsCutAfterManyStartsIsNoCrashLoopEither) {
  begin();
  until_state("ready");
  for (int n = 0; n < 5; ++n) {
    wire_.connects = {absl::NotFoundError("nobody")};
    const int connections = wire_.connections;
    if (n > 0) host_.ended = true;
    host_.alive = 100;
    wire_.drop();
    run_until(io_, [&] { return host_.alive.reset(), wire_.connections > connections; });
    run_until(io_, [&] { return wire_.connections == connections + 2 && codex_.state().state() == "ready"; });
  }
  ASSERT_EQ(host_.starts, 5);
  host_.alive = 100;
  states_.clear();
  for (int cuts = 0; cuts < 10; ++cuts) {
    const int connections = wire_.connections;
    wire_.drop();
    run_until(io_, [&] { return wire_.connections == connections + 1 && codex_.state().state() == "ready"; });
  }
  EXPECT_EQ(host_.starts, 5);
  EXPECT_THAT(states_, ::testing::Not(::testing::Contains("crash-loop")));
}

TEST_F(CodexTest, ALedgerThatIsBusyAtAReconnectionEndsNothing) {
  answers_with_powers = true;
  begin();
  until_state("ready");
  journal::Db other(temp_ / "l.db");
  other.run("BEGIN IMMEDIATE");
  const int connections = wire_.connections;
  wire_.drop();
  run_until(io_, [&] { return wire_.connections == connections + 1 && codex_.state().state() == "ready"; });
  EXPECT_EQ(powers_.of("t")->approval_policy(), "never");
  other.run("COMMIT");
  powers_.save();
  Powers another(ledger_, clock_);
  EXPECT_EQ(another.of("t")->approval_policy(), "never");
}

// ---- approvals over a connection that fails -------------------------------------

TEST_F(CodexTest, RepeatedSomeRoundTripsLaterItIsStillOpen) {
  const auto id = open_before();
  repeats_after_resume = true;
  repeat_after_reads = 1;
  begin();
  until_state("ready");
  run_until(io_, [&] { return !said_.empty(); });
  EXPECT_EQ(state_of(id), "open");
}

TEST_F(CodexTest, AResumeThatFailsProvesNothingAndIsTriedAgain) {
  const auto id = open_before();
  resume_fails = 1000;
  status = kActive;
  begin();
  until_state("ready");
  EXPECT_EQ(state_of(id), "open") << "not resumed: nothing is known of it";
  // It is tried again until it works; then Codex says, twice, that it waits for nobody.
  resume_fails = 0;
  run_until(io_, [&] { return state_of(id) != "open"; });
  EXPECT_EQ(state_of(id), "answered-elsewhere");
}

TEST_F(CodexTest, AConnectionThatDropsDuringTheResumeSettlesNothing) {
  const auto id = open_before();
  repeats_after_resume = true;
  repeat_after_reads = 1;
  bool dropped = false;
  wire_.on_call = [&](const std::string& method) {
    if (method == "thread/read" && !std::exchange(dropped, true)) wire_.drop();
  };
  begin();
  until_state("ready");
  EXPECT_EQ(wire_.connections, 2);
  run_until(io_, [&] { return !said_.empty(); });
  EXPECT_EQ(state_of(id), "open");
}

TEST_F(CodexTest, WhileCodexSaysThatItWaitsNothingIsSettled) {
  const auto id = open_before();
  status = kWaiting;
  begin();
  until_state("ready");
  run_until(io_, [&] { return wire_.sent.size() > 8; });
  EXPECT_EQ(state_of(id), "open");
}

TEST_F(CodexTest, AnsweredAtTheDeskMeanwhileIsSeenAtTheItem) {
  const auto id = open_before();
  status = kIdle;
  items = R"({"data":[{"turnId":"u","item":{"id":"i","type":"commandExecution","status":"declined"}}]})";
  begin();
  until_state("ready");
  run_until(io_, [&] { return state_of(id) != "open"; });
  EXPECT_EQ(state_of(id), "answered-elsewhere");
  EXPECT_THAT(book_.find(id)->reason, HasSubstr("refused"));
}

// Codex writes the item's end a moment after it speaks of the turn's.
TEST_F(CodexTest, AtAFirstLookNoDecisionIsUnknown) {
  const auto id = open_before();
  const auto a = book_.find(id);
  v1::Decide decision;
  decision.set_approval(id);
  decision.set_digest(a->digest);
  decision.set_choice("accept");
  decision.set_grants(true);
  ASSERT_FALSE(book_.decide(decision, {}, "", "command", "trace"));
  ASSERT_EQ(state_of(id), "deciding");
  status = kIdle;
  turns = R"({"data":[{"id":"u","status":"completed"}]})";
  items_at_first = R"({"data":[]})";
  items = R"({"data":[{"turnId":"u","item":{"id":"i","type":"commandExecution","status":"completed"}}]})";
  begin();
  run_until(io_, [&] { return state_of(id) != "deciding"; });
  EXPECT_EQ(state_of(id), "applied");
}

TEST_F(CodexTest, PagesOfLongItemsAreNoReasonForUnknown) {
  const auto id = open_before();
  v1::Decide decision;
  decision.set_approval(id);
  decision.set_digest(book_.find(id)->digest);
  decision.set_choice("accept");
  decision.set_grants(true);
  ASSERT_FALSE(book_.decide(decision, {}, "", "command", "trace"));
  status = kIdle;
  turns = R"({"data":[{"id":"u","status":"completed"}]})";
  bulk_wire_.answer = [this](const std::string& m, const bj::object& p) -> std::optional<std::string> {
    if (m != "thread/items/list") return answer(m, p);
    if (p.at("limit") != 1) {
      bulk_wire_.say("{\"id\":" + bj::serialize(bulk_wire_.sent.back().at("id")) + ",\"result\":{\"data\":[",
                     true);
      return std::nullopt;
    }
    const bool last = p.contains("cursor");
    return std::string(R"({"data":[{"turnId":"u","item":{"id":")") + (last ? "i" : "later") +
           R"(","type":"commandExecution","status":"completed"}}],"nextCursor":)" +
           (last ? "null}" : "\"next\"}");
  };
  begin();
  run_until(io_, [&] { return state_of(id) != "deciding"; });
  EXPECT_EQ(state_of(id), "applied");
}

TEST_F(CodexTest, AnotherProcessesRequestsAreVoidAndItsNumbersMeanOthers) {
  const auto id = open_before();
  wire_.its_instance = "codex-2";
  repeats_after_resume = true;
  begin();
  until_state("ready");
  run_until(io_, [&] { return !said_.empty() && book_.unsettled().size() == 1; });
  EXPECT_EQ(state_of(id), "orphaned");
  EXPECT_NE(book_.unsettled()[0].id, id);
}

// ---- calls --------------------------------------------------------------------------

TEST_F(CodexTest, ACallOfALostConnectionIsUnknownAtOnceAndOneBeforeItIsReadyDidNothing) {
  const auto early = zane::testing::run(io_, codex_.call("x", "{}"));
  EXPECT_EQ(early.status().code(), absl::StatusCode::kUnavailable);
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return m == "x" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  std::optional<absl::StatusOr<CodexReply>> got;
  loop::spawn(io_, "call", [](Codex& c, auto& out) -> loop::Task<> {
    out = co_await c.call("x", "{}", std::chrono::hours(1));
  }(codex_, got));
  run_until(io_, [&] { return wire_.sent.back().at("method") == "x"; });
  wire_.drop();
  run_until(io_, [&] { return got.has_value(); });
  EXPECT_EQ(got->status().code(), absl::StatusCode::kUnknown);
}

TEST_F(CodexTest, AnAnswerThatIsCutOrNoJsonEndsItsCallWithItsName) {
  wire_.answer = [&](const std::string& m, const bj::object& p) {
    return m == "x" ? std::nullopt : answer(m, p);
  };
  begin();
  until_state("ready");
  for (const bool cut : {true, false}) {
    std::optional<absl::StatusOr<CodexReply>> got;
    const size_t before = wire_.sent.size();
    loop::spawn(io_, "call", [](Codex& c, auto& out) -> loop::Task<> {
      out = co_await c.call("x", "{}", std::chrono::hours(1));
    }(codex_, got));
    run_until(io_, [&] { return wire_.sent.size() > before && wire_.sent.back().at("method") == "x"; });
    wire_.say("{\"id\":" + bj::serialize(wire_.sent.back().at("id")) + ",\"result\":{\"data\":[\"aaaa", cut);
    run_until(io_, [&] { return got.has_value(); });
    EXPECT_EQ(got->status().code(), absl::StatusCode::kOutOfRange) << cut;
  }
}

TEST_F(CodexTest, ABulkAnswerThatHangsDelaysNoEvent) {
  begin();
  until_state("ready");
  bulk_wire_.answer = [&](const std::string& m, const bj::object& p) {
    return m == "thread/list" ? std::nullopt : answer(m, p);
  };
  std::optional<absl::StatusOr<CodexReply>> got;
  loop::spawn(io_, "call", [](Bulk& b, auto& out) -> loop::Task<> {
    out = co_await b.call("thread/list", "{}", nullptr, std::chrono::hours(1));
  }(bulk_, got));
  run_until(io_,
            [&] { return !bulk_wire_.sent.empty() && bulk_wire_.sent.back().at("method") == "thread/list"; });
  wire_.say(R"({"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}})");
  run_until(io_, [&] { return !said_.empty(); });
  EXPECT_FALSE(got);
  bulk_wire_.drop();
  run_until(io_, [&] { return got.has_value(); });
  EXPECT_EQ(got->status().code(), absl::StatusCode::kUnknown);
  EXPECT_TRUE(codex_.ready()) << "its end is not the main connection's";
}

}  // namespace
}  // namespace zane::supervisor
