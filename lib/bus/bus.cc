#include "lib/bus/bus.h"

#include <utility>

#include "boost/asio/steady_timer.hpp"
#include "google/protobuf/util/time_util.h"
#include "lib/crypto/hash.h"
#include "lib/log/log.h"

namespace zane::bus {
namespace {

// While the asked service is not there, look again this often; its return is told at once.
constexpr std::chrono::milliseconds kConnectPoll{100};
// The end of a process ends its connections at once; this finds those that hang, and
// each beat wakes a laptop.
constexpr int kHeartbeatMs = 5000;
constexpr int kHeartbeatTimeoutMs = 15000;
constexpr int kReconnectMs = 20;
constexpr int kReconnectMaxMs = 500;

bool fits(const Envelope& message) {
  return message.ByteSizeLong() <= static_cast<size_t>(kEnvelopeBytesMax);
}

zmq::message_t encode(const Envelope& message) {
  zmq::message_t part(message.ByteSizeLong());
  message.SerializeToArray(part.data(), static_cast<int>(part.size()));
  return part;
}

bool decode(const zmq::message_t& part, Envelope& message) {
  return message.ParseFromArray(part.data(), static_cast<int>(part.size())) &&
         message.body_case() != Envelope::BODY_NOT_SET;
}

void bound(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, kQueueMessagesMax);
  socket.set(zmq::sockopt::rcvhwm, kQueueMessagesMax);
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
  socket.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  socket.set(zmq::sockopt::reconnect_ivl_max, kReconnectMaxMs);
}

}  // namespace

Node::Node(loop::Io& io, base::Home home, Keys keys)
    : io_(io), home_(std::move(home)), keys_(std::move(keys)), zap_(io, context_, keys_) {}

Envelope Node::envelope(std::string_view trace, std::string_view cause) const {
  Envelope message;
  message.set_id(crypto::fresh_id());
  message.set_trace(trace.empty() ? message.id() : std::string(trace));
  message.set_cause(std::string(cause));
  message.set_sender(keys_.self);
  *message.mutable_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  return message;
}

Inbox::Inbox(Node& node, Handler handler)
    : node_(node),
      handler_(std::move(handler)),
      socket_(node.io(), node.context(), zmq::socket_type::router) {
  bound(socket_.raw());
  secure_server(socket_.raw(), node.keys());
  socket_.raw().set(zmq::sockopt::router_mandatory, true);
  socket_.raw().bind(node.home().bus_address(node.keys().self));
  loop::spawn(node.io(), "inbox", serve());
}

loop::Task<> Inbox::serve() {
  for (;;) {
    Parts parts = co_await socket_.receive();
    Envelope request;
    if (parts.size() != 2) {
      log::warn("bus_message_refused", {{"why", "not an envelope"}, {"count", ++bad_messages_}});
      continue;
    }
    const char* service = parts[1].gets("User-Id");
    const Peer peer{service ? service : "", parts[0].to_string()};
    if (!decode(parts[1], request)) {
      log::warn("bus_message_refused",
                {{"peer", peer.service}, {"why", "not an envelope"}, {"count", ++bad_messages_}});
      // Whoever asked is not to wait in vain, if its request's id can be read.
      if (!request.id().empty()) fail(peer, request, "bad-message", "this can't be read as an envelope");
      continue;
    }
    remember(peer);
    handler_(peer, std::move(request));
  }
}

void Inbox::reply(const Peer& peer, const Envelope& request, Envelope answer) {
  answer.set_cause(request.id());
  answer.set_trace(request.trace());
  // Sent all the same, it would cost the connection and every answer on it.
  if (!fits(answer)) {
    log::warn("bus_answer_too_large",
              {{"peer", peer.service}, {"bytes", answer.ByteSizeLong()}, {"trace", request.trace()}});
    return fail(peer, request, "too-large", "the answer is longer than 2 MiB: ask for less at a time");
  }
  Parts parts;
  parts.emplace_back(peer.route);
  parts.push_back(encode(answer));
  if (!socket_.send(std::move(parts)))
    log::warn("bus_answer_dropped", {{"peer", peer.service}, {"trace", request.trace()}});
}

void Inbox::fail(const Peer& peer, const Envelope& request, std::string_view reason,
                 std::string_view message) {
  Envelope answer = node_.envelope();
  answer.mutable_failure()->set_reason(std::string(reason));
  answer.mutable_failure()->set_message(std::string(message));
  reply(peer, request, std::move(answer));
}

void Inbox::remember(const Peer& peer) {
  auto& routes = routes_[peer.service];
  if (!routes.empty() && routes.front() == peer.route) return;
  std::erase(routes, peer.route);
  routes.push_front(peer.route);
  if (routes.size() > kRoutesMax) routes.pop_back();
}

bool Inbox::tell(std::string_view service, Envelope message) {
  if (!fits(message)) return false;
  auto& routes = routes_[std::string(service)];
  while (!routes.empty()) {
    Parts parts;
    parts.emplace_back(routes.front());
    parts.push_back(encode(message));
    if (socket_.send(std::move(parts))) return true;
    routes.pop_front();
  }
  return false;
}

Client::Client(Node& node, std::string_view service, Unasked unasked)
    : node_(node),
      service_(service),
      unasked_(std::move(unasked)),
      socket_(node.io(), node.context(), zmq::socket_type::dealer),
      monitor_(node.io(), node.context(), socket_.raw(),
               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) {
  bound(socket_.raw());
  secure_client(socket_.raw(), node.keys(), service_);
  // Nothing is queued for a service that is not there: the asker hears at once.
  socket_.raw().set(zmq::sockopt::immediate, true);
  socket_.raw().connect(node.home().bus_address(service_));
  loop::spawn(node.io(), "client_" + service_, read());
  loop::spawn(node.io(), "watch_" + service_, watch());
}

loop::Task<> Client::read() {
  for (;;) {
    Parts parts = co_await socket_.receive();
    Envelope message;
    if (parts.size() != 1 || !decode(parts[0], message)) {
      log::warn("bus_message_refused", {{"peer", service_}, {"why", "not an envelope"}});
      continue;
    }
    const auto asked = pending_.find(message.cause());
    const bool first_answer = asked != pending_.end() && !asked->second->answer &&
                              !(message.has_command_answer() && message.command_answer().more());
    if (first_answer) {
      asked->second->answer = std::make_unique<Envelope>(std::move(message));
      asked->second->news.raise();
    } else if (unasked_) {
      unasked_(std::move(message));
    }
  }
}

loop::Task<> Client::watch() {
  for (;;) {
    const int what = co_await monitor_.next();
    if (what != 0) connection_changed(what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  }
}

void Client::connection_changed(bool connected) {
  connected_ = connected;
  for (auto& [id, pending] : pending_) {
    if (!connected) pending->handed_over = false;
    pending->news.raise();
  }
  if (connected && on_connected_) on_connected_();
}

bool Client::send(const Envelope& message) {
  Parts parts;
  parts.push_back(encode(message));
  return socket_.send(std::move(parts));
}

bool Client::tell(Envelope message) { return fits(message) && send(message); }

loop::Task<absl::StatusOr<Envelope>> Client::ask(Envelope request, std::chrono::milliseconds deadline,
                                                 std::chrono::milliseconds absence) {
  if (pending_.size() >= kRequestsPendingMax)
    co_return absl::ResourceExhaustedError("busy: too many requests wait for " + service_ +
                                           ": try again in a moment");
  if (!fits(request))
    co_return absl::ResourceExhaustedError("too-large: the request to " + service_ + " is longer than 2 MiB");
  const auto pending = std::make_shared<Pending>(node_.io());
  pending_.emplace(request.id(), pending);
  std::chrono::nanoseconds left = deadline;
  std::chrono::nanoseconds left_away = absence;
  while (!pending->answer) {
    // Only between the monitor's two words: libzmq tells of an end before it lets go
    // of the pipe, and what is sent into that is lost without another word.
    if (!pending->handed_over && connected_) {
      request.set_again(pending->ever_handed_over || request.again());
      pending->handed_over = send(request);
      pending->ever_handed_over |= pending->handed_over;
    }
    const bool there = pending->handed_over;
    if (left.count() <= 0 || (!there && left_away.count() <= 0)) break;
    auto step = loop::step_of(deadline, left);
    // The monitor's word may come before libzmq takes the first message: look again soon.
    if (!there) step = std::min({step, left_away, std::chrono::nanoseconds(kConnectPoll)});
    const auto waited = co_await pending->news.wait_step(step);
    left -= waited;
    // It is away from now on.
    left_away = there ? absence : left_away - waited;
  }
  pending_.erase(request.id());
  if (pending->answer) {
    if (pending->answer->has_failure())
      co_return absl::FailedPreconditionError(pending->answer->failure().reason() + ": " +
                                              pending->answer->failure().message());
    co_return std::move(*pending->answer);
  }
  if (!pending->ever_handed_over)
    co_return absl::UnavailableError(service_ + " is not running: see `zane status`");
  if (!pending->handed_over)
    co_return absl::AbortedError(service_ + " ended before it answered, and is not back: see `zane status`");
  co_return absl::DeadlineExceededError(service_ + " did not answer in time: see `zane status`");
}

}  // namespace zane::bus
