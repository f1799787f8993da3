// Effects against a Codex that does what the test says: what policy judged is what
// Codex gets, or it gets nothing.
#include "services/supervisor/effects.h"

#include <sys/stat.h>

#include "gmock/gmock.h"
#include "lib/journal/journal.h"
#include "lib/testing/clock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"
#include "services/supervisor/testing/scripted_codex.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
namespace fs = std::filesystem;
using ::testing::HasSubstr;
using zane::testing::run;
using zane::testing::run_ready;
using zane::testing::run_until;

constexpr char kRequest[] =
    R"({"method":"item/permissions/requestApproval","id":7,"params":{"threadId":"t","turnId":"u","itemId":"i"}})";

CodexTimes quick() {
  CodexTimes times;
  // Longer than all looks for what became of an order.
  times.first_pause = times.longest_pause_cut = std::chrono::milliseconds(40);
  times.call = std::chrono::milliseconds(300);
  times.call_to_stuck = std::chrono::milliseconds(50);
  times.patience = std::chrono::milliseconds(500);
  times.probe = std::chrono::milliseconds(20);
  return times;
}

class EffectsTest : public ::testing::Test, public Teller {
 protected:
  EffectsTest()
      : home_(*base::Home::open(temp_.path().string())),
        journal_(temp_ / "j.db", "boot", clock_.now),
        ledger_(temp_ / "l.db", temp_ / "none.db"),
        codex_(io_, home_, config_, wire_, host_, quick()),
        bulk_(io_, codex_, bulk_wire_, quick()),
        book_(ledger_, *this, mac_, clock_),
        powers_(ledger_, clock_),
        effects_(
            {io_, ledger_, codex_, bulk_, book_, processes_, powers_, weather_, clock_}, [] {},
            std::chrono::milliseconds(1)) {
    fs::create_directories(temp_ / "work/app");
    fs::create_directories(temp_ / "keys");
    wire_.answer = [this](const std::string& method, const bj::object&) -> std::optional<std::string> {
      if (method == "thread/start" && swap_at_thread_start_) swap();
      if (method == "initialize") return R"({"userAgent":"zane/9.9 x","codexHome":"/codex"})";
      if (method == "thread/start") return R"({"thread":{"id":"t"},"approvalPolicy":"on-request"})";
      if (method == "turn/start") return R"({"turn":{"id":"u"}})";
      return "{}";
    };
    Codex::Events events;
    events.on_message = [](const CodexMessage&, const Incoming&) {};
    events.on_ready = [this](std::shared_ptr<const Session>) -> loop::Task<> {
      bulk_.codex_changed();
      co_return;
    };
    events.on_lost = [this] { bulk_.codex_changed(); };
    events.on_ended = [](const std::string&) {};
    loop::spawn(io_, "codex", codex_.run(std::move(events)));
    loop::spawn(io_, "bulk", bulk_.run());
    run_until(io_, [&] { return codex_.state().state() == "ready"; });
  }

  void tell(const std::function<void(v1::Event&)>& fill) override {
    journal_.append(journal::Level::kList, clock_.now, fill);
  }
  v1::Effect effect(const std::string& id) const {
    v1::Effect made;
    made.set_command_id(id);
    made.set_once(v1::Effect::ONCE_ON_DISK);
    struct stat info {};
    const std::string folder = (temp_ / "work/app").string();
    auto* judged = made.add_folders();
    judged->set_path(folder);
    if (::stat(folder.c_str(), &info) == 0) {
      judged->set_device(info.st_dev);
      judged->set_inode(info.st_ino);
    }
    return made;
  }
  v1::Effect turn(const std::string& id) const {
    v1::Effect made = effect(id);
    made.mutable_call()->set_method("turn/start");
    made.mutable_call()->set_params(R"({"threadId":"t","input":[]})");
    return made;
  }
  v1::Effect terminal() const {
    v1::Effect made = effect("spawn");
    made.set_client("device/d");
    made.mutable_call()->set_method("process/spawn");
    made.mutable_call()->set_params(R"({"command":["sh"],"processHandle":"t"})");
    return made;
  }
  // What a command in the sandbox of another thread can do to its own folder.
  void swap() {
    fs::rename(temp_ / "work/app", temp_ / "work/x");
    fs::create_directory_symlink(temp_ / "keys", temp_ / "work/app");
  }
  void swap_back() {
    fs::remove(temp_ / "work/app");
    fs::rename(temp_ / "work/x", temp_ / "work/app");
  }
  int sent(std::string_view method) const {
    return static_cast<int>(std::count_if(wire_.sent.begin(), wire_.sent.end(), [&](const bj::object& m) {
      const auto* name = m.if_contains("method");
      return name && name->as_string() == method;
    }));
  }
  // Where the last call of this method stands among what was sent.
  size_t asked(std::string_view method) const {
    size_t at = wire_.sent.size();
    while (at-- > 0)
      if (const auto* name = wire_.sent[at].if_contains("method"); name && name->as_string() == method) break;
    return at;
  }
  v1::Effect task(const std::string& id) const {
    v1::Effect made = effect(id);
    made.mutable_start_task()->set_thread_params("{}");
    made.mutable_start_task()->set_turn_params(R"({"input":[],"clientUserMessageId":"mine"})");
    return made;
  }
  // The next `turn/start` is lost with its connection; of what became of it Codex
  // has a page of items, or the errors of a thread in which nothing was said.
  void lose_the_next_turn() {
    auto lost = std::make_shared<bool>(false);
    wire_.on_call = [this, lost](const std::string& method) {
      if (method == "turn/start" && !std::exchange(*lost, true)) wire_.drop();
    };
  }
  void nothing_was_said() {
    bulk_wire_.errors["thread/items/list"] =
        R"({"code":-32600,"message":"thread/items/list is not supported yet"})";
  }
  v1::EffectResult carry_out(const v1::Effect& what) { return run(io_, effects_.carry_out(what, "")); }

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
  Processes processes_;
  Powers powers_;
  journal::Weather weather_{clock_, ""};
  Effects effects_;
  bool swap_at_thread_start_ = false;
};

TEST_F(EffectsTest, ATurnInAFolderThatWasSwappedAfterTheCheckIsRefused) {
  const auto judged = turn("one");
  swap();
  const auto refused = carry_out(judged);
  EXPECT_EQ(refused.state(), "refused");
  EXPECT_EQ(refused.reason(), "folder-changed");
  EXPECT_THAT(refused.message(), HasSubstr("work/app"));
  EXPECT_EQ(sent("turn/start"), 0);
  swap_back();
  EXPECT_EQ(carry_out(turn("two")).state(), "done");
  EXPECT_EQ(sent("turn/start"), 1);
}

TEST_F(EffectsTest, AnotherFolderOfTheSameNameIsAnotherFolder) {
  const auto judged = turn("one");
  fs::rename(temp_ / "work/app", temp_ / "work/x");
  fs::create_directory(temp_ / "work/app");
  EXPECT_EQ(carry_out(judged).reason(), "folder-changed");
  fs::remove(temp_ / "work/app");
  EXPECT_EQ(carry_out(judged).reason(), "folder-changed");
}

TEST_F(EffectsTest, WhereNothingWasNothingMayHaveBeenPut) {
  fs::remove(temp_ / "work/app");
  const auto judged = turn("one");
  EXPECT_EQ(carry_out(judged).state(), "done");
  fs::create_directory_symlink(temp_ / "keys", temp_ / "work/app");
  auto later = judged;
  later.set_command_id("two");
  EXPECT_EQ(carry_out(later).reason(), "folder-changed");
}

TEST_F(EffectsTest, ATasksFolderSwappedBetweenItsTwoCallsStartsNoTurn) {
  const v1::Effect judged = task("task");
  swap_at_thread_start_ = true;
  EXPECT_EQ(carry_out(judged).reason(), "folder-changed");
  EXPECT_EQ(sent("thread/start"), 1);
  EXPECT_EQ(sent("turn/start"), 0);
  // The thread that was made is the one a repeat goes on with.
  swap_at_thread_start_ = false;
  swap_back();
  EXPECT_EQ(carry_out(judged).state(), "done");
  EXPECT_EQ(sent("thread/start"), 1);
}

// ---- an order whose time is over ------------------------------------------------

// Supervisor stood still while it was handed over, or on its way to Codex.
TEST_F(EffectsTest, WhatIsOverIsNotBegun) {
  auto order = turn("late");
  order.set_expires_ms(clock_.now - 1);
  auto key = effect("key");
  key.set_once(v1::Effect::ONCE_IN_MEMORY);
  key.mutable_call()->set_method("turn/interrupt");
  key.set_expires_ms(clock_.now - 1);
  auto late_task = task("task");
  late_task.set_expires_ms(clock_.now - 1);
  for (const auto& each : {order, key, late_task}) {
    const auto result = carry_out(each);
    EXPECT_EQ(result.state(), "refused");
    EXPECT_EQ(result.reason(), "expired");
  }
  EXPECT_EQ(sent("turn/start") + sent("turn/interrupt") + sent("thread/start"), 0);
}

TEST_F(EffectsTest, ATaskWhoseTimeIsOverBetweenItsTwoCallsStartsNoTurn) {
  auto late = task("task");
  late.set_expires_ms(clock_.now);
  wire_.on_call = [&](const std::string& method) {
    if (method == "thread/start") ++clock_.now;
  };
  EXPECT_EQ(carry_out(late).reason(), "expired");
  EXPECT_EQ(sent("thread/start"), 1);
  EXPECT_EQ(sent("turn/start"), 0);
}

// It was begun when its time was good: what is known of it is told.
TEST_F(EffectsTest, WhatWasDoneInTimeIsDoneWheneverItIsAsked) {
  EXPECT_EQ(carry_out(turn("one")).state(), "done");
  auto again = turn("one");
  again.set_again(true);
  again.set_expires_ms(clock_.now - 1);
  EXPECT_EQ(carry_out(again).state(), "done");
  EXPECT_EQ(sent("turn/start"), 1);
}

// By a supervisor that has died since: this one knows nothing of it.
TEST_F(EffectsTest, AKeystrokeThatComesAgainIsUnknownAndNotTyped) {
  auto key = effect("key");
  key.set_once(v1::Effect::ONCE_IN_MEMORY);
  key.mutable_call()->set_method("process/writeStdin");
  key.mutable_call()->set_params(R"({"processHandle":"t","deltaBase64":"YQ=="})");
  key.set_again(true);
  key.set_expires_ms(clock_.now - 1);
  EXPECT_EQ(carry_out(key).state(), "unknown");
  EXPECT_EQ(sent("process/writeStdin"), 0);
  v1::Effect resume = key;
  resume.set_command_id("resume");
  resume.mutable_call()->set_method("thread/resume");
  resume.mutable_call()->set_params(R"({"threadId":"t"})");
  EXPECT_EQ(carry_out(resume).state(), "unknown") << "it may have been carried out in time";
  EXPECT_EQ(sent("thread/resume"), 0);
}

// What goes over the second connection waits for it, and is looked at after that.
TEST_F(EffectsTest, WhatIsOverOnceItsConnectionIsThereIsNotBegun) {
  v1::Effect review = effect("review");
  review.mutable_call()->set_method("review/start");
  review.mutable_call()->set_params(R"({"threadId":"t"})");
  EXPECT_EQ(carry_out(review).state(), "done");
  review.set_command_id("another");
  review.set_expires_ms(clock_.now);
  bulk_wire_.on_call = [this](const std::string&) { ++clock_.now; };
  bulk_wire_.drop();
  run_ready(io_);
  EXPECT_EQ(carry_out(review).reason(), "expired");
  EXPECT_EQ(bulk_wire_.sent.back().at("method").as_string(), "initialized") << "and nothing after that";
  review.set_expires_ms(0);
  EXPECT_EQ(carry_out(review).state(), "done");
}

// ---- terminals whose beginning fails ---------------------------------------------

TEST_F(EffectsTest, ATerminalThatWasRefusedBeforeCodexHeardOfItHasNoOwner) {
  v1::Effect spawn = terminal();
  spawn.set_expires_ms(clock_.now - 1);
  EXPECT_EQ(carry_out(spawn).reason(), "expired");
  spawn.set_expires_ms(0);
  spawn.set_command_id("while the ledger is held");
  journal::Db other(temp_ / "l.db");
  other.run("BEGIN IMMEDIATE");
  EXPECT_EQ(carry_out(spawn).reason(), "disk");
  other.run("ROLLBACK");
  EXPECT_TRUE(processes_.clients().empty());
  spawn.set_command_id("now");
  EXPECT_EQ(carry_out(spawn).state(), "done") << "its name is free";
  EXPECT_EQ(processes_.clients().size(), 1U);
}

// It may run, or begin yet: whoever ordered it can still end it, and so do we.
TEST_F(EffectsTest, ATerminalOfWhichCodexSaysNothingKeepsItsOwner) {
  wire_.answer = [](const std::string& method, const bj::object&) {
    return method == "process/spawn" ? std::nullopt : std::optional<std::string>("{}");
  };
  v1::Effect spawn = terminal();
  EXPECT_EQ(carry_out(spawn).state(), "unknown");
  EXPECT_EQ(processes_.take_of("device/d").size(), 1U);
}

v1::Effect program() {
  v1::Effect made;
  made.set_command_id("exec");
  made.set_once(v1::Effect::ONCE_ON_DISK);
  made.set_client("device/d");
  made.mutable_call()->set_method("command/exec");
  made.mutable_call()->set_params(R"({"command":["make"],"processId":"build"})");
  return made;
}

// Codex hung for a while and whoever waited was told so; then its answers come after all.
TEST_F(EffectsTest, WhatEndsAfterNobodyWaitedForItGivesItsNameBack) {
  const auto before = wire_.answer;
  bool hangs = true;
  wire_.answer = [&, before](const std::string& method, const bj::object& params) {
    return hangs ? std::nullopt : before(method, params);
  };
  for (const v1::Effect& order : {program(), terminal()}) {
    hangs = true;
    EXPECT_EQ(carry_out(order).state(), "unknown");
    const auto asked = std::find_if(wire_.sent.rbegin(), wire_.sent.rend(), [&](const bj::object& m) {
      return m.contains("method") && m.at("method").as_string() == order.call().method();
    });
    ASSERT_NE(asked, wire_.sent.rend());
    const std::string head = "{\"id\":" + bj::serialize(asked->at("id"));
    hangs = false;
    run_until(io_, [&] { return codex_.state().state() == "ready"; });
    EXPECT_EQ(processes_.clients().size(), 1U);
    wire_.say(head + R"(,"error":{"code":-1,"message":"no"}})");
    run_until(io_, [&] { return processes_.clients().empty(); });
  }
}

// With or without a name to talk to it by.
TEST_F(EffectsTest, AProgramMayTakeLongerThanACall) {
  const auto before = wire_.answer;
  wire_.answer = [before](const std::string& method, const bj::object& params) {
    return method == "command/exec" ? std::nullopt : before(method, params);
  };
  for (const char* params : {R"({"command":["make"]})", R"({"command":["make"],"processId":"x"})"}) {
    v1::Effect order = program();
    order.set_command_id(params);
    order.mutable_call()->set_params(params);
    std::optional<v1::EffectResult> result;
    loop::spawn(io_, "exec", [](Effects& effects, v1::Effect what, auto& told) -> loop::Task<> {
      told = co_await effects.carry_out(std::move(what), "");
    }(effects_, order, result));
    const auto longer = std::chrono::steady_clock::now() + 2 * quick().call;
    run_until(io_, [&] { return std::chrono::steady_clock::now() > longer; });
    EXPECT_FALSE(result) << params;
    wire_.say("{\"id\":" + bj::serialize(wire_.sent.at(asked("command/exec")).at("id")) + ",\"result\":{}}");
    run_until(io_, [&] { return result.has_value(); });
    EXPECT_EQ(result->state(), "done");
  }
}

// Supervisor ends while a program runs: what is unwound then touches nothing that is gone
// (the sanitizer sees it).
TEST_F(EffectsTest, AProgramMayOutliveSupervisor) {
  wire_.answer = [](const std::string&, const bj::object&) { return std::nullopt; };
  loop::spawn(io_, "exec", [](Effects& effects) -> loop::Task<> {
    (void)co_await effects.carry_out(program(), "");
  }(effects_));
  run_until(io_, [&] { return sent("command/exec") == 1; });
  EXPECT_EQ(processes_.clients().size(), 1U);
}

// Of a read nothing becomes: nobody is to look at the thread for it.
TEST_F(EffectsTest, AReadThatIsNotAnsweredIsRefused) {
  auto read = effect("read");
  read.set_once(v1::Effect::ONCE_READS);
  read.mutable_call()->set_method("model/list");
  read.mutable_call()->set_params("{}");
  bulk_wire_.on_call = [this](const std::string& method) {
    if (method == "model/list") bulk_wire_.drop();
  };
  const auto result = carry_out(read);
  EXPECT_EQ(result.state(), "refused");
  EXPECT_EQ(result.reason(), "codex-down");
}

// ---- a turn that was lost with its connection -----------------------------------

// Codex has no word of it, and that is no proof: it may have failed to write it down,
// the thread may be one that is never written, or somebody deleted it.
TEST_F(EffectsTest, ATaskOfWhichCodexShowsNothingIsUnknownAndNeverBegunAgain) {
  lose_the_next_turn();
  nothing_was_said();
  EXPECT_EQ(carry_out(task("task")).state(), "unknown");
  EXPECT_EQ(carry_out(task("task")).state(), "unknown");
  auto asked = task("task");
  asked.set_ask_only(true);
  EXPECT_EQ(carry_out(asked).state(), "unknown") << "and not: it was never carried out";
  EXPECT_EQ(sent("turn/start"), 1);
  // The last word may come with a repeat.
  bulk_wire_.errors.clear();
  bulk_wire_.answer = [](const std::string&, const bj::object&) {
    return R"({"data":[{"turnId":"u7","item":{"type":"userMessage","clientId":"mine"}}]})";
  };
  EXPECT_EQ(carry_out(asked).state(), "done");
}

// Newest first, page by page: the message stands before forty long items.
// What cannot be looked for is not told as what was looked for and not found.
TEST_F(EffectsTest, WhileNobodyCanLookItSaysSo) {
  lose_the_next_turn();
  bulk_wire_.on_call = [this](const std::string& method) {
    if (method == "thread/items/list") bulk_wire_.drop();
  };
  EXPECT_EQ(carry_out(task("task")).reason(), "codex-down") << "the call's own word";
  const auto cut = carry_out(task("task"));
  EXPECT_EQ(cut.state() + " " + cut.reason(), "unknown busy") << cut.message();
  bulk_wire_.on_call = nullptr;
  bulk_wire_.connects.assign(1000, absl::UnavailableError("no descriptors"));
  bulk_wire_.drop();
  run_ready(io_);
  const auto away = carry_out(task("task"));
  EXPECT_EQ(away.state() + " " + away.reason(), "unknown busy") << away.message();
  bulk_wire_.connects.clear();
  nothing_was_said();
  EXPECT_EQ(carry_out(task("task")).reason(), "codex-down") << "that is a word";
}

TEST_F(EffectsTest, ATurnThatDidMuchSinceIsFound) {
  lose_the_next_turn();
  bulk_wire_.answer = [this](const std::string& method,
                             const bj::object& params) -> std::optional<std::string> {
    if (method != "thread/items/list") return "{}";
    if (params.at("limit") != 1) {
      bulk_wire_.say("{\"id\":" + bj::serialize(bulk_wire_.sent.back().at("id")) + ",\"result\":[", true);
      return std::nullopt;
    }
    const auto at = params.contains("cursor") ? std::stoi(std::string(params.at("cursor").as_string())) : 0;
    if (at == 40)
      return R"({"data":[{"turnId":"u7","item":{"type":"userMessage","clientId":"mine"}}],"nextCursor":null})";
    return R"({"data":[{"turnId":"u7","item":{"type":"commandExecution"}}],"nextCursor":")" +
           std::to_string(at + 1) + "\"}";
  };
  auto order = effect("phone");
  order.mutable_call()->set_method("turn/start");
  order.mutable_call()->set_params(R"({"threadId":"t","input":[],"clientUserMessageId":"mine"})");
  EXPECT_EQ(carry_out(order).state(), "done");
}

TEST_F(EffectsTest, ATaskWhoseTurnIsThereIsDone) {
  lose_the_next_turn();
  bulk_wire_.answer = [](const std::string& method, const bj::object&) -> std::optional<std::string> {
    if (method == "thread/items/list")
      return R"({"data":[{"turnId":"u7","item":{"type":"userMessage","clientId":"mine"}}]})";
    return "{}";
  };
  const auto result = carry_out(task("task"));
  EXPECT_EQ(result.state(), "done");
  EXPECT_EQ(result.result(), R"({"thread":"t","turn":"u7"})");
  EXPECT_EQ(sent("turn/start"), 1);
}

TEST_F(EffectsTest, APhonesTurnIsLookedForBeforeUnknownIsSaid) {
  lose_the_next_turn();
  bulk_wire_.answer = [](const std::string& method, const bj::object&) -> std::optional<std::string> {
    if (method == "thread/items/list")
      return R"({"data":[{"turnId":"u7","item":{"type":"userMessage","clientId":"mine"}}]})";
    return "{}";
  };
  auto order = effect("phone");
  order.mutable_call()->set_method("turn/start");
  order.mutable_call()->set_params(R"({"threadId":"t","input":[],"clientUserMessageId":"mine"})");
  const auto result = carry_out(order);
  EXPECT_EQ(result.state(), "done");
  EXPECT_EQ(result.result(), R"({"turn":{"id":"u7"}})");
  EXPECT_EQ(sent("turn/start"), 1);
}

TEST_F(EffectsTest, ATurnThatTakesLongIsSaidToBeLateAndNotALostConnection) {
  const auto before = wire_.answer;
  wire_.answer = [&, before](const std::string& method, const bj::object& params) {
    return method == "turn/start" ? std::nullopt : before(method, params);
  };
  auto late = turn("one");
  const auto result = carry_out(late);
  EXPECT_EQ(result.state(), "unknown");
  EXPECT_THAT(result.message(), HasSubstr("in time"));
  EXPECT_EQ(sent("turn/start"), 1);
}

TEST_F(EffectsTest, WhatWasDoneIsNotSaidToBeUndoneBecauseTheLedgerIsBusy) {
  journal::Db other(temp_ / "l.db");
  const auto before = wire_.answer;
  wire_.answer = [&, before](const std::string& method, const bj::object& params) {
    if (method != "thread/fork") return before(method, params);
    other.run("BEGIN IMMEDIATE");
    return std::optional<std::string>(R"({"approvalPolicy":"never","thread":{"id":"t2"}})");
  };
  auto fork = effect("fork");
  fork.mutable_call()->set_method("thread/fork");
  fork.mutable_call()->set_params(R"({"threadId":"t"})");
  EXPECT_EQ(carry_out(fork).state(), "done");
  other.run("COMMIT");
}

TEST_F(EffectsTest, WhereTheLedgerHasForgottenAnOrderThatComesAgainIsUnknownForThreeDays) {
  ledger_.has_forgotten(clock_.now);
  auto repeat = task("old");
  repeat.set_again(true);
  EXPECT_EQ(carry_out(repeat).state(), "unknown");
  repeat.set_ask_only(true);
  EXPECT_EQ(carry_out(repeat).state(), "unknown");
  EXPECT_EQ(carry_out(task("new")).state(), "done");
  // The clock had been a year ahead when that was written down.
  clock_.now -= int64_t{365} * 24 * 3600 * 1000;
  repeat.set_ask_only(false);
  EXPECT_EQ(carry_out(repeat).state(), "unknown");
  clock_.now += kOrdersLiveMs + 1;
  EXPECT_EQ(carry_out(repeat).state(), "done");
}

// Written to Codex, and then the connection was lost: a second one could undo what
// somebody did since, and what Codex says of it is not what became of the first.
TEST_F(EffectsTest, WhatIsNotTheSameTwiceIsNotSentTwice) {
  for (const char* method : {"turn/interrupt", "thread/archive", "thread/unarchive", "thread/name/set"}) {
    bool lost = false;
    wire_.on_call = [&](const std::string& called) {
      if (called == method && !std::exchange(lost, true)) wire_.drop();
    };
    v1::Effect order = effect(method);
    order.mutable_call()->set_method(method);
    order.mutable_call()->set_params(R"({"threadId":"t","turnId":"u","name":"n"})");
    EXPECT_EQ(carry_out(order).state(), "unknown") << method;
    run_until(io_, [&] { return codex_.ready(); });
    EXPECT_EQ(carry_out(order).state(), "unknown") << method;
    EXPECT_EQ(sent(method), 1) << method;
  }
}

// Twice comes to the same as once: whoever opens a thread while a wire is cut is not told
// to look.
TEST_F(EffectsTest, AResumeThatIsLostIsSentAgain) {
  bool lost = false;
  wire_.on_call = [&](const std::string& called) {
    if (called == "thread/resume" && !std::exchange(lost, true)) wire_.drop();
  };
  v1::Effect order = effect("resume");
  order.set_once(v1::Effect::ONCE_IN_MEMORY);
  order.mutable_call()->set_method("thread/resume");
  order.mutable_call()->set_params(R"({"threadId":"t"})");
  EXPECT_EQ(carry_out(order).state(), "done");
  EXPECT_EQ(sent("thread/resume"), 2);
  lost = false;
  wire_.errors["thread/resume"] = R"({"code":-32600,"message":"no such thread"})";
  order.set_command_id("resume again");
  EXPECT_EQ(carry_out(order).state(), "unknown") << "the first may have been carried out";
  lost = false;
  order.set_command_id("resume late");
  order.set_expires_ms(clock_.now);
  wire_.on_call = [&](const std::string& called) {
    if (called != "thread/resume" || std::exchange(lost, true)) return;
    ++clock_.now;
    wire_.drop();
  };
  EXPECT_EQ(carry_out(order).state(), "unknown") << "not after its time";
  EXPECT_EQ(sent("thread/resume"), 5);
}

// Its row can't be read or written: what came of it before nobody can say now.
TEST_F(EffectsTest, WhatComesAgainIsUnknownWhileTheLedgerCantBeWritten) {
  journal::Db other(temp_ / "l.db");
  other.run("BEGIN IMMEDIATE");
  EXPECT_EQ(carry_out(task("new")).reason(), "disk");
  EXPECT_THAT(weather_.why(kCantWriteOrders), HasSubstr("another program holds it"));
  auto again = task("again");
  again.set_again(true);
  const auto result = carry_out(again);
  EXPECT_EQ(result.state(), "unknown");
  EXPECT_THAT(result.message(), HasSubstr("its own list"));
  other.run("COMMIT");
}

// One that hangs is not handed what nobody could take back.
TEST_F(EffectsTest, NothingIsHandedToACodexThatHangs) {
  const auto before = wire_.answer;
  bool hangs = true;
  wire_.answer = [&, before](const std::string& method, const bj::object& params) {
    return hangs ? std::nullopt : before(method, params);
  };
  run_until(io_, [&] { return codex_.state().state() == "stuck"; });
  const auto refused = carry_out(task("task"));
  EXPECT_EQ(refused.reason(), "codex-down");
  EXPECT_THAT(refused.message(), HasSubstr("kill 4711"));
  EXPECT_EQ(carry_out(turn("turn")).reason(), "codex-down");
  EXPECT_EQ(sent("turn/start") + sent("thread/start"), 0);
  hangs = false;
  run_until(io_, [&] { return codex_.state().state() == "ready"; });
  EXPECT_EQ(carry_out(task("task")).state(), "done");
}

TEST_F(EffectsTest, AGrantForAFolderThatWasSwappedIsRefusedAndStaysOpen) {
  const auto [approval, fresh] = book_.open("codex-1", *read_codex_message(kRequest), kRequest, "", "");
  v1::Effect grant = effect("grant");
  auto* decide = grant.mutable_decide();
  decide->set_approval(approval.id);
  decide->set_digest(approval.digest);
  decide->set_choice("accept");
  decide->set_response("{}");
  decide->set_grants(true);
  swap();
  EXPECT_EQ(carry_out(grant).reason(), "folder-changed");
  EXPECT_EQ(book_.find(approval.id)->state, "open");
  swap_back();
  EXPECT_EQ(carry_out(grant).state(), "done");
}

// The approval's row is on the disk before the order's own: killed between the two.
TEST_F(EffectsTest, ADecisionThatWasTakenIsDoneWheneverItIsAsked) {
  const auto [approval, fresh] = book_.open("codex-1", *read_codex_message(kRequest), kRequest, "", "");
  v1::Effect grant = effect("grant");
  auto* decide = grant.mutable_decide();
  decide->set_approval(approval.id);
  decide->set_digest(approval.digest);
  decide->set_choice("accept");
  decide->set_response("{}");
  decide->set_grants(true);
  EXPECT_EQ(carry_out(grant).state(), "done");
  ledger_.db().run("DELETE FROM effects");
  grant.set_ask_only(true);
  EXPECT_EQ(carry_out(grant).state(), "done");
  ledger_.db().run("DELETE FROM effects");
  grant.set_command_id("another");
  EXPECT_EQ(carry_out(grant).state(), "refused");
}

}  // namespace
}  // namespace zane::supervisor
