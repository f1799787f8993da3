#include "lib/bus/socket.h"

#include <cstring>

#include "boost/asio/post.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/crypto/hash.h"

namespace zane::bus {

namespace asio = boost::asio;

namespace {

constexpr char kZapDomain[] = "zane";
// ZMQ_ZAP_ENFORCE_DOMAIN: without it a domain with no handler admits any key.
constexpr int kZapEnforceDomainOption = 93;
constexpr int kHandshakeMs = 5000;

std::string z85(const zmq::message_t& binary_key) {
  char text[41] = {};
  zmq_z85_encode(text, static_cast<const uint8_t*>(binary_key.data()), binary_key.size());
  return text;
}

}  // namespace

Socket::Socket(loop::Io& io, zmq::context_t& context, zmq::socket_type type)
    : io_(io), socket_(context, type), descriptor_(io, socket_.get(zmq::sockopt::fd)), readable_(io) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, kEnvelopeBytesMax);
  arm();
}

Socket::~Socket() {
  *alive_ = false;
  // The descriptor is libzmq's to close.
  descriptor_.release();
}

void Socket::arm() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this, alive = alive_](boost::system::error_code error) {
                           if (error || !*alive) return;
                           readable_.raise();
                           // The look consumes the edge, so that a socket without a reader does not spin, and
                           // with it perhaps the news of a message that came after the reader was done.
                           asio::post(io_, [this, alive] {
                             if (!*alive) return;
                             wake_if_readable();
                             arm();
                           });
                         });
}

void Socket::wake_if_readable() {
  if ((socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0) readable_.raise();
}

bool Socket::take(Parts& parts) {
  zmq::message_t part;
  if (!socket_.recv(part, zmq::recv_flags::dontwait)) return false;
  bool more = part.more();
  parts.push_back(std::move(part));
  while (more) {
    // The parts of one message arrive together: this never waits.
    (void)socket_.recv(part, zmq::recv_flags::none);
    more = part.more();
    parts.push_back(std::move(part));
  }
  return true;
}

loop::Task<Parts> Socket::receive() {
  Parts parts;
  while (!take(parts)) {
    taken_this_turn_ = 0;
    co_await readable_.wait();
  }
  if (++taken_this_turn_ >= kMessagesPerTurn) {
    taken_this_turn_ = 0;
    co_await asio::post(io_, asio::use_awaitable);
  }
  co_return parts;
}

bool Socket::send(Parts parts) {
  bool sent = true;
  try {
    for (size_t i = 0; i < parts.size() && sent; ++i) {
      const auto more = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      sent = socket_.send(parts[i], zmq::send_flags::dontwait | more).has_value();
    }
  } catch (const zmq::error_t& error) {
    if (error.num() != EHOSTUNREACH) throw;
    sent = false;
  }
  // One look after all that is sent in this turn of the loop.
  if (!std::exchange(look_is_due_, true))
    asio::post(io_, [this, alive = alive_] {
      if (!*alive) return;
      look_is_due_ = false;
      wake_if_readable();
    });
  return sent;
}

void secure_server(zmq::socket_t& socket, const Keys& keys) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
  socket.set(zmq::sockopt::zap_domain, kZapDomain);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  const int enforce = 1;
  // Without it a home whose handler is not up yet would admit any key.
  if (zmq_setsockopt(socket.handle(), kZapEnforceDomainOption, &enforce, sizeof enforce) != 0)
    throw zmq::error_t();
}

void secure_client(zmq::socket_t& socket, const Keys& keys, const std::string& peer) {
  socket.set(zmq::sockopt::curve_publickey, keys.own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
  socket.set(zmq::sockopt::curve_serverkey, keys.public_of.at(peer));
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
}

ZapHandler::ZapHandler(loop::Io& io, zmq::context_t& context, const Keys& keys)
    : service_of_(keys.service_of), socket_(io, context, zmq::socket_type::rep) {
  socket_.raw().bind("inproc://zeromq.zap.01");
  loop::spawn(io, "zap", serve());
}

loop::Task<> ZapHandler::serve() {
  for (;;) {
    const Parts question = co_await socket_.receive();
    socket_.send(answer(question));
  }
}

Parts ZapHandler::answer(const Parts& question) const {
  // version, request id, domain, address, routing id, mechanism, credentials
  const bool curve = question.size() == 7 && question[5].to_string_view() == "CURVE" &&
                     question[6].size() == 32 && question[2].to_string_view() == kZapDomain;
  const auto known = curve ? service_of_.find(z85(question[6])) : service_of_.end();
  const bool ok = known != service_of_.end();
  Parts reply;
  for (const std::string& text :
       {std::string("1.0"), question.size() > 1 ? question[1].to_string() : std::string(),
        std::string(ok ? "200" : "400"), std::string(ok ? "OK" : "this key is not of a service of this home"),
        ok ? known->second : std::string(), std::string()})
    reply.emplace_back(text);
  return reply;
}

Monitor::Monitor(loop::Io& io, zmq::context_t& context, zmq::socket_t& watched, int events)
    : watched_(watched), reader_(io, context, zmq::socket_type::pair) {
  const std::string address = "inproc://monitor-" + crypto::fresh_id();
  if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  reader_.raw().connect(address);
}

Monitor::~Monitor() { (void)zmq_socket_monitor(watched_.handle(), nullptr, 0); }

loop::Task<int> Monitor::next() {
  const Parts event = co_await reader_.receive();
  // zmq_socket_monitor(3): 16 bits of the event's number, 32 of its value; then the address.
  uint16_t number = 0;
  if (!event.empty() && event[0].size() >= sizeof number)
    std::memcpy(&number, event[0].data(), sizeof number);
  co_return number;
}

RefusalMonitor::RefusalMonitor(loop::Io& io, zmq::context_t& context, zmq::socket_t& watched,
                               std::chrono::milliseconds period, Report report)
    : io_(io),
      monitor_(io, context, watched,
               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH),
      period_(period),
      report_(std::move(report)),
      refused_(io) {
  loop::spawn(io, "refusal_monitor", watch());
  loop::spawn(io, "refusal_report", report_periodically());
}

loop::Task<> RefusalMonitor::watch() {
  for (;;) {
    if (co_await monitor_.next() == 0) continue;
    ++count_;
    refused_.raise();
  }
}

loop::Task<> RefusalMonitor::report_periodically() {
  for (;;) {
    co_await refused_.wait();
    if (count_ == 0) continue;
    report_(std::exchange(count_, 0));
    co_await loop::sleep_for(io_, period_);
  }
}

}  // namespace zane::bus
