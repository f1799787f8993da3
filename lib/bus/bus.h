// The bus as services see it: an Inbox that serves, Clients that ask. Events have a
// line of their own beside it (events.h). Design §3. All on the service's one loop.
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
// Messages queued for a peer by libzmq; beyond it an inbox drops the answer (the
// asker times out).
inline constexpr int kQueueMessagesMax = 20000;
inline constexpr std::chrono::seconds kRequestDeadline{10};
// A service that is restarted is back within a second; one that has not come
// back after this is down.
inline constexpr std::chrono::seconds kAbsenceMax{10};
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

// The DEALER that asks one other service. It sees its connections begin and end:
// a request whose connection ended is handed over again, with the same id, as
// soon as the service is back. So every handler must know a request that it has
// seen (by its command's id, or because it only reads).
class Client {
 public:
  // Messages that answer no request (tell) and repeated answers come here.
  using Unasked = std::function<void(Envelope)>;
  Client(Node& node, std::string_view service, Unasked unasked = nullptr);

  // Called at each connection: the service is there, or there again.
  void on_connected(std::function<void()> told) { on_connected_ = std::move(told); }

  // The answer; or
  //   Unavailable         it could never be handed over: nothing has happened;
  //   Aborted             handed over, then the service ended and is not back;
  //   DeadlineExceeded    handed over, the service lives, no answer came;
  //   ResourceExhausted   too long, or too many wait: nothing has happened;
  //   FailedPrecondition  the answer is a Failure ("reason: message").
  // Messages name the service. With nobody there it gives up after `absence`, at
  // `deadline` in any case, both counted by steps (lib/loop).
  loop::Task<absl::StatusOr<Envelope>> ask(Envelope request,
                                           std::chrono::milliseconds deadline = kRequestDeadline,
                                           std::chrono::milliseconds absence = kAbsenceMax);

  // Without an answer; false when nobody is there.
  bool tell(Envelope message);

  [[nodiscard]] bool connected() const { return connected_; }

 private:
  struct Pending {
    explicit Pending(loop::Io& io) : news(io) {}
    // An answer has come, or the connection has changed.
    loop::Signal news;
    std::unique_ptr<Envelope> answer;
    // It is with the service, as far as this connection is concerned.
    bool handed_over = false;
    bool ever_handed_over = false;
  };
  loop::Task<> read();
  loop::Task<> watch();
  void connection_changed(bool connected);
  bool send(const Envelope& message);

  Node& node_;
  std::string service_;
  Unasked unasked_;
  std::function<void()> on_connected_;
  Socket socket_;
  // libzmq's word on this socket's connections.
  Monitor monitor_;
  bool connected_ = false;
  std::unordered_map<std::string, std::shared_ptr<Pending>> pending_;
};

}  // namespace zane::bus
