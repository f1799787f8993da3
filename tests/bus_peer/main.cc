// A program on the bus that says what a test tells it: with a service's key,
// with a key of its own, or with none. Not a service; never installed.
//
//   bus_peer <as> <to> <body>
//     as    relay, webhook, policy, supervisor: with that service's key
//           stranger: with a fresh key; nobody: without CURVE
//     to    the service whose inbox it speaks to
//     body  an Envelope in proto3's JSON mapping, or `truncated`: half of one
//
// Prints the answer in the JSON mapping, or `no answer` after one second.
#include <iostream>

#include "google/protobuf/util/json_util.h"
#include "lib/bus/keys.h"
#include "zane/v1/envelope.pb.h"
#include "zmq.hpp"

namespace {

constexpr int kAnswerMs = 1000;

bool secure(zmq::socket_t& socket, const zane::base::Home& home, const std::string& as,
            const std::string& to) {
  if (as == "nobody") return true;
  const bool stranger = as == "stranger";
  const auto keys = zane::bus::load_keys(home, stranger ? "relay" : as);
  if (!keys.ok()) return false;
  zane::bus::KeyPair own = keys->own;
  if (stranger) {
    char public_text[41] = {};
    char secret_text[41] = {};
    zmq_curve_keypair(public_text, secret_text);
    own = {public_text, secret_text};
  }
  socket.set(zmq::sockopt::curve_publickey, own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, own.secret_key);
  socket.set(zmq::sockopt::curve_serverkey, keys->public_of.at(to));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const auto home = zane::base::Home::open();
  if (!home.ok()) return 73;
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, kAnswerMs);
  // One that was hung up on at once has nobody to send to.
  socket.set(zmq::sockopt::sndtimeo, kAnswerMs);
  if (!secure(socket, *home, argv[1], argv[2])) return 77;
  socket.connect(home->bus_address(argv[2]));

  const std::string body = argv[3];
  zane::v1::Envelope envelope;
  if (body == "truncated") {
    envelope.mutable_effect()->set_command_id(std::string(100, 'x'));
  } else if (!google::protobuf::util::JsonStringToMessage(body, &envelope).ok()) {
    return 65;
  }
  std::string bytes = envelope.SerializeAsString();
  if (body == "truncated") bytes.resize(bytes.size() / 2);
  const bool sent = socket.send(zmq::buffer(bytes), zmq::send_flags::none).has_value();

  zmq::message_t answer;
  zane::v1::Envelope message;
  if (!sent || !socket.recv(answer) ||
      !message.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) {
    std::cout << "no answer" << std::endl;
    return 0;
  }
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text);
  std::cout << text << std::endl;
  return 0;
}
