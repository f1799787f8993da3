// Events on their way from supervisor to who follows them: envelopes over a Unix
// socket, $ZANE_HOME/run/events.sock, beside the bus. What is told ten thousand
// times a second is neither encrypted nor handed from thread to thread on one
// machine; who may hear it is proven once, with the keys of the bus:
//
//   publisher → subscriber   "ZANE-EVENTS-2", 32 random bytes P
//   subscriber → publisher   its public key, 32 random bytes S, its rest R in microseconds
//                            (uint32), HMAC(k, "subscriber" P S R)
//   publisher → subscriber   HMAC(k, "publisher" P S R)
//   … then messages: uint32 length (of the machine's own order), Envelope
//
// k = SHA-256("zane events" X25519(own secret key, the other's public key)), HMAC
// with SHA-256. On the service's one loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/bus/bus.h"

namespace zane::bus {

// What waits for one subscriber, at most; then events are left out for it (it sees
// the gap in Event.prev_seq) until it has read what waits.
inline constexpr size_t kSubscriberBytesMax = 16 * 1024 * 1024;
// Who has not proven itself yet, at most; more are hung up on.
inline constexpr int kStrangersMax = 8;

class Publisher {
 public:
  // Called for each subscriber that comes, or comes back: what was published
  // before is lost to it, what `on_subscribed` publishes it will hear.
  using OnSubscribed = std::function<void()>;
  // Hold the ServiceLock first: the socket's path is taken over. Throws
  // boost::system::system_error.
  explicit Publisher(Node& node, OnSubscribed on_subscribed = nullptr);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Adds a message to what flush() sends. Longer ones than an envelope's bound are not sent.
  // `haste`: whether it may wait for a subscriber's rest.
  enum class Haste { kMayRest, kNow };
  void add(const Envelope& message, Haste haste = Haste::kNow);
  // One write(2) per subscriber that keeps up. `must`: also to one who does not.
  void flush(bool must = false);

 private:
  class Line;
  std::shared_ptr<Line> line_;
};

// Follows, and begins anew when the connection ends. What is lost shows in
// Event.prev_seq.
class Subscriber {
 public:
  using Handler = std::function<void(Envelope)>;
  // `rest`, 100 ms at most: what may wait comes no more often than this; whoever batches
  // anyway gets a batch.
  Subscriber(Node& node, Handler handler, std::chrono::microseconds rest = {});
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

 private:
  class Line;
  std::shared_ptr<Line> line_;
};

}  // namespace zane::bus
