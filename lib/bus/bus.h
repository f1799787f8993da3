// The bus as services see it: an Inbox that serves, Clients that ask, one
// Publisher, Subscribers. Design §3. All on the service's one loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "lib/bus/socket.h"
#include "zane/v1/envelope.pb.h"

namespace zane::bus {

using v1::Envelope;

// Requests a client has under way, at most; more are refused as `busy`.
inline constexpr size_t kRequestsPendingMax = 1024;
// Messages queued for a peer or subscriber by libzmq; beyond, PUB drops (a
// subscriber sees the gap) and an inbox drops the answer (the asker times out).
inline constexpr int kQueueMessagesMax = 20000;
inline constexpr std::chrono::seconds kRequestDeadline{10};
// Connections of one service that an inbox remembers the way back to.
inline constexpr size_t kRoutesMax = 8;

// Everything a service needs to be on the bus: keys, context, ZAP. Owned by
// main; outlives the sockets below.
class Node {
 public:
  Node(loop::Io& io, base::Home home, Keys keys);

  loop::Io& io() { return io_; }
  zmq::context_t& context() { return context_; }
  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] const base::Home& home() const { return home_; }

  // A message of ours with id, time and sender filled in. An empty trace
  // begins a new story.
  [[nodiscard]] Envelope envelope(std::string_view trace = "", std::string_view cause = "") const;

 private:
  loop::Io& io_;
  base::Home home_;
  Keys keys_;
  zmq::context_t context_{1};
  ZapHandler zap_;
};

// Who sent a message, by key, and the way back to that very connection.
struct Peer {
  std::string service;
  std::string route;
};

// The ROUTER at $ZANE_HOME/run/<service>.ipc. Hold the ServiceLock first: a
// second bind on the same path would steal the first one's peers.
class Inbox {
 public:
  using Handler = std::function<void(const Peer& peer, Envelope request)>;
  // A truncated or over-long protobuf is dropped, counted and logged.
  Inbox(Node& node, Handler handler);

  // Answers `request`: trace and cause are filled in.
  void reply(const Peer& peer, const Envelope& request, Envelope answer);
  void fail(const Peer& peer, const Envelope& request, std::string_view reason, std::string_view message);

  // To the newest living connection of a service; false when there is none.
  bool tell(std::string_view service, Envelope message);

  zmq::socket_t& raw() { return socket_.raw(); }

 private:
  loop::Task<> serve();
  void remember(const Peer& peer);

  Node& node_;
  Handler handler_;
  Socket socket_;
  // Newest first; a few, as an old one may outlive a new one that was short.
  std::unordered_map<std::string, std::deque<std::string>> routes_;
  int64_t bad_messages_ = 0;
};

// The DEALER that asks one other service.
class Client {
 public:
  // Messages that answer no request (tell) and repeated answers come here.
  using Unasked = std::function<void(Envelope)>;
  Client(Node& node, std::string_view service, Unasked unasked = nullptr);

  // The answer; or Unavailable when none came in time (the message names the
  // service), FailedPrecondition when the answer is a Failure (code in a
  // payload-free form: "reason: message").
  loop::Task<absl::StatusOr<Envelope>> ask(Envelope request,
                                           std::chrono::milliseconds deadline = kRequestDeadline);

  // Without an answer; false when nobody is there.
  bool tell(Envelope message);

 private:
  struct Pending {
    explicit Pending(loop::Io& io) : done(io) {}
    loop::Signal done;
    std::unique_ptr<Envelope> answer;
  };
  loop::Task<> read();
  bool send(const Envelope& message);

  Node& node_;
  std::string service_;
  Unasked unasked_;
  Socket socket_;
  std::unordered_map<std::string, std::shared_ptr<Pending>> pending_;
};

// supervisor's XPUB at $ZANE_HOME/run/events.ipc.
class Publisher {
 public:
  // Called for each subscriber that comes, or comes back: what was published
  // before is lost to it, what `on_subscribed` publishes it will hear.
  using OnSubscribed = std::function<void()>;
  explicit Publisher(Node& node, OnSubscribed on_subscribed = nullptr);
  void publish(const Envelope& message);

 private:
  loop::Task<> read();

  OnSubscribed on_subscribed_;
  Socket socket_;
};

// A SUB on supervisor's events. What is lost shows in Event.prev_seq.
class Subscriber {
 public:
  using Handler = std::function<void(Envelope)>;
  Subscriber(Node& node, Handler handler);

 private:
  loop::Task<> read();
  Handler handler_;
  Socket socket_;
};

}  // namespace zane::bus
