// The event line with real sockets in a private folder: who may follow, and that a
// chain is a chain for everybody who does.
#include "lib/bus/events.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/read.hpp"
#include "boost/asio/write.hpp"
#include "gmock/gmock.h"
#include "lib/crypto/hash.h"
#include "lib/testing/run.h"
#include "lib/testing/seed.h"
#include "lib/testing/temp_folder.h"

namespace zane::bus {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using zane::testing::run;
using zane::testing::run_until;
using zane::testing::Seed;

class EventsTest : public ::testing::Test {
 protected:
  EventsTest() : home_(*base::Home::open(temp_.path().string())) {
    EXPECT_TRUE(ensure_keys(home_).ok());
    supervisor_ = node(kSupervisor);
  }
  std::unique_ptr<Node> node(std::string_view service) {
    return std::make_unique<Node>(io_, home_, *load_keys(home_, service));
  }

  zane::testing::TempFolder temp_;
  base::Home home_;
  loop::Io io_{1};
  std::unique_ptr<Node> supervisor_;
};

TEST_F(EventsTest, PublishedEventsArriveAsAnUnbrokenChain) {
  Publisher publisher(*supervisor_);
  const auto relay = node(kRelay);
  std::vector<Envelope> heard;
  loop::Signal joined(io_);
  const Subscriber subscriber(*relay, [&](Envelope e) {
    heard.push_back(std::move(e));
    joined.raise();
  });
  const auto event = [&](int64_t seq) {
    Envelope e;
    e.set_id("e" + std::to_string(seq));
    e.mutable_event()->set_epoch("E");
    e.mutable_event()->set_seq(seq);
    e.mutable_event()->set_prev_seq(seq - 1);
    e.mutable_event()->set_raw("{\"n\":" + std::to_string(seq) + "}");
    return e;
  };
  // A subscription takes effect some time after it is made: what came before is lost.
  int64_t seq = 0;
  run(io_, [](auto& s, auto& p, auto& make, auto& all, auto& signal) -> loop::Task<bool> {
    while (all.empty()) {
      p.add(make(++s));
      p.flush();
      co_await signal.wait_for(milliseconds(5));
    }
    co_return true;
  }(seq, publisher, event, heard, joined));
  const int64_t last = seq + 3000;
  while (seq < last) {
    publisher.add(event(++seq));
    if (seq % 7 == 0 || seq == last) publisher.flush();
  }
  run_until(io_, [&] { return heard.back().event().seq() == last; });
  for (size_t i = 0; i < heard.size(); ++i) {
    EXPECT_EQ(heard[i].event().raw(), "{\"n\":" + std::to_string(heard[i].event().seq()) + "}");
    if (i > 0) {
      ASSERT_EQ(heard[i].event().prev_seq(), heard[i - 1].event().seq());
    }
  }
  EXPECT_GE(heard.size(), 3000u);
}

TEST_F(EventsTest, EachSubscriberHearsWhatIsSaidForItsComing) {
  int64_t comings = 0;
  std::unique_ptr<Publisher> publisher;
  const auto say = [&] {
    Envelope e;
    e.mutable_codex_state()->set_head_seq(++comings);
    publisher->add(e);
    publisher->flush();
  };
  publisher = std::make_unique<Publisher>(*supervisor_, say);
  const auto relay = node(kRelay);
  const auto policy = node(kPolicy);
  std::vector<int64_t> first;
  std::vector<int64_t> second;
  const Subscriber one(*relay, [&](const Envelope& e) { first.push_back(e.codex_state().head_seq()); });
  run_until(io_, [&] { return !first.empty(); });
  // The same topic again: told all the same.
  const Subscriber two(*policy, [&](const Envelope& e) { second.push_back(e.codex_state().head_seq()); });
  run_until(io_, [&] { return !second.empty(); });
  EXPECT_THAT(first, Contains(1));
  EXPECT_THAT(second, Contains(2));
}

Envelope numbered(int64_t seq, const std::string& raw = "{}") {
  Envelope e;
  e.mutable_event()->set_seq(seq);
  e.mutable_event()->set_prev_seq(seq - 1);
  e.mutable_event()->set_raw(raw);
  return e;
}

// What may wait comes with what may not, or when the rest is over; nothing is lost or
// out of turn, whatever the mixture.
TEST_F(EventsTest, ASubscriberThatRestsHearsTheSameChain) {
  Publisher publisher(*supervisor_);
  const auto relay = node(kRelay);
  std::vector<Envelope> heard;
  loop::Signal joined(io_);
  const Subscriber subscriber(
      *relay,
      [&](Envelope e) {
        heard.push_back(std::move(e));
        joined.raise();
      },
      milliseconds(20));
  int64_t seq = 0;
  const auto say = [&](Publisher::Haste haste, size_t bytes = 2) {
    publisher.add(numbered(++seq, std::string(bytes, 'x')), haste);
    publisher.flush();
  };
  run(io_, [](auto& talk, auto& all, auto& signal) -> loop::Task<bool> {
    while (all.empty()) {
      talk(Publisher::Haste::kMayRest);
      co_await signal.wait_for(milliseconds(5));
    }
    co_return true;
  }(say, heard, joined));
  say(Publisher::Haste::kMayRest);
  run_until(io_, [&] { return heard.back().event().seq() == seq; });
  Seed seed;
  for (int n = 0; n < 400; ++n) {
    const auto bytes = static_cast<size_t>(seed.one_in(10) ? 100'000 : seed.between(0, 500));
    say(seed.one_in(3) ? Publisher::Haste::kNow : Publisher::Haste::kMayRest, bytes);
    if (seed.one_in(4)) run_until(io_, [&] { return heard.back().event().seq() == seq; });
  }
  run_until(io_, [&] { return heard.back().event().seq() == seq; });
  for (size_t i = 1; i < heard.size(); ++i)
    ASSERT_EQ(heard[i].event().prev_seq(), heard[i - 1].event().seq());
}

// A raw connection to the event line, and what one says on it.
struct Wiretap {
  explicit Wiretap(const base::Home& home) : fd(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = home.socket("events.sock").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;  // NOLINT
  }
  ~Wiretap() { ::close(fd); }
  void say(const std::string& bytes) const { (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // All that has come; `ended` when the other end hung up.
  std::string hear(bool& ended) const {
    std::string all;
    char block[4096];
    for (;;) {
      const ssize_t n = ::recv(fd, block, sizeof block, MSG_DONTWAIT);
      ended = n == 0 || (n < 0 && errno != EAGAIN);
      if (n <= 0) return all;
      all.append(block, static_cast<size_t>(n));
    }
  }
  int fd;
  bool connected = false;
};

// Who can't prove a key of this home hears nothing but the greeting.
TEST_F(EventsTest, AStrangerFollowsNoEvents) {
  Publisher publisher(*supervisor_);
  Seed seed;
  for (int kind = 0; kind < 4; ++kind) {
    SCOPED_TRACE(kind);
    const Wiretap tap(home_);
    ASSERT_TRUE(tap.connected);
    std::string heard;
    bool ended = false;
    run_until(io_, [&] { return (heard += tap.hear(ended)).size() == 45; });
    // A key of the home without its secret; a made-up key; a publisher's key; half a word.
    char key[32] = {};
    const std::string name = kind == 2 ? "supervisor" : "relay";
    zmq_z85_decode(reinterpret_cast<uint8_t*>(key),
                   supervisor_->keys().public_of.at(name).c_str());  // NOLINT
    std::string said(key, 32);
    if (kind == 1) said = crypto::random_bytes(32);
    said += crypto::random_bytes(68);
    if (kind == 3) said.resize(static_cast<size_t>(seed.between(0, 99)));
    tap.say(said);
    if (kind == 3) ::shutdown(tap.fd, SHUT_WR);
    run_until(io_, [&] {
      publisher.add(numbered(1, "a secret"));
      publisher.flush();
      heard += tap.hear(ended);
      return ended;
    });
    EXPECT_EQ(heard.size(), 45u);
  }
}

// A proof is for one connection: heard once, it opens no other.
TEST_F(EventsTest, AProofIsGoodForOneConnection) {
  Publisher publisher(*supervisor_);
  const auto relay = node(kRelay);
  const auto real = home_.socket("events.sock");
  const auto hidden = home_.socket("hidden.sock");
  std::filesystem::rename(real, hidden);
  boost::asio::local::stream_protocol::acceptor between(io_, real.string());
  int heard = 0;
  const Subscriber subscriber(*relay, [&](const Envelope&) { ++heard; });
  boost::asio::local::stream_protocol::socket from(io_);
  bool there = false;
  between.async_accept(from, [&](boost::system::error_code) { there = true; });
  run_until(io_, [&] { return there; });
  std::filesystem::remove(real);
  std::filesystem::rename(hidden, real);
  std::string proof;
  {
    const Wiretap first(home_);
    bool ended = false;
    std::string greeting;
    run_until(io_, [&] { return (greeting += first.hear(ended)).size() == 45; });
    boost::asio::write(from, boost::asio::buffer(greeting));
    proof.resize(100);
    bool read = false;
    boost::asio::async_read(from, boost::asio::buffer(proof),
                            [&](boost::system::error_code, size_t) { read = true; });
    run_until(io_, [&] { return read; });
  }
  const Wiretap second(home_);
  bool ended = false;
  std::string got;
  run_until(io_, [&] { return (got += second.hear(ended)).size() >= 45; });
  second.say(proof);
  run_until(io_, [&] {
    got += second.hear(ended);
    return ended;
  });
  EXPECT_EQ(got.size(), 45u);
  EXPECT_EQ(heard, 0);
}

// A subscriber that does not read costs a bounded memory and sees a gap; one that
// reads sees none.
TEST_F(EventsTest, ASlowSubscriberSeesAGapAndNobodyElse) {
  Publisher publisher(*supervisor_);
  const auto relay = node(kRelay);
  loop::Io other(1);
  Node slow(other, home_, *load_keys(home_, kPolicy));
  std::vector<int64_t> quick_heard, slow_heard;
  const Subscriber quick(*relay, [&](const Envelope& e) { quick_heard.push_back(e.event().seq()); });
  const Subscriber slow_one(slow, [&](const Envelope& e) { slow_heard.push_back(e.event().seq()); });
  int64_t seq = 0;
  const auto publish = [&](const std::string& raw) {
    publisher.add(numbered(++seq, raw));
    publisher.flush();
  };
  run_until(io_, [&] {
    publish("{}");
    other.poll();
    return !quick_heard.empty() && !slow_heard.empty();
  });
  const int64_t first = seq;
  const std::string long_text(100000, 'x');
  const int64_t last = first + 300;  // 30 MB
  run_until(io_, [&] {
    if (seq < last) publish(long_text);
    return quick_heard.back() == last;
  });
  for (size_t i = 1; i < quick_heard.size(); ++i) ASSERT_EQ(quick_heard[i], quick_heard[i - 1] + 1);
  run_until(io_, [&] {
    other.poll();
    publish("{}");
    return slow_heard.back() > last;
  });
  EXPECT_LT(std::ssize(slow_heard), seq);
  EXPECT_GT(std::ssize(slow_heard), 100);
  for (size_t i = 1; i < slow_heard.size(); ++i) ASSERT_GT(slow_heard[i], slow_heard[i - 1]);
}

TEST_F(EventsTest, ASubscriberFindsThePublisherAgain) {
  const auto relay = node(kRelay);
  std::vector<int64_t> heard;
  const Subscriber subscriber(*relay, [&](const Envelope& e) { heard.push_back(e.event().seq()); });
  for (int64_t life = 1; life <= 3; ++life) {
    Publisher publisher(*supervisor_);
    run_until(io_, [&] {
      publisher.add(numbered(life));
      publisher.flush();
      return !heard.empty() && heard.back() == life;
    });
  }
}

// One that went away with much still waiting for it, and one that comes while others
// rest: who stays hears the whole chain.
TEST_F(EventsTest, OnesThatComeAndGoCostTheOthersNothing) {
  Publisher publisher(*supervisor_);
  const auto relay = node(kRelay);
  Seed seed;
  std::vector<int64_t> heard;
  const Subscriber stays(
      *relay, [&](const Envelope& e) { heard.push_back(e.event().seq()); }, milliseconds(4));
  int64_t seq = 0;
  const auto publish = [&](const std::string& raw) {
    publisher.add(numbered(++seq, raw), seed.one_in(2) ? Publisher::Haste::kNow : Publisher::Haste::kMayRest);
    publisher.flush();
  };
  run_until(io_, [&] {
    publish("{}");
    return !heard.empty();
  });
  const std::string long_text(50'000, 'x');
  for (int life = 0; life < 8; ++life) {
    loop::Io other(1);
    Node guest_node(other, home_, *load_keys(home_, kPolicy));
    int guest_heard = 0;
    auto guest = std::make_unique<Subscriber>(
        guest_node, [&](const Envelope&) { ++guest_heard; }, milliseconds(seed.between(0, 8)));
    run_until(io_, [&] {
      publish("{}");
      other.poll();
      return guest_heard > 0;
    });
    // It does not read, and then it is gone in the middle of a write.
    const int count = static_cast<int>(seed.between(1, 40));
    for (int n = 0; n < count; ++n) publish(long_text);
    guest.reset();
    other.poll();
    for (int n = 0; n < count; ++n) publish(long_text);
    run_until(io_, [&] { return heard.back() == seq; });
  }
  for (size_t i = 1; i < heard.size(); ++i) ASSERT_EQ(heard[i], heard[i - 1] + 1);
}

}  // namespace
}  // namespace zane::bus
