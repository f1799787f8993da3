// The local end of a measured journey: reads what arrives, and prints the delays
// as one line of JSON when the flood's turn is over.
//
//   local_subscriber bus         supervisor's events, with the webhook's key
//   local_subscriber plain PATH  what bare_relay forwards to this Unix socket
//
// `bus` prints `ready` when the first message has come: it is subscribed then.
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "bench/latency.h"
#include "boost/asio/local/stream_protocol.hpp"
#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/bus/events.h"

namespace {

using namespace zane;

int from_bus() {
  auto home = base::Home::open();
  if (!home.ok()) return 73;
  auto keys = bus::load_keys(*home, bus::kWebhook);
  if (!keys.ok()) return 77;
  loop::Io io(1);
  bus::Node node(io, *home, *std::move(keys));
  bench::Latency latency;
  bool said_ready = false;
  const bus::Subscriber subscriber(node, [&](const bus::Envelope& message) {
    const int64_t now = base::steady_ns();
    if (!std::exchange(said_ready, true)) std::cout << "ready" << std::endl;
    if (message.has_event() && latency.take(message.event().raw(), now) == bench::Latency::Seen::kEnd)
      io.stop();
  });
  io.run();
  std::cout << latency.json() << std::endl;
  return 0;
}

int from_bare_relay(const std::string& path) {
  loop::Io io(1);
  boost::asio::local::stream_protocol::socket socket(io);
  socket.connect(boost::asio::local::stream_protocol::endpoint(path));
  bench::Latency latency;
  std::string waiting;
  char block[256 * 1024];
  for (;;) {
    const size_t got = socket.read_some(boost::asio::buffer(block));
    const int64_t now = base::steady_ns();
    waiting.append(block, got);
    size_t at = 0;
    for (uint32_t length = 0; waiting.size() - at >= sizeof length; at += sizeof length + length) {
      std::memcpy(&length, waiting.data() + at, sizeof length);
      if (waiting.size() - at - sizeof length < length) break;
      const std::string_view raw(waiting.data() + at + sizeof length, length);
      if (latency.take(raw, now) != bench::Latency::Seen::kEnd) continue;
      std::cout << latency.json() << std::endl;
      return 0;
    }
    waiting.erase(0, at);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "bus" && argc == 2) return from_bus();
  if (what == "plain" && argc == 3) return from_bare_relay(argv[2]);
  std::cerr << "usage: local_subscriber bus | plain PATH\n";
  return 64;
}
