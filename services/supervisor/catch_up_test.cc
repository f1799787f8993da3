// What Codex did while nobody listened, against a Codex that pages, drops and
// repeats itself: no turn with a hole is ever told as whole.
#include "services/supervisor/catch_up.h"

#include "gmock/gmock.h"
#include "lib/bus/keys.h"
#include "lib/json/strict.h"
#include "lib/testing/clock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"
#include "services/supervisor/testing/scripted_codex.h"

namespace zane::supervisor {
namespace {

namespace bj = boost::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using zane::testing::run_until;

CodexTimes quick() {
  CodexTimes times;
  times.first_pause = times.longest_pause_cut = milliseconds(1);
  times.call = milliseconds(500);
  return times;
}

class CatchUpTest : public ::testing::Test {
 protected:
  CatchUpTest()
      : home_(*base::Home::open((temp_ / "home").string())),
        keys_made_(bus::ensure_keys(home_).ok()),
        node_(io_, home_, *bus::load_keys(home_, bus::kSupervisor)),
        journal_(temp_ / "j.db", "boot", clock_.now),
        codex_(io_, home_, config_, wire_, host_, quick()),
        bulk_(io_, codex_, bulk_wire_, quick()),
        outward_(
            node_, journal_, clock_, [](const std::string&) { return ""; }, [] { return v1::CodexState(); },
            [](const std::string&) {}),
        catch_up_(io_, journal_, bulk_, outward_, clock_) {
    const auto answer = [this](const std::string& method, const bj::object& params) {
      return this->answer(method, params);
    };
    wire_.answer = answer;
    bulk_wire_.answer = answer;
    Codex::Events events;
    events.on_message = [](const CodexMessage&, const Incoming&) {};
    events.on_ready = [this](std::shared_ptr<const Session> session) -> loop::Task<> {
      bulk_.codex_changed();
      session_ = std::move(session);
      co_return;
    };
    events.on_lost = [this] { bulk_.codex_changed(); };
    events.on_ended = [](const std::string&) {};
    loop::spawn(io_, "codex", codex_.run(std::move(events)));
    loop::spawn(io_, "bulk", bulk_.run());
    run_until(io_, [&] { return session_ != nullptr; });
  }

  std::optional<std::string> answer(const std::string& method, const bj::object& params) {
    if (method == "initialize") return R"({"userAgent":"zane/9.9 x","codexHome":"/codex"})";
    if (method == "thread/turns/list") return turns_;
    if (method != "thread/items/list") return "{}";
    ++pages_;
    if (drop_at_page_ == pages_) {
      wire_.drop();
      return std::nullopt;
    }
    const auto cursor = json::string_at(params, "cursor");
    const size_t at = cursor ? std::stoul(std::string(*cursor)) : 0;
    bj::array data;
    if (at < items_.size())
      data.push_back(bj::object{{"turnId", "u"}, {"item", {{"id", items_[at]}, {"type", "agentMessage"}}}});
    bj::object page{{"data", std::move(data)}, {"nextCursor", nullptr}};
    if (at + 1 < items_.size() || endless_) page["nextCursor"] = std::to_string(at + 1);
    return bj::serialize(page);
  }

  void heard(const std::string& thread, const std::string& method, const std::string& item = "",
             const std::string& raw = "{}") {
    journal_.append(journal::Level::kThread, clock_.now, [&](v1::Event& event) {
      event.set_thread(thread);
      event.set_turn("u");
      event.set_item(item);
      event.set_method(method);
      event.set_raw(raw);
    });
  }
  // Turn `u` began and its first item was heard; then nobody listened.
  void heard_the_beginning() {
    heard("t", "turn/started");
    heard("t", "item/completed", "i0");
    outward_.flush();
    before_ = journal_.head_seq();
  }
  void resumed(const std::string& status = "idle") {
    catch_up_.resumed(session_, {"t", status, false, clock_.now, clock_.now});
  }
  // What was told since, as "method item".
  std::vector<std::string> told() {
    outward_.flush();
    v1::JournalRead request;
    request.set_thread("t");
    request.set_limit(1000);
    request.set_after_seq(before_);
    std::vector<std::string> found;
    const auto page = journal_.read(request);
    for (const auto& event : page.events())
      found.push_back(event.method() + (event.item().empty() ? "" : " " + event.item()));
    return found;
  }
  bool was_told(const std::string& what) {
    const auto all = told();
    return std::find(all.begin(), all.end(), what) != all.end();
  }

  zane::testing::TempFolder temp_;
  zane::testing::SetClock clock_{1700000000000};
  loop::Io io_{1};
  base::Home home_;
  bool keys_made_;
  bus::Node node_;
  config::Config config_;
  journal::Journal journal_;
  testing::ScriptedTransport wire_{io_};
  testing::ScriptedTransport bulk_wire_{io_};
  testing::ScriptedHost host_;
  Codex codex_;
  Bulk bulk_;
  Outward outward_;
  CatchUp catch_up_;
  std::shared_ptr<const Session> session_;
  std::string turns_ = R"({"data":[{"id":"u","status":"completed"}]})";
  std::vector<std::string> items_{"i0", "i1", "i2"};
  bool endless_ = false;
  int pages_ = 0;
  int drop_at_page_ = 0;
  int64_t before_ = 0;
};

TEST_F(CatchUpTest, AHoleIsToldAtOnceThenFilledThenWhole) {
  heard_the_beginning();
  resumed();
  run_until(io_, [&] { return was_told("zane/whole"); });
  EXPECT_THAT(told(), ElementsAre("zane/hole", "item/completed i1", "item/completed i2", "turn/completed",
                                  "zane/whole"));
}

TEST_F(CatchUpTest, WhatIsHeldOfATurnOfManyPagesIsAllOfIt) {
  heard("t", "turn/started");
  for (int n = 0; n < 600; ++n) heard("t", "item/updated", "x", std::string(4 * 1024, 'a' + n % 26));
  heard("t", "item/completed", "i0");
  outward_.flush();
  before_ = journal_.head_seq();
  resumed();
  run_until(io_, [&] { return was_told("zane/whole"); });
  EXPECT_THAT(told(), ElementsAre("zane/hole", "item/completed i1", "item/completed i2", "turn/completed",
                                  "zane/whole"));
}

TEST_F(CatchUpTest, WhatAConnectionThatDropsLeftOutIsFetchedInTheNext) {
  heard_the_beginning();
  drop_at_page_ = 2;
  const auto first = session_;
  resumed();
  run_until(io_, [&] { return session_ != first; });
  EXPECT_THAT(told(), ElementsAre("zane/hole"));
  resumed();
  run_until(io_, [&] { return was_told("zane/whole"); });
  EXPECT_THAT(told(), ElementsAre("zane/hole", "zane/hole", "item/completed i1", "item/completed i2",
                                  "turn/completed", "zane/whole"));
}

TEST_F(CatchUpTest, APageThatIsTooLongIsAskedForItemByItem) {
  heard_the_beginning();
  bool cut = false;
  bulk_wire_.answer = [&](const std::string& method, const bj::object& params) -> std::optional<std::string> {
    if (method != "thread/items/list" || params.at("limit") == 1) return answer(method, params);
    cut = true;
    bulk_wire_.say("{\"id\":" + bj::serialize(bulk_wire_.sent.back().at("id")) + ",\"result\":{\"da", true);
    return std::nullopt;
  };
  resumed();
  run_until(io_, [&] { return was_told("zane/whole"); });
  EXPECT_TRUE(cut);
  EXPECT_TRUE(was_told("item/completed i2"));
}

TEST_F(CatchUpTest, PagesWithoutEndAreLeftAndTheTurnStaysOneWithAHole) {
  heard_the_beginning();
  endless_ = true;
  resumed();
  run_until(io_, [&] { return pages_ > static_cast<int>(kItemsRecoveredMax); });
  zane::testing::run_ready(io_);
  EXPECT_FALSE(was_told("zane/whole"));
  EXPECT_FALSE(was_told("turn/completed"));
  EXPECT_EQ(pages_, static_cast<int>(kItemsRecoveredMax) + 1);
}

TEST_F(CatchUpTest, ATurnThatStillRunsIsMadeWholeAtItsEnd) {
  heard_the_beginning();
  turns_ = R"({"data":[{"id":"u","status":"inProgress"}]})";
  items_ = {"i0", "i1"};
  resumed("active");
  run_until(io_, [&] { return was_told("item/completed i1"); });
  zane::testing::run_ready(io_);
  EXPECT_FALSE(was_told("zane/whole"));
  items_.push_back("i2");
  CodexMessage end;
  end.method = "turn/completed";
  end.thread = "t";
  end.turn = "u";
  heard("t", "item/completed", "i1");
  catch_up_.saw(session_, end);
  run_until(io_, [&] { return was_told("zane/whole"); });
  EXPECT_TRUE(was_told("item/completed i2"));
}

}  // namespace
}  // namespace zane::supervisor
