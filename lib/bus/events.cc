#include "lib/bus/events.h"

#include <sys/stat.h>

#include <array>
#include <cstring>
#include <list>
#include <utility>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/read.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "lib/crypto/hash.h"
#include "lib/crypto/x25519.h"
#include "lib/log/log.h"

namespace zane::bus {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::string_view kGreeting = "ZANE-EVENTS-2";
constexpr size_t kRandomBytes = 32;
constexpr size_t kKeyBytes = 32;
constexpr size_t kMacBytes = 32;
constexpr size_t kGreetingBytes = 13 + kRandomBytes;
constexpr size_t kRestBytes = 4;
constexpr size_t kProofBytes = kKeyBytes + kRandomBytes + kRestBytes + kMacBytes;
constexpr std::chrono::microseconds kRestMax{100'000};
// What waits for a subscriber's rest, at most: then it is woken.
constexpr size_t kRestingBytesMax = 64 * 1024;
constexpr std::chrono::seconds kHandshakeMax{5};
// With no descriptor left: as every listener of ours.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kReconnectMin{20};
constexpr std::chrono::milliseconds kReconnectMax{500};
constexpr size_t kReadBytes = 256 * 1024;
// Asked for of the system, at both ends: macOS gives 8 KiB by itself.
constexpr int kSocketBytes = 512 * 1024;

std::filesystem::path socket_of(const Node& node) { return node.home().socket("events.sock"); }

std::string binary(const std::string& z85) {
  std::array<uint8_t, kKeyBytes> key{};
  if (z85.size() != 40 || !zmq_z85_decode(key.data(), z85.c_str())) return "";
  return {key.begin(), key.end()};
}

std::string key_with(const Node& node, const std::string& peer_public) {
  const auto shared = crypto::x25519(binary(node.keys().own.secret_key), peer_public);
  return shared ? crypto::sha256("zane events" + *shared) : "";
}

std::string proof(const std::string& key, std::string_view who, std::string_view publisher_random,
                  std::string_view subscriber_random) {
  return crypto::hmac_sha256(
      key, std::string(who) + std::string(publisher_random) + std::string(subscriber_random));
}

// Ends what goes on on a socket when its time is over.
class Deadline {
 public:
  Deadline(loop::Io& io, stream_protocol::socket& socket) : timer_(io, kHandshakeMax) {
    timer_.async_wait([&socket, over = over_](error_code error) {
      if (!error && !*over) socket.close(error);
    });
  }
  ~Deadline() { *over_ = true; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  // Looked at by a wait that had ended already.
  std::shared_ptr<bool> over_ = std::make_shared<bool>(false);
  loop::Timer timer_;
};

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

}  // namespace

// ---- publisher ----------------------------------------------------------------------

class Publisher::Line : public std::enable_shared_from_this<Line> {
 public:
  Line(Node& node, OnSubscribed on_subscribed)
      : node_(node), on_subscribed_(std::move(on_subscribed)), acceptor_(node.io()) {
    const auto path = socket_of(node).string();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    acceptor_.open();
    acceptor_.bind(stream_protocol::endpoint(path));
    ::chmod(path.c_str(), 0600);
    acceptor_.listen();
  }

  void begin() { loop::spawn(node_.io(), "events_accept", accept(shared_from_this())); }

  void close() {
    closed_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& peer : peers_) peer->socket.close(ignored);
    peers_.clear();
  }

  void add(const Envelope& message, Haste haste) {
    const size_t bytes = message.ByteSizeLong();
    if (bytes > static_cast<size_t>(kEnvelopeBytesMax)) return;
    if (haste == Haste::kNow) now_ = true;
    const auto length = static_cast<uint32_t>(bytes);
    const size_t at = ready_.size();
    ready_.resize(at + sizeof length + bytes);
    std::memcpy(ready_.data() + at, &length, sizeof length);
    message.SerializeWithCachedSizesToArray(
        reinterpret_cast<uint8_t*>(ready_.data() + at + sizeof length));  // NOLINT
  }

  void flush(bool must) {
    if (ready_.empty()) return;
    // By hand: a peer that has gone is taken out, and another may come meanwhile.
    for (size_t i = 0; i < peers_.size();) {
      const std::shared_ptr<Peer> peer = peers_[i];
      if (send(peer, must)) {
        ++i;
        continue;
      }
      error_code ignored;
      peer->socket.close(ignored);
      peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    ready_.clear();
    now_ = false;
  }

 private:
  struct Peer {
    Peer(loop::Io& io, stream_protocol::socket s, std::string n, std::chrono::microseconds r)
        : socket(std::move(s)), name(std::move(n)), rest(r), rest_over(io) {}
    stream_protocol::socket socket;
    const std::string name;
    const std::chrono::microseconds rest;
    std::string waiting;
    // Of it, what has gone.
    size_t sent = 0;
    int64_t left_out = 0;
    // The socket takes no more: wait_to_write() goes on.
    bool blocked = false;
    // What may wait does until rest_over.
    bool resting = false;
    loop::Timer rest_over;
  };
  struct Proven {
    std::string name;  // "" when it is no service of ours
    std::chrono::microseconds rest{};
  };

  static loop::Task<> accept(std::shared_ptr<Line> self) {
    // Said once as long as it lasts.
    bool said = false;
    while (!self->closed_) {
      error_code error;
      stream_protocol::socket socket = co_await self->acceptor_.async_accept(into(error));
      if (self->closed_) co_return;
      if (error) {
        if (!std::exchange(said, true)) log::warn("events_accept_failed", {{"why", error.message()}});
        co_await loop::sleep_for(self->node_.io(), kAcceptPause);
        continue;
      }
      said = false;
      if (self->strangers_ < kStrangersMax) {
        loop::spawn(self->node_.io(), "events_greet", greet(self, std::move(socket)));
      }
    }
  }

  static loop::Task<> greet(std::shared_ptr<Line> self, stream_protocol::socket socket) {
    ++self->strangers_;
    Proven proven = co_await prove(*self, socket);
    --self->strangers_;
    if (self->closed_) co_return;
    if (proven.name.empty()) {
      log::warn("events_subscriber_refused", {{"cure", "only services of this home may follow"}});
      co_return;
    }
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(stream_protocol::socket::send_buffer_size(kSocketBytes), ignored);
    auto peer =
        std::make_shared<Peer>(self->node_.io(), std::move(socket), std::move(proven.name), proven.rest);
    // One of each service: whoever comes again has lost the one before.
    for (const auto& other : self->peers_)
      if (other->name == peer->name) other->socket.close(ignored);
    self->peers_.push_back(peer);
    if (self->on_subscribed_) self->on_subscribed_();
    // It says nothing more: what is read is its end.
    char byte = 0;
    error_code error;
    while (!error) co_await peer->socket.async_read_some(asio::buffer(&byte, 1), into(error));
    std::erase(self->peers_, peer);
  }

  static loop::Task<Proven> prove(Line& line, stream_protocol::socket& socket) {
    const Deadline deadline(line.node_.io(), socket);
    const std::string random = crypto::random_bytes(kRandomBytes);
    error_code error;
    const std::string greeting = std::string(kGreeting) + random;
    co_await asio::async_write(socket, asio::buffer(greeting), into(error));
    if (error) co_return Proven{};
    std::string said(kProofBytes, '\0');
    co_await asio::async_read(socket, asio::buffer(said), into(error));
    if (error) co_return Proven{};
    const std::string key_bytes = said.substr(0, kKeyBytes);
    const std::string theirs = said.substr(kKeyBytes, kRandomBytes + kRestBytes);
    uint32_t rest = 0;
    std::memcpy(&rest, theirs.data() + kRandomBytes, sizeof rest);
    char z85[41] = {};
    zmq_z85_encode(z85, reinterpret_cast<const uint8_t*>(key_bytes.data()), kKeyBytes);  // NOLINT
    const auto service = line.node_.keys().service_of.find(z85);
    if (service == line.node_.keys().service_of.end()) co_return Proven{};
    const std::string key = key_with(line.node_, key_bytes);
    if (key.empty() || !crypto::equal_in_constant_time(said.substr(kKeyBytes + theirs.size()),
                                                       proof(key, "subscriber", random, theirs)))
      co_return Proven{};
    const std::string answer = proof(key, "publisher", random, theirs);
    co_await asio::async_write(socket, asio::buffer(answer), into(error));
    if (error) co_return Proven{};
    co_return Proven{service->second, std::min(std::chrono::microseconds(rest), kRestMax)};
  }

  // False when the peer has gone.
  bool send(const std::shared_ptr<Peer>& to, bool must) {
    Peer& peer = *to;
    if (peer.waiting.empty() && !(peer.resting && !now_)) return send_ready(to);
    const size_t waiting = peer.waiting.size() - peer.sent;
    // Not even a state fits: it comes back for one.
    if (waiting > 2 * kSubscriberBytesMax) return false;
    if (waiting + ready_.size() > kSubscriberBytesMax && !must) {
      if (peer.left_out++ == 0)
        log::warn("events_left_out", {{"for", peer.name}, {"why", "it does not read"}});
      return true;
    }
    peer.waiting += ready_;
    if (peer.blocked || (peer.resting && !now_ && peer.waiting.size() < kRestingBytesMax)) return true;
    return write_on(to);
  }

  // Past all that waits, of which there is nothing.
  bool send_ready(const std::shared_ptr<Peer>& to) {
    Peer& peer = *to;
    peer.left_out = 0;
    error_code error;
    const size_t sent = peer.socket.write_some(asio::buffer(ready_), error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) return false;
    rest(to);
    if (sent == ready_.size()) return true;
    peer.waiting.assign(ready_, sent);
    peer.sent = 0;
    wait_to_write(to);
    return true;
  }

  void rest(const std::shared_ptr<Peer>& to) {
    if (to->rest.count() == 0 || to->resting) return;
    to->resting = true;
    to->rest_over.expires_after(to->rest);
    to->rest_over.async_wait([self = shared_from_this(), to](error_code error) {
      if (error || self->closed_) return;
      to->resting = false;
      if (!to->waiting.empty() && !to->blocked && !self->write_on(to)) to->socket.close(error);
    });
  }

  void wait_to_write(const std::shared_ptr<Peer>& to) {
    to->blocked = true;
    to->socket.async_wait(stream_protocol::socket::wait_write,
                          [self = shared_from_this(), to](error_code error) {
                            if (error || self->closed_) return;
                            to->blocked = false;
                            // Whatever it is: without a connection it comes again, with a
                            // deaf one it would not. Its reader's end takes it out of the list.
                            if (!self->write_on(to)) to->socket.close(error);
                          });
  }

  // Of what waits, as much as goes; false when the peer has gone.
  bool write_on(const std::shared_ptr<Peer>& to) {
    Peer& peer = *to;
    error_code error;
    peer.sent += peer.socket.write_some(asio::buffer(peer.waiting) + peer.sent, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) return false;
    rest(to);
    if (peer.sent == peer.waiting.size()) {
      peer.waiting.clear();
      peer.sent = 0;
      peer.left_out = 0;
    } else {
      if (peer.sent > kSubscriberBytesMax / 2) peer.waiting.erase(0, std::exchange(peer.sent, 0));
      wait_to_write(to);
    }
    return true;
  }

  Node& node_;
  OnSubscribed on_subscribed_;
  stream_protocol::acceptor acceptor_;
  std::vector<std::shared_ptr<Peer>> peers_;
  int strangers_ = 0;
  bool closed_ = false;
  std::string ready_;
  // Something in it may not wait.
  bool now_ = false;
};

Publisher::Publisher(Node& node, OnSubscribed on_subscribed)
    : line_(std::make_shared<Line>(node, std::move(on_subscribed))) {
  line_->begin();
}

Publisher::~Publisher() { line_->close(); }

void Publisher::add(const Envelope& message, Haste haste) { line_->add(message, haste); }

void Publisher::flush(bool must) { line_->flush(must); }

// ---- subscriber ---------------------------------------------------------------------

class Subscriber::Line : public std::enable_shared_from_this<Line> {
 public:
  Line(Node& node, Handler handler, std::chrono::microseconds rest)
      : node_(node), handler_(std::move(handler)), rest_(rest), socket_(node.io()) {}

  void begin() { loop::spawn(node_.io(), "events_follow", follow(shared_from_this())); }

  void close() {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  static loop::Task<> follow(std::shared_ptr<Line> self) {
    auto pause = kReconnectMin;
    while (!self->closed_) {
      const bool was_there = co_await self->follow_once();
      if (self->closed_) co_return;
      error_code ignored;
      self->socket_.close(ignored);
      pause = was_there ? kReconnectMin : std::min(pause * 2, kReconnectMax);
      co_await loop::sleep_for(self->node_.io(), pause);
    }
  }

  loop::Task<bool> follow_once() {
    error_code error;
    co_await socket_.async_connect(stream_protocol::endpoint(socket_of(node_).string()), into(error));
    if (error) co_return false;
    if (!co_await prove()) co_return false;
    error_code ignored;
    socket_.set_option(stream_protocol::socket::receive_buffer_size(kSocketBytes), ignored);
    buffer_.resize(kReadBytes);
    size_t have = 0;
    for (;;) {
      const size_t got = co_await socket_.async_read_some(
          asio::buffer(buffer_.data() + have, buffer_.size() - have), into(error));
      if (error || closed_) co_return true;
      have += got;
      size_t at = 0;
      size_t needed = sizeof(uint32_t);
      for (uint32_t length = 0; have - at >= sizeof length; at += sizeof length + length) {
        std::memcpy(&length, buffer_.data() + at, sizeof length);
        if (length > kEnvelopeBytesMax) {
          log::error("events_broken", {{"bytes", int64_t{length}}});
          co_return true;
        }
        needed = sizeof length + length;
        if (have - at < needed) break;
        Envelope message;
        if (message.ParseFromArray(buffer_.data() + at + sizeof length, static_cast<int>(length)) &&
            message.body_case() != Envelope::BODY_NOT_SET)
          handler_(std::move(message));
        if (closed_) co_return true;
        needed = sizeof length;
      }
      if (at > 0) std::memmove(buffer_.data(), buffer_.data() + at, have - at);
      have -= at;
      if (buffer_.size() < needed) buffer_.resize(needed);
    }
  }

  loop::Task<bool> prove() {
    const Deadline deadline(node_.io(), socket_);
    std::string greeting(kGreetingBytes, '\0');
    error_code error;
    co_await asio::async_read(socket_, asio::buffer(greeting), into(error));
    if (error || !greeting.starts_with(kGreeting)) co_return false;
    const std::string theirs = greeting.substr(kGreeting.size());
    const auto rest = static_cast<uint32_t>(rest_.count());
    const std::string random = crypto::random_bytes(kRandomBytes) +
                               std::string(reinterpret_cast<const char*>(&rest), sizeof rest);  // NOLINT
    const std::string key = key_with(node_, binary(node_.keys().public_of.at(std::string(kSupervisor))));
    // A key that can't be one would make a proof that anybody can make.
    if (key.empty()) co_return false;
    const std::string said =
        binary(node_.keys().own.public_key) + random + proof(key, "subscriber", theirs, random);
    co_await asio::async_write(socket_, asio::buffer(said), into(error));
    if (error) co_return false;
    std::string answer(kMacBytes, '\0');
    co_await asio::async_read(socket_, asio::buffer(answer), into(error));
    if (error) co_return false;
    if (crypto::equal_in_constant_time(answer, proof(key, "publisher", theirs, random))) co_return true;
    log::error("events_publisher_unknown", {{"cure", "something else listens at events.sock"}});
    co_return false;
  }

  Node& node_;
  Handler handler_;
  const std::chrono::microseconds rest_;
  stream_protocol::socket socket_;
  std::vector<char> buffer_;
  bool closed_ = false;
};

Subscriber::Subscriber(Node& node, Handler handler, std::chrono::microseconds rest)
    : line_(std::make_shared<Line>(node, std::move(handler), rest)) {
  line_->begin();
}

Subscriber::~Subscriber() { line_->close(); }

}  // namespace zane::bus
