// A ZeroMQ socket inside an Asio loop: the scripted orders of calls in which a
// wake-up is lost if nobody looks. Stress alone hardly ever finds them.
#include "lib/bus/socket.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "lib/testing/run.h"

namespace zane::bus {
namespace {

using std::chrono::milliseconds;
using zane::testing::run_ready;
using zane::testing::run_until;

// The scripted order of calls in which one is lost if nobody looks at
// ZMQ_EVENTS after a send: the reader waits for the descriptor; a message
// comes; then, before the loop turns, we send, and libzmq takes the news of the
// message off the descriptor while it is at it.
TEST(SocketTest, ASendDoesNotEatTheReadersWakeUp) {
  loop::Io io(1);
  zmq::context_t context(1);
  Socket ours(io, context, zmq::socket_type::dealer);
  ours.raw().bind("inproc://pair");
  zmq::socket_t theirs(context, zmq::socket_type::dealer);
  theirs.set(zmq::sockopt::linger, 0);
  theirs.connect("inproc://pair");
  std::vector<std::string> got;
  loop::spawn(io, "reader", [](Socket& s, auto& out) -> loop::Task<> {
    for (;;) out.push_back((co_await s.receive())[0].to_string());
  }(ours, got));
  theirs.send(zmq::str_buffer("first"), zmq::send_flags::none);
  run_until(io, [&] { return got.size() == 1; });
  for (int round = 0; round < 5; ++round) {
    run_ready(io);
    // libzmq looks at its commands in a send only when some 3,000,000 ticks have passed.
    const auto later = std::chrono::steady_clock::now() + milliseconds(5);
    while (std::chrono::steady_clock::now() < later) {
    }
    theirs.send(zmq::str_buffer("news"), zmq::send_flags::none);
    Parts parts;
    parts.emplace_back(std::string("ours"));
    ASSERT_TRUE(ours.send(std::move(parts)));
    const size_t before = got.size();
    run_until(io, [&] { return got.size() > before; });
  }
}

// The wait for the descriptor is not armed between its handler and the look
// that follows it. Whatever comes at whichever moment in between is seen.
TEST(SocketTest, AMessageAtAnyMomentOfTheLoopIsSeen) {
  for (int handlers = 0; handlers < 8; ++handlers) {
    SCOPED_TRACE(handlers);
    loop::Io io(1);
    zmq::context_t context(1);
    Socket ours(io, context, zmq::socket_type::dealer);
    ours.raw().bind("inproc://pair");
    zmq::socket_t theirs(context, zmq::socket_type::dealer);
    theirs.set(zmq::sockopt::linger, 0);
    theirs.connect("inproc://pair");
    size_t got = 0;
    loop::spawn(io, "reader", [](Socket& s, size_t& n) -> loop::Task<> {
      for (;;) n += (co_await s.receive()).size();
    }(ours, got));
    run_ready(io);
    theirs.send(zmq::str_buffer("first"), zmq::send_flags::none);
    for (int i = 0; i < handlers; ++i) {
      io.restart();
      io.poll_one();
    }
    theirs.send(zmq::str_buffer("second"), zmq::send_flags::none);
    run_until(io, [&] { return got == 2; });
  }
}

// The same for a send that fails.
TEST(SocketTest, AFailedSendDoesNotEatTheReadersWakeUp) {
  loop::Io io(1);
  zmq::context_t context(1);
  Socket ours(io, context, zmq::socket_type::router);
  ours.raw().set(zmq::sockopt::router_mandatory, true);
  ours.raw().bind("inproc://pair");
  zmq::socket_t theirs(context, zmq::socket_type::dealer);
  theirs.set(zmq::sockopt::linger, 0);
  theirs.connect("inproc://pair");
  std::vector<std::string> got;
  loop::spawn(io, "reader", [](Socket& s, auto& out) -> loop::Task<> {
    for (;;) out.push_back((co_await s.receive())[1].to_string());
  }(ours, got));
  theirs.send(zmq::str_buffer("first"), zmq::send_flags::none);
  run_until(io, [&] { return got.size() == 1; });
  run_ready(io);
  theirs.send(zmq::str_buffer("news"), zmq::send_flags::none);
  Parts parts;
  parts.emplace_back(std::string("nobody"));
  parts.emplace_back(std::string("ours"));
  EXPECT_FALSE(ours.send(std::move(parts)));
  run_until(io, [&] { return got.size() == 2; });
}

// A busy reader lets others run in between.
TEST(SocketTest, ABusyReaderDoesNotStarveTheLoop) {
  loop::Io io(1);
  zmq::context_t context(1);
  Socket ours(io, context, zmq::socket_type::dealer);
  ours.raw().bind("inproc://pair");
  zmq::socket_t theirs(context, zmq::socket_type::dealer);
  theirs.set(zmq::sockopt::linger, 0);
  theirs.connect("inproc://pair");
  for (int i = 0; i < 10 * kMessagesPerTurn; ++i) theirs.send(zmq::str_buffer("x"), zmq::send_flags::none);
  int got = 0;
  int longest_run = 0;
  int run_length = 0;
  loop::spawn(io, "reader", [](Socket& s, int& n, int& length, int& longest) -> loop::Task<> {
    for (;;) {
      co_await s.receive();
      ++n;
      longest = std::max(longest, ++length);
    }
  }(ours, got, run_length, longest_run));
  while (got < 10 * kMessagesPerTurn) {
    io.restart();
    run_length = 0;
    io.run_one_for(std::chrono::seconds(10));
  }
  EXPECT_LE(longest_run, kMessagesPerTurn + 1);
}

}  // namespace
}  // namespace zane::bus
