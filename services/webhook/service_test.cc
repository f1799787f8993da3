// What becomes of a delivery with a policy that refuses, hangs, fails or forgets: the
// real service on a real bus, policy by a script.
#include "services/webhook/service.h"

#include <fstream>

#include "gmock/gmock.h"
#include "lib/bus/keys.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/testing/clock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"

namespace zane::webhook {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using zane::testing::run_until;

constexpr char kSecret[] = "a-hook-secret-of-good-length";
constexpr Pauses kShort{std::chrono::milliseconds(5), std::chrono::milliseconds(20)};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() : home_(*base::Home::open(temp_.path().string())) {
    EXPECT_TRUE(bus::ensure_keys(home_).ok());
    for (const char* id : {"a", "b"}) {
      config::Hook hook;
      hook.id = hook.name = id;
      hook.scheme = "github";
      hook.cwd = "/work";
      hook.prompt = "look";
      config_.hooks.push_back(hook);
    }
    std::filesystem::create_directory(home_.key("hooks"));
    for (const char* id : {"a", "b"}) {
      std::ofstream(home_.key("hooks") / id) << kSecret;
      std::filesystem::permissions(home_.key("hooks") / id, static_cast<std::filesystem::perms>(0600));
    }
    webhook_node_ = node(bus::kWebhook);
    relay_node_ = node(bus::kRelay);
    supervisor_node_ = node(bus::kSupervisor);
    relay_ = std::make_unique<bus::Client>(*relay_node_, bus::kWebhook);
    supervisor_ = std::make_unique<bus::Client>(*supervisor_node_, bus::kWebhook);
  }

  std::unique_ptr<bus::Node> node(std::string_view service) {
    return std::make_unique<bus::Node>(io_, home_, *bus::load_keys(home_, service));
  }

  void start() {
    service_ = std::make_unique<Service>(*webhook_node_, config_, clock_, kShort);
    service_->run();
  }

  // policy: answers each task with what `script` says; nothing for an empty answer.
  using Script = std::function<v1::Envelope(const v1::TaskRequest&, int asked)>;
  void policy(Script script) {
    policy_node_ = node(bus::kPolicy);
    script_ = std::move(script);
    policy_ =
        std::make_unique<bus::Inbox>(*policy_node_, [this](const bus::Peer& peer, v1::Envelope request) {
          const auto& task = request.task_request();
          const int asked = ++asked_[task.delivery()];
          order_.push_back(task.payload());
          v1::Envelope answer = script_(task, asked);
          if (answer.body_case() == v1::Envelope::BODY_NOT_SET) return;
          if (answer.has_failure()) return policy_->fail(peer, request, answer.failure().reason(), "");
          policy_->reply(peer, request, std::move(answer));
        });
  }

  static v1::Envelope outcome(const std::string& state, const std::string& reason = "") {
    v1::Envelope e;
    e.mutable_command_answer()->set_state(state);
    e.mutable_command_answer()->set_reason(reason);
    e.mutable_command_answer()->set_message("why");
    if (state == "done") e.mutable_command_answer()->set_result(R"({"thread":"t1"})");
    return e;
  }
  static v1::Envelope failure(const std::string& reason) {
    v1::Envelope e;
    e.mutable_failure()->set_reason(reason);
    return e;
  }

  // As relay hands it over; what webhook made of it.
  std::string deliver(const std::string& id, const std::string& body, const std::string& hook = "a") {
    v1::Envelope request = relay_node_->envelope();
    auto* delivery = request.mutable_delivery();
    delivery->set_delivery(id);
    delivery->set_hook(hook);
    delivery->set_body(body);
    (*delivery->mutable_headers())["x-hub-signature-256"] =
        "sha256=" + crypto::to_hex(crypto::hmac_sha256(kSecret, body));
    const auto answer = zane::testing::run(io_, relay_->ask(std::move(request)));
    return answer.ok() ? answer->delivery_stored().result() : std::string(answer.status().message());
  }

  v1::HooksAnswer hooks() {
    v1::Envelope request = supervisor_node_->envelope();
    request.mutable_hooks_question()->set_deliveries(200);
    return zane::testing::run(io_, supervisor_->ask(std::move(request)))->hooks_answer();
  }
  v1::DeliveryRow row(const std::string& id) {
    const auto all = hooks();
    for (const auto& row : all.deliveries())
      if (row.delivery() == id) return row;
    return {};
  }
  std::string ended(const std::string& id) {
    std::string result;
    const auto end = std::chrono::steady_clock::now() + zane::testing::kPatience;
    while ((result = row(id).result(), result.empty() || result == "waits") &&
           std::chrono::steady_clock::now() < end)
      run_until(io_, [] { return true; });
    return result;
  }
  v1::ServiceStatus status() {
    v1::Envelope request = supervisor_node_->envelope();
    request.mutable_service_status_question();
    return zane::testing::run(io_, supervisor_->ask(std::move(request)))->service_status();
  }
  absl::StatusOr<std::string> replay(const std::string& id) {
    v1::Envelope request = supervisor_node_->envelope();
    request.mutable_replay_delivery()->set_delivery(id);
    const auto answer = zane::testing::run(io_, supervisor_->ask(std::move(request)));
    if (!answer.ok()) return answer.status();
    return answer->delivery_replayed().delivery();
  }

  zane::testing::TempFolder temp_;
  base::Home home_;
  config::Config config_;
  zane::testing::SetClock clock_{1700000000000};
  loop::Io io_{1};
  std::unique_ptr<bus::Node> webhook_node_, relay_node_, supervisor_node_, policy_node_;
  std::unique_ptr<bus::Client> relay_, supervisor_;
  std::unique_ptr<bus::Inbox> policy_;
  Script script_;
  std::map<std::string, int> asked_;
  std::vector<std::string> order_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, OneThatPolicyCantTakeIsTriedSixTimesSetAsideAndHoldsUpNoOther) {
  policy([](const v1::TaskRequest& task, int) {
    return task.payload() == "bad" ? failure("bad-message") : outcome("done");
  });
  start();
  EXPECT_EQ(deliver("d1", "bad"), "accepted");
  EXPECT_EQ(deliver("d2", "good"), "accepted");
  EXPECT_EQ(deliver("d3", "other", "b"), "accepted");
  EXPECT_EQ(ended("d2"), "started t1");
  EXPECT_EQ(ended("d3"), "started t1");
  EXPECT_THAT(ended("d1"), AllOf(StartsWith("failed: "), HasSubstr("bad-message")));
  EXPECT_EQ(asked_["d1"], kTriesMax);
  EXPECT_TRUE(row("d1").set_aside() && row("d1").can_be_sent_again());
  EXPECT_EQ(status().state(), "degraded");
  EXPECT_THAT(status().message(), HasSubstr("1 deliveries came to no end after 6 tries"));

  script_ = [](const v1::TaskRequest&, int) { return outcome("done"); };
  const auto again = replay("d1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ended(*again), "started t1");
  EXPECT_EQ(status().state(), "ready");
  EXPECT_EQ(replay("d1").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, OnesThatHangHoldUpNoOther) {
  policy([](const v1::TaskRequest& task, int) {
    return task.payload().starts_with("hangs") ? v1::Envelope() : outcome("done");
  });
  start();
  for (int i = 0; i < kUnderWayMax - 1; ++i) deliver("h" + std::to_string(i), "hangs" + std::to_string(i));
  for (int i = 0; i < 20; ++i) deliver("g" + std::to_string(i), "good" + std::to_string(i));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ended("g" + std::to_string(i)), "started t1");
  EXPECT_EQ(row("h0").result(), "waits");
}

TEST_F(ServiceTest, ThatSomebodyIsAwayIsNoTry) {
  policy([](const v1::TaskRequest& task, int asked) {
    return asked <= 3 * kTriesMax ? outcome("refused", task.payload()) : outcome("done");
  });
  start();
  for (const std::string reason : {"codex-down", "busy", "disk"}) {
    EXPECT_EQ(deliver("d-" + reason, reason), "accepted");
    EXPECT_EQ(ended("d-" + reason), "started t1");
    EXPECT_EQ(asked_["d-" + reason], 3 * kTriesMax + 1);
    EXPECT_EQ(row("d-" + reason).tries(), 0);
  }
}

// What became of it could not be looked at: that says nothing of the delivery.
TEST_F(ServiceTest, ThatNobodyCouldLookIsNoTryEither) {
  policy([](const v1::TaskRequest& task, int asked) {
    return asked <= 3 * kTriesMax ? outcome("unknown", task.payload()) : outcome("done");
  });
  start();
  for (const std::string reason : {"busy", "disk"}) {
    deliver("d-" + reason, reason);
    EXPECT_EQ(ended("d-" + reason), "started t1");
    EXPECT_EQ(asked_["d-" + reason], 3 * kTriesMax + 1);
  }
}

TEST_F(ServiceTest, WhatIsUnknownIsAskedAgainByItsIdAndSentAgainByAPersonAlone) {
  policy([](const v1::TaskRequest& task, int asked) {
    const bool for_ever = task.payload() == "for ever" && task.delivery() == "d2";
    return for_ever || asked < 3 ? outcome("unknown") : outcome("done");
  });
  start();
  deliver("d1", "twice");
  EXPECT_EQ(ended("d1"), "started t1");
  EXPECT_EQ(asked_["d1"], 3);
  deliver("d2", "for ever");
  EXPECT_THAT(ended("d2"), StartsWith("unknown"));
  EXPECT_EQ(asked_["d2"], kTriesMax);
  EXPECT_EQ(deliver("d3", "for ever"), "duplicate") << "it may have started";
  EXPECT_TRUE(row("d2").set_aside());
  EXPECT_TRUE(row("d2").can_be_sent_again()) << "as its row says";
  const auto again = replay("d2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ended(*again), "started t1");
  EXPECT_FALSE(replay("d2").ok()) << "its body has moved on";
  EXPECT_EQ(deliver("d4", "for ever"), "duplicate");
}

// The turn was sent and its connection lost; then the hook's folder is gone.
TEST_F(ServiceTest, WhatMayHaveStartedOnceIsNoRefusalThatMayComeAgain) {
  policy([](const v1::TaskRequest& task, int asked) {
    if (task.payload() != "perhaps") return outcome("refused", "role");
    return asked == 1 ? outcome("unknown") : outcome("refused", "role");
  });
  start();
  deliver("d1", "perhaps");
  EXPECT_THAT(ended("d1"), AllOf(StartsWith("unknown"), HasSubstr("refused: why")));
  EXPECT_EQ(deliver("d2", "perhaps"), "duplicate");
  EXPECT_TRUE(row("d1").can_be_sent_again()) << "by a person";
  deliver("d3", "never");
  EXPECT_THAT(ended("d3"), StartsWith("refused"));
  EXPECT_EQ(deliver("d4", "never"), "accepted");
}

TEST_F(ServiceTest, ARefusalIsAFinalWordAndMayComeAgain) {
  policy([](const v1::TaskRequest& task, int) {
    return outcome(task.delivery() == "d1" ? "refused" : "done", "role");
  });
  start();
  deliver("d1", "x");
  EXPECT_EQ(ended("d1"), "refused: why");
  EXPECT_EQ(asked_["d1"], 1);
  EXPECT_EQ(status().state(), "ready") << "a refusal is nobody's trouble";
  EXPECT_EQ(deliver("d2", "x"), "accepted");
  EXPECT_EQ(ended("d2"), "started t1");
  EXPECT_EQ(deliver("d2", "x"), "duplicate") << "Orbit hands over again what it heard nothing of";
}

TEST_F(ServiceTest, WhatWaitsOverARestartIsAskedWithItsIdAndItsTries) {
  policy([](const v1::TaskRequest&, int) { return failure("bad-message"); });
  start();
  deliver("d1", "bad");
  run_until(io_, [&] { return asked_["d1"] >= 2; });
  service_.reset();
  script_ = [](const v1::TaskRequest&, int) { return v1::Envelope(); };
  // A loop that still holds the old service's coroutines is not run again.
  EXPECT_GE(Store(home_.data("webhook.db")).latest(1).front().tries, 1);
}

TEST_F(ServiceTest, OnlySupervisorMayAskForHooksOrReplay) {
  policy([](const v1::TaskRequest&, int) { return outcome("refused", "role"); });
  start();
  deliver("d1", "x");
  EXPECT_EQ(ended("d1"), "refused: why");
  for (const bool question : {true, false}) {
    v1::Envelope request = relay_node_->envelope();
    if (question)
      request.mutable_hooks_question();
    else
      request.mutable_replay_delivery()->set_delivery("d1");
    const auto answer = zane::testing::run(io_, relay_->ask(std::move(request)));
    EXPECT_THAT(answer.status().message(), HasSubstr("not-yours"));
  }
}

// A payload that is no text reaches policy as the bytes it was, cut between characters.
TEST_F(ServiceTest, APayloadIsBytesAndIsCutBetweenCharacters) {
  std::string payload;
  int64_t whole = 0;
  policy([&](const v1::TaskRequest& task, int) {
    payload = task.payload();
    whole = task.payload_bytes();
    return outcome("done");
  });
  start();
  const std::string foreign("\xff\x00{\xe2\x82", 5);
  deliver("d1", foreign);
  EXPECT_EQ(ended("d1"), "started t1");
  EXPECT_EQ(payload, foreign);
  const std::string lengthy = std::string(64 * 1024 - 1, 'x') + "ü" + "rest";
  deliver("d2", lengthy);
  EXPECT_EQ(ended("d2"), "started t1");
  EXPECT_EQ(payload, std::string(64 * 1024 - 1, 'x'));
  EXPECT_EQ(whole, static_cast<int64_t>(lengthy.size()));
}

}  // namespace
}  // namespace zane::webhook
