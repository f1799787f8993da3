// A ZeroMQ socket inside an Asio loop. One owner, one thread, one reader.
// ZMQ_FD is edge-triggered and any call on the socket may eat the edge meant
// for the other direction: so every send is followed by a look at ZMQ_EVENTS.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "boost/asio/posix/stream_descriptor.hpp"
#include "lib/bus/keys.h"
#include "lib/loop/loop.h"
#include "zmq.hpp"

namespace zane::bus {

// The longest Envelope on the bus: a webhook's 1 MiB body and room to spare.
inline constexpr int64_t kEnvelopeBytesMax = 2 * 1024 * 1024;
// A busy reader lets the timers run after this many messages.
inline constexpr int kMessagesPerTurn = 64;

using Parts = std::vector<zmq::message_t>;

class Socket {
 public:
  Socket(loop::Io& io, zmq::context_t& context, zmq::socket_type type);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // For options, bind and connect, before the first receive.
  zmq::socket_t& raw() { return socket_; }

  // The next whole message. The socket must outlive the loop's last turn: a
  // reader that waits is not woken by its end.
  loop::Task<Parts> receive();

  // False when it can't be queued now: at the bound, or nobody is connected.
  bool send(Parts parts);

 private:
  void arm();
  void wake_if_readable();
  bool take(Parts& parts);

  loop::Io& io_;
  zmq::socket_t socket_;
  boost::asio::posix::stream_descriptor descriptor_;
  loop::Signal readable_;
  int taken_this_turn_ = 0;
  bool look_is_due_ = false;
  // Outlives `this` in posted callbacks, which look before they touch.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// This end proves itself with `keys.own` and serves those ZapHandler allows.
void secure_server(zmq::socket_t& socket, const Keys& keys);
// This end proves itself and insists on `peer`'s key.
void secure_client(zmq::socket_t& socket, const Keys& keys, const std::string& peer);

// Answers libzmq's question "who is this key?" (RFC 27/ZAP) for one context.
// Must outlive every server socket of the context, and exist before the first.
class ZapHandler {
 public:
  ZapHandler(loop::Io& io, zmq::context_t& context, const Keys& keys);

 private:
  loop::Task<> serve();
  Parts answer(const Parts& question) const;

  const std::map<std::string, std::string> service_of_;
  Socket socket_;
};

// libzmq's own word on a socket's connections. Must end before `watched` does:
// an event that finds no reader is an event whose bytes libzmq never frees.
class Monitor {
 public:
  // `events`: ZMQ_EVENT_*. Throws when libzmq refuses.
  Monitor(loop::Io& io, zmq::context_t& context, zmq::socket_t& watched, int events);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // The next event; 0 for a message that tells none.
  loop::Task<int> next();

 private:
  zmq::socket_t& watched_;
  Socket reader_;
};

// Counts the handshakes that failed on a server socket: peers with a wrong key
// or none. Reports at most once per period, with the count since the last.
class RefusalMonitor {
 public:
  using Report = std::function<void(int64_t count)>;
  RefusalMonitor(loop::Io& io, zmq::context_t& context, zmq::socket_t& watched,
                 std::chrono::milliseconds period, Report report);

 private:
  loop::Task<> watch();
  loop::Task<> report_periodically();

  loop::Io& io_;
  Monitor monitor_;
  std::chrono::milliseconds period_;
  Report report_;
  loop::Signal refused_;
  int64_t count_ = 0;
};

}  // namespace zane::bus
