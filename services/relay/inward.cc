// relay's way inwards: what phones send, handed to policy, supervisor, webhook.
#include <set>

#include "lib/link/frame.h"
#include "lib/log/log.h"
#include "services/relay/service.h"

namespace zane::relay {
namespace {

// Longer than policy waits for supervisor.
constexpr std::chrono::seconds kCommandDeadline{330};
constexpr size_t kCommandsWaitingMax = 512;
constexpr std::chrono::seconds kDevicesToldEvery{60};
// A delivery that webhook can't take now is tried again: until Orbit would hand it over
// anew (60 s), and of no more than Orbit has under way at once (8, with a link's change).
constexpr std::chrono::seconds kHookAgain{2};
constexpr std::chrono::seconds kHookTriedFor{55};
constexpr int kHooksTriedMax = 16;

bool has_one_body(const std::vector<std::string_view>& bodies) { return bodies.size() == 1; }

}  // namespace

void Service::on_phone_frame(const v1::LinkHeader& header, const std::vector<std::string_view>& bodies) {
  switch (header.kind_case()) {
    case v1::LinkHeader::kCommand:
      if (!has_one_body(bodies)) break;
      return loop::spawn(node_.io(), "command", forward_command(header, std::string(bodies[0])));
    case v1::LinkHeader::kPair:
      if (!has_one_body(bodies)) break;
      return loop::spawn(node_.io(), "pair", forward_pair(header, std::string(bodies[0])));
    case v1::LinkHeader::kSubscribe:
      return loop::spawn(node_.io(), "subscribe", subscribe(header));
    case v1::LinkHeader::kUnsubscribe:
      if (Client* client = clients_.find(header.from())) client->streams.erase(header.unsubscribe().stream());
      return;
    case v1::LinkHeader::kAck:
      if (Client* client = clients_.find(header.from())) {
        const auto stream = client->streams.find(header.ack().stream());
        if (stream != client->streams.end()) stream->second->on_ack(header.ack().seq());
        wake_streams();
      }
      return;
    case v1::LinkHeader::kProbe:
      if (!clients_.find(header.from()))
        return undelivered(header, "not-attached", "this page has not attached to the Mac yet");
      return send_freshness({header.from()});
    case v1::LinkHeader::kClientGone:
      return client_gone(header.client_gone().client());
    case v1::LinkHeader::kHookDelivery:
      if (!has_one_body(bodies)) break;
      return loop::spawn(node_.io(), "hook", forward_hook(header, std::string(bodies[0])));
    case v1::LinkHeader::kUndelivered:
      log::debug("undelivered", {{"reason", header.undelivered().reason()}, {"trace", header.trace()}});
      return;
    default:
      break;
  }
  undelivered(header, "bad-frame", "the Mac's relay does not know this kind of frame: reload the page");
}

loop::Task<> Service::forward_command(v1::LinkHeader header, std::string command) {
  if (waiting_.size() >= kCommandsWaitingMax) {
    undelivered(header, "busy", "too many commands are under way on the Mac: try again in a moment");
    co_return;
  }
  v1::Envelope request = node_.envelope(header.trace());
  auto* signed_command = request.mutable_signed_command();
  signed_command->set_command(std::move(command));
  signed_command->set_device(header.command().device());
  signed_command->set_signature(header.command().signature());
  signed_command->set_client(header.from());
  const std::string id = request.id();
  const int64_t link = link_;
  waiting_[id] = header.from();
  const auto answer = co_await policy_.ask(std::move(request), kCommandDeadline);
  waiting_.erase(id);
  // The page of an old link has another name on this one, and asks again.
  if (link != link_) co_return;
  if (!answer.ok() || !answer->has_command_answer()) {
    undelivered(header, "busy", std::string(answer.status().message()));
    co_return;
  }
  const auto& outcome = answer->command_answer();
  if (!outcome.attached_client().empty()) {
    if (!clients_.attach(outcome.attached_client(), outcome.attached_device())) {
      undelivered(header, "busy", "too many pages are open on this Mac: close some");
      co_return;
    }
    tell_devices();
    log::info("client_attached", {{"client", header.from()}, {"device", outcome.attached_device()}});
    send_freshness({header.from()});
  }
  send_receipt(header.from(), outcome, header.trace());
}

loop::Task<> Service::forward_pair(v1::LinkHeader header, std::string request_bytes) {
  v1::Envelope request = node_.envelope(header.trace());
  request.mutable_pair_request()->set_request(std::move(request_bytes));
  request.mutable_pair_request()->set_proof(header.pair().proof());
  request.mutable_pair_request()->set_client(header.from());
  const auto answer = co_await policy_.ask(std::move(request));
  if (!answer.ok() || !answer->has_pair_answer()) {
    undelivered(header, "busy", std::string(answer.status().message()));
    co_return;
  }
  v1::LinkHeader reply;
  reply.add_to(header.from());
  reply.set_trace(header.trace());
  reply.mutable_paired()->set_signature(answer->pair_answer().signature());
  reply.mutable_paired()->set_proof(answer->pair_answer().proof());
  send(std::move(reply), {answer->pair_answer().statement()});
}

loop::Task<> Service::subscribe(v1::LinkHeader header) {
  const v1::Subscribe& wanted = header.subscribe();
  Client* client = clients_.find(header.from());
  if (!client) {
    undelivered(header, "not-attached", "this page has not attached to the Mac yet");
    co_return;
  }
  if (client->streams.size() >= kStreamsPerClientMax && !client->streams.contains(wanted.stream())) {
    undelivered(header, "too-many-streams", "a page may follow 16 streams at a time");
    co_return;
  }
  const auto stream = std::make_shared<Stream>(wanted.stream(), wanted.thread());
  v1::Envelope question = node_.envelope(header.trace());
  question.mutable_question()->mutable_stream_start()->set_thread(wanted.thread());
  const auto answer = co_await supervisor_.ask(std::move(question));
  if (!answer.ok() || !answer->answer().has_stream_place()) {
    undelivered(header, "busy", std::string(answer.status().message()));
    co_return;
  }
  const auto& place = answer->answer().stream_place();
  v1::Subscribed begun;
  begun.set_stream(wanted.stream());
  begun.mutable_head()->set_epoch(place.epoch());
  begun.mutable_head()->set_seq(place.head_seq());
  const bool same_epoch = wanted.has_after() && wanted.after().epoch() == place.epoch() &&
                          wanted.after().seq() <= place.head_seq();
  // Behind the horizon: told now, and not when the reader walks into it.
  const bool pruned = same_epoch && wanted.after().seq() < place.pruned_through();
  const bool resumes = same_epoch && !pruned;
  if (wanted.has_after() && !resumes) begun.set_reason(pruned ? "pruned" : "new epoch");
  begun.set_resumed(resumes);
  begun.mutable_from()->set_epoch(place.epoch());
  begun.mutable_from()->set_seq(resumes ? wanted.after().seq() : place.from_seq());
  stream->begin(place.epoch(), begun.from().seq());
  // The page may have gone while supervisor was asked.
  client = clients_.find(header.from());
  if (!client) co_return;
  // Others of this page may have come in meanwhile.
  if (client->streams.size() >= kStreamsPerClientMax && !client->streams.contains(wanted.stream())) {
    undelivered(header, "too-many-streams", "a page may follow 16 streams at a time");
    co_return;
  }
  client->streams[wanted.stream()] = stream;
  v1::LinkHeader reply;
  reply.add_to(header.from());
  reply.set_trace(header.trace());
  *reply.mutable_subscribed() = std::move(begun);
  // Behind what the stream before it of this name has sent, and not past it.
  send(std::move(reply), {}, OrbitSocket::Kind::kFlow);
  wake_streams();
}

loop::Task<> Service::forward_hook(v1::LinkHeader header, std::string body) {
  v1::Envelope request = node_.envelope(header.trace());
  auto* delivery = request.mutable_delivery();
  delivery->set_delivery(header.hook_delivery().delivery());
  delivery->set_hook(header.hook_delivery().hook());
  *delivery->mutable_headers() = header.hook_delivery().headers();
  delivery->set_body(std::move(body));
  delivery->set_received_ms(header.hook_delivery().received_ms());
  const auto until = loop::Timer::clock_type::now() + kHookTriedFor;
  ++hooks_under_way_;
  auto answer = co_await webhook_.ask(request);
  while ((!answer.ok() || !answer->has_delivery_stored()) && hooks_under_way_ <= kHooksTriedMax &&
         loop::Timer::clock_type::now() < until) {
    // A full disk, or a webhook that is just being restarted.
    co_await loop::sleep_for(node_.io(), kHookAgain);
    request.set_id(node_.envelope().id());
    answer = co_await webhook_.ask(request);
  }
  --hooks_under_way_;
  if (!answer.ok() || !answer->has_delivery_stored()) {
    // Not acknowledged: Orbit keeps it and hands it over again, but not soon.
    log::warn("delivery_not_stored",
              {{"delivery", header.hook_delivery().delivery()}, {"why", answer.status().message()}});
    co_return;
  }
  v1::LinkHeader ack;
  ack.mutable_hook_ack()->set_delivery(header.hook_delivery().delivery());
  send(std::move(ack));
}

void Service::client_gone(const std::string& id) {
  const Client* client = clients_.find(id);
  if (!client) return;
  log::info("client_gone", {{"client", id}, {"device", client->device}});
  clients_.remove(id);
  tell_devices();
}

void Service::tell_devices() {
  v1::Envelope present = node_.envelope();
  std::set<std::string> devices;
  for (const auto& [id, client] : clients_.all())
    if (!client.device.empty()) devices.insert(client.device);
  for (const auto& device : devices) present.mutable_devices_present()->add_devices(device);
  present.mutable_devices_present();
  supervisor_.tell(std::move(present));
}

loop::Task<> Service::tell_devices_now_and_then() {
  for (;;) {
    tell_devices();
    co_await loop::sleep_for(node_.io(), kDevicesToldEvery);
  }
}

}  // namespace zane::relay
