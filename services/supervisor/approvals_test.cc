// An approval's life: every step one signed, journaled event; nothing lost,
// nothing applied twice, nothing applied to something else.
#include "services/supervisor/approvals.h"

#include <fstream>

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/testing/clock.h"
#include "lib/testing/temp_folder.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kProcess[] = "codex-1";
constexpr char kMethod[] = "item/commandExecution/requestApproval";

std::string request(int id, const std::string& thread = "t", const std::string& turn = "u",
                    const std::string& method = kMethod) {
  return R"({"id":)" + std::to_string(id) + R"(,"method":")" + method + R"(","params":{"threadId":")" +
         thread + R"(","turnId":")" + turn + R"(","itemId":"i)" + std::to_string(id) +
         R"(","availableDecisions":["accept","cancel"]}})";
}

std::string secret_request(int id) {
  return R"({"id":)" + std::to_string(id) +
         R"(,"method":"item/tool/requestUserInput","params":{"threadId":"t","turnId":"u","itemId":"i","questions":[{"id":"q"},{"id":"p","isSecret":true}]}})";
}

class ApprovalsTest : public ::testing::Test, public Teller {
 protected:
  ApprovalsTest() { restart(); }

  void tell(const std::function<void(v1::Event&)>& fill) override {
    journal_->append(journal::Level::kList, clock_.now, fill);
  }

  void restart(const std::string& boot = "boot-1") {
    book_.reset();
    ledger_.reset();
    journal_.reset();
    journal_ = journal::open_journal(temp_ / "journal.db", boot, clock_.now);
    ledger_ = std::make_unique<Ledger>(temp_ / "ledger.db", temp_ / "journal.db");
    book_ = std::make_unique<ApprovalBook>(*ledger_, *this, mac_, clock_);
  }
  void tell_again() {
    book_->tell_again(journal_->epoch(), journal_->pruned_through(), journal_->head_seq());
  }

  Approval open(const std::string& raw, const std::string& shown = "",
                const std::string& process = kProcess) {
    return book_->open(process, *read_codex_message(raw), raw, shown, "trace").first;
  }

  std::string decide(const Approval& a, const std::string& choice = "accept", bool grants = true,
                     const std::string& digest = "", const std::string& who = "d1") {
    v1::Decide decision;
    decision.set_approval(a.id);
    decision.set_digest(digest.empty() ? a.digest : digest);
    decision.set_choice(choice);
    decision.set_response(R"({"decision":")" + choice + "\"}");
    decision.set_grants(grants);
    v1::Actor actor;
    actor.set_kind("device");
    actor.set_id(who);
    actor.set_name("phone " + who);
    return book_->decide(decision, actor, "", "command-" + who, "trace").value_or("taken");
  }

  std::string state(const Approval& a) { return book_->find(a.id)->state; }

  // The events since the last look, each checked for what holds of every one.
  std::vector<bj::object> steps() {
    std::vector<bj::object> said;
    for (const auto& event : journal_->commit()) {
      EXPECT_EQ(event.kind(), "approval");
      EXPECT_TRUE(event.list_level());
      const auto signature = crypto::from_base64url(event.signature());
      EXPECT_TRUE(signature && mac_.public_key().verify("zane-statement-v1\n" + event.raw(), *signature));
      auto s = bj::parse(event.raw()).as_object();
      EXPECT_EQ(s.at("kind"), bj::value("approval"));
      EXPECT_EQ(s.at("mac"), bj::value(mac_.public_key().id()));
      EXPECT_EQ(s.at("seq").as_int64(), event.seq());
      EXPECT_EQ(s.at("epoch"), bj::value(event.epoch()));
      EXPECT_EQ(s.at("approval"), bj::value(event.approval()));
      EXPECT_EQ(s.at("at").as_int64(), clock_.now);
      if (s.at("state") == "open")
        EXPECT_FALSE(event.request().empty()) << "the request comes with each step of state open";
      said.push_back(std::move(s));
    }
    return said;
  }
  std::vector<std::string> step_states() {
    std::vector<std::string> all;
    for (const auto& s : steps()) all.emplace_back(s.at("state").as_string());
    return all;
  }

  // Whether any of the database's files holds these bytes.
  bool is_on_disk(const std::string& bytes) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(temp_.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content(std::istreambuf_iterator<char>(file), {});
      if (content.find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  zane::testing::TempFolder temp_;
  zane::testing::SetClock clock_{1700000000000};
  const crypto::EcKey mac_ = crypto::EcKey::generate();
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<ApprovalBook> book_;
};

// ---- the straight way ---------------------------------------------------------------

TEST_F(ApprovalsTest, OpenDecidingApplied) {
  const std::string raw = request(7);
  const auto a = open(raw, "what is shown");
  auto said = steps();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].at("state"), bj::value("open"));
  EXPECT_EQ(said[0].at("method"), bj::value(kMethod));
  EXPECT_EQ(said[0].at("thread"), bj::value("t"));
  EXPECT_EQ(said[0].at("turn"), bj::value("u"));
  EXPECT_EQ(said[0].at("item"), bj::value("i7"));
  EXPECT_EQ(
      bj::serialize(said[0].at("choices")),
      R"([{"choice":"accept","grants":true},{"choice":"cancel","grants":false},{"choice":"decline","grants":false}])");
  EXPECT_FALSE(said[0].contains("actor"));
  EXPECT_EQ(decide(a), "taken");
  book_->resolved(kProcess, "7", "trace");
  said = steps();
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].at("state"), bj::value("deciding"));
  EXPECT_EQ(said[0].at("choice"), bj::value("accept"));
  EXPECT_EQ(said[0].at("cause"), bj::value("command-d1"));
  EXPECT_EQ(bj::serialize(said[0].at("actor")), R"({"kind":"device","id":"d1","name":"phone d1"})");
  EXPECT_EQ(said[1].at("state"), bj::value("applied"));
  EXPECT_EQ(said[1].at("actor"), said[0].at("actor")) << "every step repeats it all";
}

// docs/link.md: the phone computes it itself from the bytes it renders.
TEST_F(ApprovalsTest, TheDigestIsOverRequestAndWhatIsShown) {
  const std::string raw = request(7);
  const auto a = open(raw, "shown");
  const auto event = journal_->commit()[0];
  EXPECT_EQ(event.request(), raw);
  EXPECT_EQ(event.shown(), "shown");
  const std::string expected = crypto::to_base64url(
      crypto::sha256("zane-approval-v1\n" + std::to_string(raw.size()) + "\n" + raw + "5\nshown"));
  EXPECT_EQ(a.digest, expected);
  EXPECT_EQ(bj::parse(event.raw()).at("digest"), bj::value(expected));
}

TEST_F(ApprovalsTest, ARefusalIsDeclinedAndNeverApplied) {
  const auto a = open(request(7));
  EXPECT_EQ(decide(a, "decline", /*grants=*/false), "taken");
  EXPECT_EQ(state(a), "deciding");
  book_->resolved(kProcess, "7", "");
  EXPECT_EQ(state(a), "declined");
}

TEST_F(ApprovalsTest, NothingIsAppliedBeforeCodexHasConfirmed) {
  const auto a = open(request(7));
  decide(a);
  EXPECT_THAT(step_states(), ElementsAre("open", "deciding"));
  book_->resolved("codex-2", "7", "");
  book_->resolved(kProcess, "8", "");
  EXPECT_EQ(state(a), "deciding") << "another process's or request's word is none about this one";
}

// ---- decisions that are none --------------------------------------------------------

TEST_F(ApprovalsTest, TheFirstDecisionWins) {
  const auto a = open(request(7));
  EXPECT_EQ(decide(a, "accept", true, "", "d1"), "taken");
  steps();
  EXPECT_EQ(decide(a, "decline", false, "", "d2"), "closed");
  EXPECT_THAT(step_states(), IsEmpty()) << "a refused decision is no step";
  EXPECT_EQ(book_->find(a.id)->choice, "accept");
  EXPECT_EQ(book_->find(a.id)->actor.id(), "d1") << "the others learn who won";
}

TEST_F(ApprovalsTest, ADecisionForOtherBytesIsRefused) {
  const auto a = open(request(7), "one diff");
  const auto b = open(request(8), "another diff");
  EXPECT_EQ(decide(a, "accept", true, b.digest), "digest");
  EXPECT_EQ(decide(a, "accept", true, a.digest + "A"), "digest");
  EXPECT_EQ(decide(a, "decline", false, b.digest), "digest") << "a refusal too";
  EXPECT_EQ(state(a), "open");
  Approval nobodys;
  nobodys.id = crypto::fresh_id();
  EXPECT_EQ(decide(nobodys, "accept", true, a.digest), "unknown-approval");
  EXPECT_EQ(decide(a), "taken");
}

TEST_F(ApprovalsTest, WhatIsSettledStaysAsItIs) {
  const auto a = open(request(7));
  decide(a);
  book_->resolved(kProcess, "7", "");
  steps();
  EXPECT_EQ(decide(a, "decline", false), "closed");
  book_->resolved(kProcess, "7", "");
  book_->turn_ended("t", "u", "");
  book_->orphan(kProcess, "gone");
  book_->orphan("", "gone");
  book_->settle({{a.id, "answered-elsewhere", "why"}});
  EXPECT_THAT(step_states(), IsEmpty());
  EXPECT_EQ(state(a), "applied");
}

// ---- several -------------------------------------------------------------------------

TEST_F(ApprovalsTest, SeveralOfOneThreadAreSettledEachByItself) {
  const auto first = open(request(1));
  const auto second = open(request(2));
  const auto third = open(request(3));
  EXPECT_EQ(book_->open_count(), 3);
  EXPECT_EQ(decide(third), "taken");
  EXPECT_EQ(decide(first, "cancel", false), "taken");
  book_->resolved(kProcess, "3", "");
  book_->resolved(kProcess, "1", "");
  EXPECT_EQ(state(first), "declined");
  EXPECT_EQ(state(second), "open");
  EXPECT_EQ(state(third), "applied");
  EXPECT_EQ(book_->open_count(), 1);
}

TEST_F(ApprovalsTest, ATextIdAndANumberAreTwoRequests) {
  const auto number = open(request(7));
  std::string text_request = request(7);
  text_request.replace(text_request.find(":7"), 2, ":\"7\"");
  const auto text = open(text_request);
  EXPECT_NE(number.id, text.id);
  decide(text);
  book_->resolved(kProcess, "\"7\"", "");
  EXPECT_EQ(state(text), "applied");
  EXPECT_EQ(state(number), "open");
}

TEST_F(ApprovalsTest, ListsTheOpenOnesOldestFirstAndAllNewestFirst) {
  const auto first = open(request(1));
  const auto second = open(request(2));
  decide(first);
  book_->resolved(kProcess, "1", "");
  std::vector<std::string> open_ids, all_ids;
  for (const auto& a : book_->unsettled()) open_ids.push_back(a.id);
  for (const auto& a : book_->latest(100)) all_ids.push_back(a.id);
  EXPECT_THAT(open_ids, ElementsAre(second.id));
  EXPECT_THAT(all_ids, ElementsAre(second.id, first.id));
  ASSERT_EQ(book_->beginning_with(first.id.substr(0, 12), 10).size(), 1u);
  EXPECT_EQ(book_->beginning_with(first.id.substr(0, 12), 10)[0].id, first.id);
  EXPECT_THAT(book_->beginning_with("%", 10), IsEmpty());
}

TEST_F(ApprovalsTest, AListBeginsBeforeTheOldestThatIsOpen) {
  EXPECT_EQ(book_->before_oldest_open(42), 42);
  const auto first = open(request(1));
  journal_->append(journal::Level::kThread, clock_.now, [](v1::Event& e) { e.set_thread("t"); });
  const auto second = open(request(2));
  journal_->commit();
  EXPECT_EQ(book_->before_oldest_open(42), 0);
  decide(first);
  EXPECT_EQ(book_->before_oldest_open(42), 0) << "one that is being decided is not settled";
  book_->resolved(kProcess, "1", "");
  EXPECT_EQ(book_->before_oldest_open(42), book_->find(second.id)->opened_seq - 1);
  EXPECT_EQ(book_->before_oldest_open(1), 1);
}

// ---- without us ----------------------------------------------------------------------

TEST_F(ApprovalsTest, AnsweredAtTheDesk) {
  const auto a = open(request(7));
  book_->resolved(kProcess, "7", "");
  EXPECT_EQ(state(a), "answered-elsewhere");
  EXPECT_EQ(decide(a), "closed");
}

TEST_F(ApprovalsTest, ATurnThatEndsWithdrawsWhatIsOpenInItAlone) {
  const auto open_one = open(request(1));
  const auto deciding = open(request(2));
  const auto other_turn = open(request(3, "t", "u2"));
  const auto other_thread = open(request(4, "t2", "u"));
  decide(deciding);
  book_->turn_ended("t", "u", "");
  EXPECT_EQ(state(open_one), "withdrawn");
  EXPECT_EQ(state(other_turn), "open");
  EXPECT_EQ(state(other_thread), "open");
  EXPECT_EQ(state(deciding), "unknown");
  book_->resolved(kProcess, "1", "");
  book_->resolved(kProcess, "2", "");
  EXPECT_EQ(state(open_one), "withdrawn") << "the order of the two words makes no difference";
  EXPECT_EQ(state(deciding), "applied") << "nor does it here: what Codex confirms is no longer unknown";
}

TEST_F(ApprovalsTest, AProcessThatEndsOrphansItsOwnAlone) {
  const auto open_one = open(request(1));
  const auto deciding = open(request(2));
  const auto other = open(request(1), "", "codex-2");
  decide(deciding);
  book_->orphan(kProcess, "Codex ended");
  EXPECT_EQ(state(open_one), "orphaned");
  EXPECT_EQ(state(deciding), "orphaned");
  EXPECT_EQ(state(other), "open");
  EXPECT_EQ(book_->find(open_one.id)->reason, "Codex ended");
}

// ---- over a restart --------------------------------------------------------------------

TEST_F(ApprovalsTest, AReDeliveredRequestIsTheSameApproval) {
  const auto a = open(request(7), "shown");
  decide(a);
  steps();
  restart();
  const auto [again, fresh] = book_->open(kProcess, *read_codex_message(request(7)), request(7), "shown", "");
  EXPECT_FALSE(fresh);
  EXPECT_EQ(again.id, a.id);
  EXPECT_EQ(again.state, "deciding");
  EXPECT_EQ(again.response, R"({"decision":"accept"})") << "the journaled decision can be sent again";
  EXPECT_EQ(again.choice, "accept");
  EXPECT_TRUE(again.grants);
  EXPECT_THAT(step_states(), IsEmpty());
}

// Codex repeats what it waits for: whatever we believed of it was wrong.
TEST_F(ApprovalsTest, ARequestThatIsRepeatedAfterItWasSettledOpensAgainUnderTheSameId) {
  for (const char* settled : {"answered-elsewhere", "withdrawn", "orphaned", "unknown"}) {
    const auto a = open(request(7, "t", settled));
    decide(a);
    book_->settle({{a.id, settled, "so it seemed"}});
    EXPECT_EQ(state(a), settled);
    steps();
    const auto again = open(request(7, "t", settled));
    EXPECT_EQ(again.id, a.id);
    EXPECT_EQ(again.state, "open");
    const auto said = steps();
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].at("state"), bj::value("open"));
    EXPECT_NE(std::string(said[0].at("reason").as_string()).find(settled), std::string::npos);
    EXPECT_FALSE(said[0].contains("choice"));
    EXPECT_EQ(decide(again), "taken") << "and can be answered";
    book_->resolved(kProcess, "7", "");
    steps();
  }
}

// A journal that was pruned, lost or never got it: the approval is told again.
TEST_F(ApprovalsTest, AnOpenOneIsToldAgainWhereTheJournalNoLongerHasIt) {
  const auto open_one = open(request(1), "shown");
  const auto deciding = open(request(2));
  decide(deciding);
  const auto settled = open(request(3));
  book_->resolved(kProcess, "3", "");
  steps();
  tell_again();
  EXPECT_THAT(steps(), IsEmpty()) << "nothing is missing";
  book_->tell_again(journal_->epoch(), /*pruned_through=*/journal_->head_seq(), journal_->head_seq());
  const auto pruned = journal_->commit();
  ASSERT_EQ(pruned.size(), 2u) << "the open ones, with their bytes";
  EXPECT_EQ(pruned[0].approval(), open_one.id);
  EXPECT_EQ(pruned[0].request(), request(1));
  EXPECT_EQ(pruned[0].shown(), "shown");
  EXPECT_EQ(pruned[1].approval(), deciding.id);
  EXPECT_EQ(pruned[1].request(), request(2));
  EXPECT_EQ(book_->before_oldest_open(1000), pruned[0].seq() - 1) << "a list begins where they are now";
  book_.reset();
  ledger_.reset();
  journal_.reset();
  for (const char* part : {"", "-wal", "-shm"})
    std::filesystem::remove((temp_ / "journal.db").string() + part);
  std::filesystem::remove_all(temp_ / "journal");
  restart();
  tell_again();
  EXPECT_THAT(step_states(), ElementsAre("open", "deciding")) << "a lost journal costs history alone";
}

TEST_F(ApprovalsTest, AnIdThatComesRoundForAnotherRequestIsAnotherApproval) {
  const auto a = open(request(7));
  const auto other_bytes = open(request(7, "t", "u9"));
  EXPECT_NE(other_bytes.id, a.id);
  const auto other_process = open(request(7), "", "codex-2");
  EXPECT_NE(other_process.id, a.id);
  book_->resolved("codex-2", "7", "");
  EXPECT_EQ(state(a), "open");
  EXPECT_EQ(state(other_process), "answered-elsewhere");
}

TEST_F(ApprovalsTest, AnotherProcessesAreOrphaned) {
  const auto a = open(request(1));
  const auto b = open(request(2), "", "codex-2");
  decide(b);
  steps();
  restart();
  book_->orphan("", "Codex has ended");
  EXPECT_EQ(state(a), "orphaned");
  EXPECT_EQ(state(b), "orphaned");
  EXPECT_THAT(step_states(), ElementsAre("orphaned", "orphaned"));
}

// The row is on the disk first; killed before it was told, it is told at the next start.
TEST_F(ApprovalsTest, AStepThatWasNotToldIsToldAtTheNextStart) {
  const auto a = open(request(1));
  steps();
  decide(a);
  restart();
  EXPECT_EQ(state(a), "deciding") << "what a person decided is not forgotten";
  tell_again();
  EXPECT_THAT(step_states(), ElementsAre("deciding"));
  EXPECT_EQ(decide(a, "decline", false, "", "d2"), "closed");
}

TEST_F(ApprovalsTest, LivesOnOverABootInANewEpoch) {
  const auto a = open(request(1));
  steps();
  restart("boot-2");
  tell_again();
  auto said = steps();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].at("state"), bj::value("open"));
  EXPECT_EQ(said[0].at("epoch"), bj::value(journal_->epoch()));
  book_->orphan("", "gone");
  said = steps();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].at("state"), bj::value("orphaned"));
}

// A request that can't be read as JSON can be refused, and nothing else.
TEST_F(ApprovalsTest, ARequestThatCanNotBeReadOffersItsRefusalsAlone) {
  std::string deep =
      R"({"id":7,"method":"item/commandExecution/requestApproval","params":{"threadId":"t","turnId":"u","itemId":"i","x":)";
  deep += std::string(20000, '[') + std::string(20000, ']') + "}}";
  const auto message = read_codex_message(deep);
  ASSERT_TRUE(message.ok());
  EXPECT_FALSE(message->understood);
  EXPECT_EQ(message->thread, "t");
  open(deep);
  const auto said = steps();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(bj::serialize(said[0].at("choices")),
            R"([{"choice":"decline","grants":false},{"choice":"cancel","grants":false}])");
}

// ---- secrets -----------------------------------------------------------------------------

TEST_F(ApprovalsTest, ASecretAnswerIsNeverOnTheDisk) {
  const auto a = open(secret_request(7));
  v1::Decide decision;
  decision.set_approval(a.id);
  decision.set_digest(a.digest);
  decision.set_choice("answer");
  decision.set_response(R"({"answers":{"p":{"answers":["correct horse battery"]}}})");
  decision.set_grants(true);
  ASSERT_FALSE(book_->decide(decision, {}, "", "c", ""));
  const auto said = steps();
  EXPECT_EQ(bj::serialize(said.back()).find("correct horse"), std::string::npos);
  EXPECT_EQ(book_->find(a.id)->response, decision.response()) << "it is there to be sent";
  EXPECT_FALSE(is_on_disk("correct horse"));
  book_->resolved(kProcess, "7", "");
  steps();
  EXPECT_EQ(state(a), "applied");
  EXPECT_FALSE(is_on_disk("correct horse"));
  book_.reset();
  ledger_.reset();
  journal_.reset();
  EXPECT_FALSE(is_on_disk("correct horse"));
  EXPECT_TRUE(is_on_disk("isSecret")) << "the look would have found it";
}

TEST_F(ApprovalsTest, AnAnswerThatIsNoSecretIsKeptForARepeat) {
  std::string raw = secret_request(7);
  raw.replace(raw.find("true"), 4, "false");
  const auto a = open(raw);
  EXPECT_EQ(decide(a, "answer"), "taken");
  steps();
  restart();
  EXPECT_EQ(book_->find(a.id)->response, R"({"decision":"answer"})");
}

// The answer went down with us: who knows it is asked again.
TEST_F(ApprovalsTest, ASecretAnswerThatWasLostIsAskedForAgain) {
  const auto a = open(secret_request(7));
  EXPECT_EQ(decide(a, "answer"), "taken");
  steps();
  const auto [while_alive, fresh] =
      book_->open(kProcess, *read_codex_message(secret_request(7)), secret_request(7), "", "");
  EXPECT_FALSE(fresh);
  EXPECT_EQ(while_alive.state, "deciding") << "still at hand";
  restart();
  const auto [again, fresh_again] =
      book_->open(kProcess, *read_codex_message(secret_request(7)), secret_request(7), "", "");
  EXPECT_FALSE(fresh_again);
  EXPECT_EQ(again.id, a.id);
  const auto said = steps();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].at("state"), bj::value("open"));
  EXPECT_FALSE(said[0].contains("choice")) << "an open one has not been decided";
  EXPECT_FALSE(said[0].contains("actor"));
  EXPECT_FALSE(said[0].contains("cause"));
  EXPECT_EQ(decide(again, "answer"), "taken");
}

// ---- bounds ------------------------------------------------------------------------------

TEST_F(ApprovalsTest, ForgetsSettledOnesAfterNinetyDaysAndOpenOnesNever) {
  const auto open_one = open(request(0));
  const auto settled = open(request(1));
  book_->resolved(kProcess, "1", "");
  book_->forget_old(clock_.now + kSettledKeptMs);
  EXPECT_TRUE(book_->find(settled.id));
  book_->forget_old(clock_.now + kSettledKeptMs + 1);
  EXPECT_FALSE(book_->find(settled.id));
  EXPECT_TRUE(book_->find(open_one.id));
}

}  // namespace
}  // namespace zane::supervisor
