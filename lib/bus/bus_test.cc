// The bus with real ZeroMQ on ipc sockets in a private folder: who is let in,
// and what a question comes to.
#include "lib/bus/bus.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>

#include "gmock/gmock.h"
#include "lib/testing/run.h"
#include "lib/testing/temp_folder.h"

namespace zane::bus {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using zane::testing::run;
using zane::testing::run_ready;
using zane::testing::run_until;

Envelope question(const Node& node, const std::string& text) {
  Envelope e = node.envelope();
  e.mutable_client_ended()->set_client(text);
  return e;
}

Envelope answer_of(const Node& node, const std::string& text) {
  Envelope e = node.envelope();
  e.mutable_service_status()->set_message(text);
  return e;
}

class BusTest : public ::testing::Test {
 protected:
  BusTest() : home_(*base::Home::open(temp_.path().string())) {
    EXPECT_TRUE(ensure_keys(home_).ok());
    supervisor_ = node(kSupervisor);
    policy_ = node(kPolicy);
  }

  std::unique_ptr<Node> node(std::string_view service) {
    return std::make_unique<Node>(io_, home_, *load_keys(home_, service));
  }

  // An inbox of policy's that answers each question with its own text.
  void echo() {
    inbox_ = std::make_unique<Inbox>(*policy_, [this](const Peer& peer, Envelope request) {
      seen_.emplace_back(peer.service, request.client_ended().client());
      inbox_->reply(peer, request, answer_of(*policy_, request.client_ended().client()));
    });
  }

  void watch_refusals(milliseconds period) {
    monitor_ = std::make_unique<RefusalMonitor>(io_, policy_->context(), inbox_->raw(), period,
                                                [this](int64_t count) { refusals_.push_back(count); });
  }

  // A question and its answer: what was on its way before has arrived or is refused.
  std::string ask(Client& client, Node& from, const std::string& text) {
    const auto answer = run(io_, client.ask(question(from, text)));
    return answer.ok() ? answer->service_status().message() : std::string(answer.status().message());
  }

  // Speaks the first 64 bytes of ZMTP by hand and waits until the server hangs
  // up, which it does after it has counted the refusal.
  bool is_hung_up_on(const std::string& socket_name, const std::string& mechanism) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = home_.socket(socket_name).string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
    const timeval patience{30, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string greeting("\xff\0\0\0\0\0\0\0\1\x7f\3\0", 12);
    greeting += mechanism + std::string(20 - mechanism.size(), '\0') + std::string(32, '\0');
    const bool sent =
        ::send(fd, greeting.data(), greeting.size(), 0) == static_cast<ssize_t>(greeting.size());
    char buffer[256];
    ssize_t got = 1;
    while (got > 0) got = ::recv(fd, buffer, sizeof buffer, 0);
    const bool hung_up = got == 0 || errno == ECONNRESET;
    ::close(fd);
    return sent && hung_up;
  }

  // A DEALER of a process that is not ours, with a context of its own.
  struct Stranger {
    zmq::context_t context{1};
    zmq::socket_t socket{context, zmq::socket_type::dealer};
    Stranger() { socket.set(zmq::sockopt::linger, 0); }
    void say(const std::string& address, const std::string& bytes) {
      socket.connect(address);
      socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
    }
  };

  Node* relay_sender() {
    if (!relay_) relay_ = node(kRelay);
    return relay_.get();
  }

  std::string forged() { return question(*supervisor_, "forged").SerializeAsString(); }

  zane::testing::TempFolder temp_;
  base::Home home_;
  loop::Io io_{1};
  std::unique_ptr<Node> supervisor_;
  std::unique_ptr<Node> policy_;
  std::unique_ptr<Node> relay_;
  std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<RefusalMonitor> monitor_;
  std::vector<std::pair<std::string, std::string>> seen_;
  std::vector<int64_t> refusals_;
};

// ---- who is who ---------------------------------------------------------------

TEST_F(BusTest, ASenderIsNamedByItsKeyWhateverItSays) {
  echo();
  const auto relay = node(kRelay);
  Client from_relay(*relay, kPolicy);
  Client from_supervisor(*supervisor_, kPolicy);
  Envelope lie = question(*relay, "a");
  lie.set_sender("supervisor");
  EXPECT_TRUE(run(io_, from_relay.ask(std::move(lie))).ok());
  EXPECT_EQ(ask(from_supervisor, *supervisor_, "b"), "b");
  EXPECT_THAT(seen_, ElementsAre(std::pair("relay", "a"), std::pair("supervisor", "b")));
}

TEST_F(BusTest, AKeyThatIsNoServicesIsRefused) {
  echo();
  watch_refusals(milliseconds(1));
  char public_key[41], secret_key[41];
  ASSERT_EQ(zmq_curve_keypair(public_key, secret_key), 0);
  Keys keys = policy_->keys();
  keys.own = {public_key, secret_key};
  Stranger stranger;
  secure_client(stranger.socket, keys, "policy");
  // A routing id is whatever its sender likes and counts for nothing.
  stranger.socket.set(zmq::sockopt::routing_id, "supervisor");
  stranger.say(home_.bus_address("policy"), forged());
  run_until(io_, [&] { return !refusals_.empty(); });
  Client good(*supervisor_, kPolicy);
  EXPECT_EQ(ask(good, *supervisor_, "good"), "good");
  EXPECT_THAT(seen_, ElementsAre(std::pair("supervisor", "good")));
}

TEST_F(BusTest, TheKeysOfAnotherHomeAreRefused) {
  echo();
  watch_refusals(milliseconds(1));
  const zane::testing::TempFolder other;
  const auto other_home = *base::Home::open(other.path().string());
  ASSERT_TRUE(ensure_keys(other_home).ok());
  Keys keys = *load_keys(other_home, kSupervisor);
  keys.public_of["policy"] = policy_->keys().own.public_key;
  Stranger stranger;
  secure_client(stranger.socket, keys, "policy");
  stranger.say(home_.bus_address("policy"), forged());
  run_until(io_, [&] { return !refusals_.empty(); });
  EXPECT_TRUE(seen_.empty());
}

TEST_F(BusTest, WhoExpectsAnotherServersKeyIsRefused) {
  echo();
  watch_refusals(milliseconds(1));
  Stranger stranger;
  secure_client(stranger.socket, supervisor_->keys(), "webhook");
  stranger.say(home_.bus_address("policy"), forged());
  run_until(io_, [&] { return !refusals_.empty(); });
  EXPECT_TRUE(seen_.empty());
}

TEST_F(BusTest, NoKeyAndPlainAreHungUpOn) {
  echo();
  for (const char* mechanism : {"NULL", "PLAIN", "GSSAPI", "", "CURVEX"})
    EXPECT_TRUE(is_hung_up_on("policy.ipc", mechanism)) << mechanism;
}

TEST_F(BusTest, AKeylessZeroMqPeerIsNotHeard) {
  echo();
  watch_refusals(milliseconds(1));
  Stranger plain;
  plain.socket.set(zmq::sockopt::plain_username, "supervisor");
  plain.socket.set(zmq::sockopt::plain_password, "supervisor");
  plain.say(home_.bus_address("policy"), forged());
  Stranger keyless;
  keyless.say(home_.bus_address("policy"), forged());
  ASSERT_TRUE(is_hung_up_on("policy.ipc", "NULL"));
  run_until(io_, [&] { return !refusals_.empty(); });
  Client good(*supervisor_, kPolicy);
  EXPECT_EQ(ask(good, *supervisor_, "good"), "good");
  EXPECT_THAT(seen_, ElementsAre(std::pair("supervisor", "good")));
}

TEST_F(BusTest, ManyRefusalsAreOneReport) {
  echo();
  watch_refusals(std::chrono::hours(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(is_hung_up_on("policy.ipc", "NULL"));
  run_until(io_, [&] { return !refusals_.empty(); });
  EXPECT_THAT(refusals_, ElementsAre(20));
  // Within the period there is no second report, however many come.
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(is_hung_up_on("policy.ipc", "PLAIN"));
  Client good(*supervisor_, kPolicy);
  EXPECT_EQ(ask(good, *supervisor_, "good"), "good");
  EXPECT_THAT(refusals_, ElementsAre(20));
}

TEST_F(BusTest, EachReportCountsSinceTheLast) {
  echo();
  watch_refusals(milliseconds(1));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(is_hung_up_on("policy.ipc", "NULL"));
  run_until(io_, [&] { return refusals_.size() == 1; });
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_hung_up_on("policy.ipc", "NULL"));
  run_until(io_, [&] { return refusals_.size() == 2; });
  EXPECT_THAT(refusals_, ElementsAre(3, 4));
}

// ---- questions and answers ------------------------------------------------------

TEST_F(BusTest, ThousandsOfRoundTripsBothWaysAllComeBack) {
  echo();
  Inbox other(*supervisor_, [&](const Peer& peer, Envelope request) {
    other.reply(peer, request, answer_of(*supervisor_, request.client_ended().client()));
  });
  Client to_policy(*supervisor_, kPolicy);
  Client to_supervisor(*policy_, kSupervisor);
  constexpr int kAskers = 8;
  constexpr int kEach = 300;
  int right = 0;
  int done = 0;
  const auto asker = [&](Client& client, Node& from, std::string name) -> loop::Task<> {
    for (int i = 0; i < kEach; ++i) {
      const std::string text = name + "/" + std::to_string(i);
      const auto answer = co_await client.ask(question(from, text), std::chrono::seconds(30));
      if (answer.ok() && answer->service_status().message() == text) ++right;
    }
    ++done;
  };
  for (int i = 0; i < kAskers; ++i) {
    loop::spawn(io_, "asker", asker(to_policy, *supervisor_, "p" + std::to_string(i)));
    loop::spawn(io_, "asker", asker(to_supervisor, *policy_, "s" + std::to_string(i)));
  }
  run_until(io_, [&] { return done == 2 * kAskers; });
  EXPECT_EQ(right, 2 * kAskers * kEach);
}

TEST_F(BusTest, AnswersFindTheirQuestionsInWhateverOrderTheyCome) {
  constexpr size_t kAll = 50;
  std::vector<std::pair<Peer, Envelope>> held;
  Inbox inbox(*policy_, [&](const Peer& peer, Envelope request) {
    held.emplace_back(peer, std::move(request));
    if (held.size() < kAll) return;
    for (auto it = held.rbegin(); it != held.rend(); ++it)
      inbox.reply(it->first, it->second, answer_of(*policy_, it->second.client_ended().client()));
  });
  Client client(*supervisor_, kPolicy);
  std::map<std::string, std::string> answers;
  for (size_t i = 0; i < kAll; ++i)
    loop::spawn(io_, "asker", [](Client& c, Node& n, std::string text, auto& out) -> loop::Task<> {
      const auto answer = co_await c.ask(question(n, text), std::chrono::seconds(30));
      out[text] = answer.ok() ? answer->service_status().message() : answer.status().ToString();
    }(client, *supervisor_, "q" + std::to_string(i), answers));
  run_until(io_, [&] { return answers.size() == kAll; });
  for (const auto& [asked, got] : answers) EXPECT_EQ(got, asked);
}

TEST_F(BusTest, AnAnswerCarriesTheStoryOn) {
  std::string request_id;
  Inbox inbox(*policy_, [&](const Peer& peer, Envelope request) {
    request_id = request.id();
    Envelope answer = answer_of(*policy_, "x");
    answer.set_trace("made up");
    answer.set_cause("made up");
    inbox.reply(peer, request, std::move(answer));
  });
  Client client(*supervisor_, kPolicy);
  Envelope request = question(*supervisor_, "q");
  request.set_trace("story");
  const auto answer = run(io_, client.ask(std::move(request)));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->trace(), "story");
  EXPECT_EQ(answer->cause(), request_id);
  EXPECT_NE(answer->id(), request_id);
}

TEST_F(BusTest, ServiceThatIsNotThereIsNamedWithinTheDeadline) {
  Client client(*supervisor_, kWebhook);
  EXPECT_FALSE(client.tell(question(*supervisor_, "nobody")));
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = run(io_, client.ask(question(*supervisor_, "q"), milliseconds(60)));
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr("webhook"), HasSubstr("zane status")));
  EXPECT_GE(took, milliseconds(60));
  EXPECT_LT(took, std::chrono::seconds(10));
}

TEST_F(BusTest, ServiceThatComesInTimeIsReached) {
  Client client(*supervisor_, kPolicy);
  std::optional<std::string> got;
  loop::spawn(io_, "asker", [](Client& c, Node& n, auto& out) -> loop::Task<> {
    const auto answer = co_await c.ask(question(n, "early"), std::chrono::seconds(30));
    out = answer.ok() ? answer->service_status().message() : answer.status().ToString();
  }(client, *supervisor_, got));
  run_ready(io_);
  EXPECT_FALSE(got);
  echo();
  run_until(io_, [&] { return got.has_value(); });
  EXPECT_EQ(*got, "early");
}

// A policy of its own context, which can be ended at any moment as a process is.
class MortalPolicy {
 public:
  MortalPolicy(const base::Home& home, const Keys& keys) : socket_(context_, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::curve_server, true);
    socket_.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
    socket_.bind(home.bus_address("policy"));
  }
  // What has come, if anything has.
  std::optional<Envelope> take() {
    zmq::message_t route, body;
    if (!socket_.recv(route, zmq::recv_flags::dontwait)) return std::nullopt;
    (void)socket_.recv(body, zmq::recv_flags::none);
    route_ = route.to_string();
    Envelope e;
    EXPECT_TRUE(e.ParseFromArray(body.data(), static_cast<int>(body.size())));
    return e;
  }
  void answer(Envelope answer) {
    socket_.send(zmq::buffer(route_), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(answer.SerializeAsString()), zmq::send_flags::none);
  }

 private:
  zmq::context_t context_{1};
  zmq::socket_t socket_;
  std::string route_;
};

struct Asked {
  std::optional<absl::StatusOr<Envelope>> got;
  void ask(loop::Io& io, Client& client, Envelope request, milliseconds deadline, milliseconds absence) {
    loop::spawn(io, "asker",
                [](Client& c, Envelope r, milliseconds d, milliseconds a, auto& out) -> loop::Task<> {
                  out.emplace(co_await c.ask(std::move(r), d, a));
                }(client, std::move(request), deadline, absence, got));
  }
};

TEST_F(BusTest, ARequestThatDiedWithItsServiceIsHandedOverAgainOnceItIsBack) {
  Client client(*supervisor_, kPolicy);
  int connections = 0;
  client.on_connected([&] { ++connections; });
  auto first = std::make_unique<MortalPolicy>(home_, policy_->keys());
  Asked asked;
  Envelope request = question(*supervisor_, "q");
  const std::string id = request.id();
  asked.ask(io_, client, std::move(request), std::chrono::hours(1), std::chrono::hours(1));
  std::optional<Envelope> seen;
  run_until(io_, [&] { return (seen = first->take()).has_value(); });
  EXPECT_EQ(seen->id(), id);
  EXPECT_FALSE(seen->again());
  first.reset();
  run_until(io_, [&] { return !client.connected(); });
  EXPECT_FALSE(asked.got);
  MortalPolicy second(home_, policy_->keys());
  run_until(io_, [&] { return (seen = second.take()).has_value(); });
  EXPECT_EQ(seen->id(), id) << "the same request, so that the service knows it";
  EXPECT_TRUE(seen->again());
  Envelope answer = answer_of(*policy_, "done");
  answer.set_cause(id);
  second.answer(answer);
  run_until(io_, [&] { return asked.got.has_value(); });
  ASSERT_TRUE((*asked.got).ok());
  EXPECT_EQ((*asked.got)->service_status().message(), "done");
  EXPECT_EQ(connections, 2);
  run_ready(io_);
  EXPECT_FALSE(second.take()) << "and once only";
}

// The answer came while we stood still, and our time would have run out meanwhile.
TEST_F(BusTest, WhileWeStandStillOurTimeDoesNot) {
  Client client(*supervisor_, kPolicy);
  MortalPolicy policy(home_, policy_->keys());
  Asked asked;
  run_until(io_, [&] { return client.connected(); });
  asked.ask(io_, client, question(*supervisor_, "q"), milliseconds(2000), std::chrono::hours(1));
  std::optional<Envelope> seen;
  run_until(io_, [&] { return (seen = policy.take()).has_value(); });
  zane::testing::stand_still(milliseconds(3000));
  run_ready(io_);
  Envelope answer = answer_of(*policy_, "done");
  answer.set_cause(seen->id());
  policy.answer(answer);
  run_until(io_, [&] { return asked.got.has_value(); });
  EXPECT_TRUE((*asked.got).ok()) << asked.got->status();
}

// What counts is how long the service is away, not how long it took its time before.
TEST_F(BusTest, ARequestThatWaitedLongIsHandedOverAgainAsWell) {
  constexpr milliseconds kAbsence{1500};
  Client client(*supervisor_, kPolicy);
  auto first = std::make_unique<MortalPolicy>(home_, policy_->keys());
  Asked asked;
  asked.ask(io_, client, question(*supervisor_, "q"), std::chrono::hours(1), kAbsence);
  run_until(io_, [&] { return first->take().has_value(); });
  const auto waited = std::chrono::steady_clock::now() + kAbsence;
  run_until(io_, [&] { return std::chrono::steady_clock::now() > waited; });
  first.reset();
  run_until(io_, [&] { return !client.connected(); });
  run_ready(io_);
  EXPECT_FALSE(asked.got) << "it is away only now";
  MortalPolicy second(home_, policy_->keys());
  run_until(io_, [&] { return second.take().has_value(); });
}

TEST_F(BusTest, ARequestWhoseServiceStaysAwayIsToldApartFromOneThatNeverArrived) {
  Client client(*supervisor_, kPolicy);
  auto policy = std::make_unique<MortalPolicy>(home_, policy_->keys());
  Asked asked;
  asked.ask(io_, client, question(*supervisor_, "q"), std::chrono::hours(1), milliseconds(50));
  run_until(io_, [&] { return policy->take().has_value(); });
  policy.reset();
  run_until(io_, [&] { return asked.got.has_value(); });
  EXPECT_EQ(asked.got->status().code(), absl::StatusCode::kAborted) << "it may have been carried out";
  Asked again;
  again.ask(io_, client, question(*supervisor_, "q"), std::chrono::hours(1), milliseconds(50));
  run_until(io_, [&] { return again.got.has_value(); });
  EXPECT_EQ(again.got->status().code(), absl::StatusCode::kUnavailable) << "nothing has happened";
}

TEST_F(BusTest, ARequestThatCanNotBeReadIsAnsweredAllTheSame) {
  Envelope bad = question(*relay_sender(), "q");
  // A text field that is not UTF-8: proto3 refuses the whole message.
  std::string bytes = bad.SerializeAsString();
  const size_t at = bytes.find("q");
  ASSERT_NE(at, std::string::npos);
  const std::string id = bad.id();
  echo();
  zmq::socket_t raw(relay_sender()->context(), zmq::socket_type::dealer);
  raw.set(zmq::sockopt::linger, 0);
  secure_client(raw, relay_sender()->keys(), "policy");
  raw.connect(home_.bus_address("policy"));
  // The last field's text, and nothing of the id before it.
  bytes[bytes.rfind('q')] = '\xff';
  raw.send(zmq::buffer(bytes), zmq::send_flags::none);
  zmq::message_t part;
  run_until(io_, [&] { return raw.recv(part, zmq::recv_flags::dontwait).has_value(); });
  Envelope answer;
  ASSERT_TRUE(answer.ParseFromArray(part.data(), static_cast<int>(part.size())));
  EXPECT_EQ(answer.cause(), id);
  EXPECT_EQ(answer.failure().reason(), "bad-message");
  EXPECT_TRUE(seen_.empty());
}

TEST_F(BusTest, ServiceThatDoesNotAnswerIsNamedAndALateAnswerIsNotMixedUp) {
  std::vector<std::pair<Peer, Envelope>> held;
  Inbox inbox(*policy_,
              [&](const Peer& peer, Envelope request) { held.emplace_back(peer, std::move(request)); });
  std::vector<std::string> unasked;
  Client client(*supervisor_, kPolicy, [&](Envelope e) { unasked.push_back(e.service_status().message()); });
  const auto silent = run(io_, client.ask(question(*supervisor_, "first"), milliseconds(200)));
  EXPECT_EQ(silent.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(silent.status().message(), HasSubstr("policy"));
  std::optional<std::string> got;
  loop::spawn(io_, "asker", [](Client& c, Node& n, auto& out) -> loop::Task<> {
    const auto answer = co_await c.ask(question(n, "second"), std::chrono::seconds(30));
    out = answer.ok() ? answer->service_status().message() : answer.status().ToString();
  }(client, *supervisor_, got));
  run_until(io_, [&] { return held.size() == 2; });
  inbox.reply(held[0].first, held[0].second, answer_of(*policy_, "late"));
  inbox.reply(held[1].first, held[1].second, answer_of(*policy_, "right"));
  run_until(io_, [&] { return got.has_value(); });
  EXPECT_EQ(*got, "right");
  EXPECT_THAT(unasked, ElementsAre("late"));
}

TEST_F(BusTest, AFailureIsAnErrorWithItsReason) {
  Inbox inbox(*policy_, [&](const Peer& peer, Envelope request) {
    inbox.fail(peer, request, "role", "ask the owner");
  });
  Client client(*supervisor_, kPolicy);
  const auto answer = run(io_, client.ask(question(*supervisor_, "q")));
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(answer.status().message(), "role: ask the owner");
}

// A command's `received` comes before its answer; a second answer is none.
TEST_F(BusTest, AnswersWithMoreToComeAndRepeatsGoToUnasked) {
  const auto told = [&](const std::string& state, bool more) {
    Envelope e = policy_->envelope();
    e.mutable_command_answer()->set_state(state);
    e.mutable_command_answer()->set_more(more);
    return e;
  };
  Inbox inbox(*policy_, [&](const Peer& peer, Envelope request) {
    inbox.reply(peer, request, told("received", true));
    inbox.reply(peer, request, told("done", false));
    inbox.reply(peer, request, told("again", false));
  });
  std::vector<std::pair<std::string, std::string>> unasked;
  Client client(*supervisor_, kPolicy,
                [&](Envelope e) { unasked.emplace_back(e.cause(), e.command_answer().state()); });
  Envelope request = question(*supervisor_, "q");
  const std::string id = request.id();
  const auto answer = run(io_, client.ask(std::move(request)));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->command_answer().state(), "done");
  run_until(io_, [&] { return unasked.size() == 2; });
  EXPECT_THAT(unasked, ElementsAre(std::pair(id, "received"), std::pair(id, "again")));
}

TEST_F(BusTest, TooManyQuestionsAtOnceAreRefusedNotQueued) {
  Inbox silent(*policy_, [](const Peer&, Envelope) {});
  Client client(*supervisor_, kPolicy);
  size_t over = 0;
  for (size_t i = 0; i < kRequestsPendingMax; ++i)
    loop::spawn(io_, "asker", [](Client& c, Node& n, size_t& count) -> loop::Task<> {
      const auto answer = co_await c.ask(question(n, "q"), milliseconds(500));
      EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded) << answer.status();
      ++count;
    }(client, *supervisor_, over));
  const auto answer = run(io_, client.ask(question(*supervisor_, "one more"), std::chrono::seconds(30)));
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(answer.status().message(), HasSubstr("policy"));
  run_until(io_, [&] { return over == kRequestsPendingMax; });
}

TEST_F(BusTest, TellReachesTheNewestConnectionOfAService) {
  echo();
  EXPECT_FALSE(inbox_->tell(kRelay, answer_of(*policy_, "nobody")));
  const auto relay = node(kRelay);
  std::vector<std::string> told;
  Client before(*relay, kPolicy,
                [&](Envelope e) { told.push_back("before: " + e.service_status().message()); });
  EXPECT_EQ(ask(before, *relay, "here"), "here");
  EXPECT_TRUE(inbox_->tell(kRelay, answer_of(*policy_, "1")));
  run_until(io_, [&] { return told.size() == 1; });
  Client after(*relay, kPolicy,
               [&](Envelope e) { told.push_back("after: " + e.service_status().message()); });
  EXPECT_EQ(ask(after, *relay, "here"), "here");
  EXPECT_TRUE(inbox_->tell(kRelay, answer_of(*policy_, "2")));
  EXPECT_FALSE(inbox_->tell(kWebhook, answer_of(*policy_, "nobody")));
  run_until(io_, [&] { return told.size() == 2; });
  EXPECT_THAT(told, ElementsAre("before: 1", "after: 2"));
}

// ---- what is not an envelope ------------------------------------------------------

TEST_F(BusTest, GarbageIsDroppedAndTheInboxGoesOn) {
  echo();
  const std::string good = question(*supervisor_, "good").SerializeAsString();
  Stranger known;  // a service gone mad: the right key, the wrong bytes
  secure_client(known.socket, supervisor_->keys(), "policy");
  known.socket.connect(home_.bus_address("policy"));
  for (size_t size = 0; size < good.size(); ++size)
    known.socket.send(zmq::buffer(good.substr(0, size)), zmq::send_flags::none);
  for (const std::string bytes : {"", "\xff\xff\xff", "{}", "\x0a\xff\xff\xff\xff\x0f"})
    known.socket.send(zmq::buffer(bytes), zmq::send_flags::none);
  known.socket.send(zmq::buffer(good), zmq::send_flags::sndmore);
  known.socket.send(zmq::buffer(good), zmq::send_flags::none);
  known.socket.send(zmq::buffer(Envelope().SerializeAsString() + "\x0a\x01x"), zmq::send_flags::none);
  known.socket.send(zmq::buffer(good), zmq::send_flags::none);
  run_until(io_, [&] { return !seen_.empty(); });
  EXPECT_THAT(seen_, ElementsAre(std::pair("supervisor", "good")));
}

TEST_F(BusTest, AnAnswerThatIsGarbageIsDroppedAndTheClientGoesOn) {
  Inbox inbox(*policy_, [&](const Peer& peer, Envelope request) {
    inbox.raw().send(zmq::buffer(peer.route), zmq::send_flags::sndmore);
    inbox.raw().send(zmq::buffer("\xff\xff\xff", 3), zmq::send_flags::none);
    inbox.reply(peer, request, answer_of(*policy_, "right"));
  });
  Client client(*supervisor_, kPolicy);
  EXPECT_EQ(ask(client, *supervisor_, "q"), "right");
}

TEST_F(BusTest, AMessageBeyondItsBoundEndsItsSendersConnectionAndNoOther) {
  echo();
  Client good(*supervisor_, kPolicy);
  EXPECT_EQ(ask(good, *supervisor_, "before"), "before");
  Stranger mad;
  secure_client(mad.socket, *load_keys(home_, kWebhook), "policy");
  Envelope big = question(*supervisor_, std::string(static_cast<size_t>(kEnvelopeBytesMax), 'x'));
  mad.say(home_.bus_address("policy"), big.SerializeAsString());
  mad.socket.send(zmq::buffer(question(*supervisor_, "after").SerializeAsString()),
                  zmq::send_flags::dontwait);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(good, *supervisor_, "good"), "good");
  for (const auto& [service, text] : seen_) EXPECT_LT(text.size(), 10u) << service;
}

TEST_F(BusTest, AMessageJustBelowItsBoundPasses) {
  echo();
  Client client(*supervisor_, kPolicy);
  const std::string text(static_cast<size_t>(kEnvelopeBytesMax) - 300, 'x');
  EXPECT_EQ(ask(client, *supervisor_, text), text);
}

TEST_F(BusTest, AnAnswerOrQuestionBeyondTheBoundIsSaidToBeTooLong) {
  const std::string long_text(static_cast<size_t>(kEnvelopeBytesMax), 'x');
  inbox_ = std::make_unique<Inbox>(*policy_, [&](const Peer& peer, Envelope request) {
    const bool wants_long = request.client_ended().client() == "long";
    inbox_->reply(peer, request, answer_of(*policy_, wants_long ? long_text : "short"));
  });
  Client client(*supervisor_, kPolicy);
  EXPECT_EQ(ask(client, *supervisor_, "short"), "short");
  EXPECT_THAT(ask(client, *supervisor_, "long"), HasSubstr("too-large"));
  EXPECT_THAT(ask(client, *supervisor_, long_text), HasSubstr("too-large"));
  EXPECT_FALSE(client.tell(question(*supervisor_, long_text)));
  EXPECT_FALSE(inbox_->tell(kSupervisor, answer_of(*policy_, long_text)));
  EXPECT_EQ(ask(client, *supervisor_, "short"), "short") << "the connection is the same";
}

}  // namespace
}  // namespace zane::bus
