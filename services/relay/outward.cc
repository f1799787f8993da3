// relay's way outwards: events to the streams of pages, batched; answers and
// terminal output to the one they are for.
#include "boost/asio/post.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/json.hpp"
#include "lib/link/frame.h"
#include "lib/log/log.h"
#include "services/relay/service.h"

namespace zane::relay {
namespace {

// Under load a page gets a frame this often; a first event goes at once.
constexpr std::chrono::milliseconds kBatchEvery{16};
// After a page could not be had.
constexpr std::chrono::milliseconds kJournalAgain{200};
// Streams hold back while this much waits for the network.
constexpr size_t kWaitingBytesMax = 2 * 1024 * 1024;
constexpr size_t kClientsOfAFrameMax = 64;
constexpr std::chrono::seconds kFreshnessEvery{20};
// supervisor says how Codex is every 5 s; after this we do not know.
constexpr int64_t kCodexSilentNs = int64_t{15} * 1000 * 1000 * 1000;
constexpr std::chrono::seconds kHooksRetry{5};

// An event too long for a frame is named instead of shown.
std::string too_large_body(const v1::Event& event) {
  return boost::json::serialize(boost::json::object{
      {"method", event.method()},
      {"params", {{"threadId", event.thread()}, {"turnId", event.turn()}, {"itemId", event.item()}}},
      {"bytes", static_cast<int64_t>(bytes_of(event))}});
}

}  // namespace

// supervisor sends a client's terminal output to the connection that relay last
// spoke on: so it speaks on each.
void Service::show_the_way_back() {
  v1::Envelope question = node_.envelope();
  question.mutable_question()->mutable_status();
  supervisor_.tell(std::move(question));
}

void Service::on_published(v1::Envelope envelope) {
  if (envelope.has_codex_state()) {
    const bool changed = codex_.state() != envelope.codex_state().state() ||
                         codex_.message() != envelope.codex_state().message() ||
                         codex_.session() != envelope.codex_state().session();
    codex_ = envelope.codex_state();
    codex_heard_ns_ = base::steady_ns();
    // A last event that PUB lost shows here.
    if (codex_.epoch() != published_epoch_ || codex_.head_seq() > published_seq_) {
      published_epoch_ = codex_.epoch();
      published_seq_ = codex_.head_seq();
      for (auto& [id, client] : clients_.all())
        for (auto& [name, stream] : client.streams) stream->fall_behind();
      wake_streams();
    }
    if (changed) send_freshness(clients_.attached());
    return;
  }
  if (!envelope.has_event()) return;
  const v1::Event& event = envelope.event();
  const bool follows = event.epoch() == published_epoch_ && event.prev_seq() == published_seq_;
  published_epoch_ = event.epoch();
  published_seq_ = event.seq();
  for (auto& [id, client] : clients_.all())
    for (auto& [name, stream] : client.streams) follows ? stream->on_live(event) : stream->fall_behind();
  wake_streams();
}

loop::Task<> Service::serve_streams() {
  for (;;) {
    co_await streams_to_serve_.wait();
    if (!orbit_.is_open()) continue;
    // Names first: a page may come or go while the journal is read.
    std::vector<std::pair<std::string, std::shared_ptr<Stream>>> streams;
    for (auto& [id, client] : clients_.all())
      for (auto& [name, stream] : client.streams) streams.emplace_back(id, stream);
    // Whose turn it is: there may be no room for all.
    if (!streams.empty()) {
      served_from_ = (served_from_ + 1) % streams.size();
      std::rotate(streams.begin(), streams.begin() + static_cast<std::ptrdiff_t>(served_from_),
                  streams.end());
    }
    bool behind = false;
    for (auto& [client, stream] : streams)
      if (stream->next() == Stream::Next::kReadJournal) co_await read_journal(client, stream);
    const bool room = orbit_.waiting_bytes() <= kWaitingBytesMax;
    if (room) send_batches(streams);
    bool more = false;
    for (auto& [client, stream] : streams) {
      if (!is_current(client, stream)) continue;
      more = more || stream->next() != Stream::Next::kNothing;
      behind = behind || stream->next() == Stream::Next::kReadJournal;
    }
    if (more) wake_streams();
    // One that is behind gets its next page at once; what is live is batched.
    if (behind && room)
      co_await boost::asio::post(node_.io(), boost::asio::use_awaitable);
    else
      co_await loop::sleep_for(node_.io(), kBatchEvery);
  }
}

bool Service::is_current(const std::string& client, const std::shared_ptr<Stream>& stream) {
  const Client* known = clients_.find(client);
  if (!known) return false;
  const auto found = known->streams.find(stream->name());
  return found != known->streams.end() && found->second == stream;
}

void Service::send_batches(const std::vector<std::pair<std::string, std::shared_ptr<Stream>>>& streams) {
  struct Group {
    std::vector<std::string> clients;
    std::vector<std::shared_ptr<Stream>> streams;
    Stream::Batch batch;
  };
  std::map<std::string, Group> groups;
  size_t taken = 0;
  for (const auto& [client, stream] : streams) {
    // What has no room waits in its stream.
    if (orbit_.waiting_bytes() + taken > kWaitingBytesMax) break;
    if (stream->next() != Stream::Next::kSendPending || !is_current(client, stream)) continue;
    Stream::Batch batch = stream->take_batch();
    const int64_t last = batch.events.empty() ? 0 : batch.events.back().seq();
    std::string same = stream->name() + "\n" + stream->thread() + "\n" + stream->epoch() + "\n" +
                       std::to_string(batch.prev_seq) + "\n" + std::to_string(last) + "\n" +
                       std::to_string(batch.events.size()) + (batch.at_head ? "h" : "");
    // A frame names so many clients and no more.
    while (groups.contains(same) && groups[same].clients.size() >= kClientsOfAFrameMax) same += "+";
    Group& group = groups[same];
    if (group.clients.empty()) {
      for (const auto& event : batch.events) taken += std::min(bytes_of(event), kEventBytesMax);
      group.batch = std::move(batch);
    }
    group.clients.push_back(client);
    group.streams.push_back(stream);
  }
  for (auto& [same, group] : groups)
    if (!send_batch(group.clients, *group.streams[0], group.batch))
      for (const auto& stream : group.streams) stream->take_back();
}

loop::Task<> Service::read_journal(std::string client, std::shared_ptr<Stream> stream) {
  v1::Envelope question = node_.envelope();
  auto* read = question.mutable_question()->mutable_journal();
  read->set_epoch(stream->epoch());
  read->set_after_seq(stream->through_seq());
  read->set_thread(stream->thread());
  read->set_limit(kBatchEventsMax);
  const auto answer = co_await supervisor_.ask(std::move(question));
  if (!answer.ok()) {
    log::warn("journal_not_read", {{"client", client}, {"why", answer.status().message()}});
    // It is asked again: not in a circle.
    co_await loop::sleep_for(node_.io(), kJournalAgain);
    co_return;
  }
  const auto& page = answer->answer().journal();
  if (page.gap().empty()) {
    stream->on_page(page, published_epoch_ == stream->epoch() ? published_seq_ : 0);
    co_return;
  }
  v1::LinkHeader gap;
  gap.add_to(client);
  gap.mutable_gap()->set_stream(stream->name());
  gap.mutable_gap()->set_reason(page.gap());
  // The page may have another stream of this name by now.
  if (!is_current(client, stream)) co_return;
  send(std::move(gap), {}, OrbitSocket::Kind::kFlow);
  clients_.find(client)->streams.erase(stream->name());
}

bool Service::send_batch(const std::vector<std::string>& clients, const Stream& stream,
                         const Stream::Batch& batch) {
  v1::LinkHeader header;
  header.set_mac(mac_);
  for (const auto& client : clients) header.add_to(client);
  v1::Events& events = *header.mutable_events();
  events.set_stream(stream.name());
  events.set_epoch(stream.epoch());
  events.set_prev_seq(batch.prev_seq);
  events.set_at_head(batch.at_head);
  std::vector<std::string_view> bodies;
  std::vector<std::unique_ptr<std::string>> own;
  for (const v1::Event& event : batch.events) {
    auto* meta = events.add_events();
    meta->set_seq(event.seq());
    const bool too_large = bytes_of(event) > kEventBytesMax;
    if (too_large && event.kind() == "approval" && event.raw().size() <= kEventBytesMax) {
      // What can't be shown here can still be refused here.
      meta->set_kind(event.kind());
      meta->set_signature(event.signature());
      bodies.push_back(event.raw());
      continue;
    }
    if (too_large) {
      meta->set_kind("too-large");
      own.push_back(std::make_unique<std::string>(too_large_body(event)));
      bodies.push_back(*own.back());
      continue;
    }
    meta->set_kind(event.kind());
    meta->set_signature(event.signature());
    bodies.push_back(event.raw());
    if (event.request().empty()) continue;
    meta->set_bodies(3);
    bodies.push_back(event.request());
    bodies.push_back(event.shown());
  }
  return orbit_.send(link::encode_events(header, bodies), OrbitSocket::Kind::kFlow);
}

void Service::on_from_supervisor(v1::Envelope envelope) {
  if (!envelope.has_client_signal()) return;
  const std::string& owner = envelope.client_signal().client();
  constexpr std::string_view kDevice = "device/";
  if (!owner.starts_with(kDevice)) return;
  v1::LinkHeader header;
  for (auto& id : clients_.of_device(owner.substr(kDevice.size()))) header.add_to(id);
  if (header.to_size() == 0) return;
  header.mutable_signal();
  for (const auto& raw : terminals_.pass(owner, envelope.client_signal().raw(), orbit_.waiting_bytes()))
    send(header, {raw}, OrbitSocket::Kind::kFlow);
}

void Service::on_from_policy(v1::Envelope envelope) {
  if (!envelope.has_command_answer()) return;
  const auto client = waiting_.find(envelope.cause());
  if (client != waiting_.end()) send_receipt(client->second, envelope.command_answer(), envelope.trace());
}

void Service::send_receipt(const std::string& client, const v1::CommandAnswer& answer,
                           const std::string& trace) {
  v1::LinkHeader header;
  header.add_to(client);
  header.set_trace(trace);
  header.mutable_receipt()->set_command(answer.command_id());
  header.mutable_receipt()->set_signature(answer.signature());
  std::vector<std::string_view> bodies{answer.statement()};
  if (!answer.result().empty()) bodies.push_back(answer.result());
  send(std::move(header), bodies);
}

void Service::send_freshness(const std::vector<std::string>& to) {
  if (to.empty()) return;
  v1::LinkHeader header;
  for (const auto& id : to) header.add_to(id);
  auto* freshness = header.mutable_freshness();
  const int64_t silent_ns = base::steady_ns() - codex_heard_ns_;
  const bool unknown = codex_heard_ns_ == 0 || silent_ns > kCodexSilentNs;
  freshness->set_codex(unknown ? "unknown" : codex_.state());
  freshness->set_codex_version(codex_.version());
  freshness->set_codex_session(codex_.session());
  freshness->set_codex_age_ms(unknown ? silent_ns / 1000000 : codex_.age_ms() + silent_ns / 1000000);
  freshness->set_message(unknown ? "supervisor on the Mac says nothing: see `zane status` there"
                                 : codex_.message());
  send(std::move(header));
}

loop::Task<> Service::tell_freshness() {
  for (;;) {
    co_await loop::sleep_for(node_.io(), kFreshnessEvery);
    send_freshness(clients_.attached());
  }
}

loop::Task<> Service::tell_hooks() {
  while (orbit_.is_open()) {
    v1::Envelope question = node_.envelope();
    question.mutable_hooks();
    const auto answer = co_await webhook_.ask(std::move(question));
    if (answer.ok() && answer->has_hooks()) {
      v1::LinkHeader header;
      header.mutable_hook_list();
      for (const auto& hook : answer->hooks().hooks()) header.mutable_hook_list()->add_hooks(hook);
      send(std::move(header));
      co_return;
    }
    co_await loop::sleep_for(node_.io(), kHooksRetry);
  }
}

void Service::undelivered(const v1::LinkHeader& header, const std::string& reason,
                          const std::string& message) {
  if (header.from().empty()) return;
  v1::LinkHeader reply;
  reply.add_to(header.from());
  reply.set_trace(header.trace());
  reply.mutable_undelivered()->set_reason(reason);
  reply.mutable_undelivered()->set_message(message);
  send(std::move(reply));
}

void Service::send(v1::LinkHeader header, const std::vector<std::string_view>& bodies,
                   OrbitSocket::Kind kind) {
  if (header.to_size() > 0) header.set_mac(mac_);
  size_t bytes = link::kHeaderBytesMax;
  for (const auto body : bodies) bytes += body.size();
  if (bytes > link::kFrameBytesMax) {
    log::warn("frame_too_large", {{"bytes", bytes}, {"trace", header.trace()}});
    v1::LinkHeader instead;
    *instead.mutable_to() = header.to();
    instead.set_mac(mac_);
    instead.set_trace(header.trace());
    instead.mutable_undelivered()->set_reason("too-large");
    instead.mutable_undelivered()->set_message("the answer is longer than 1 MiB: ask for less at a time");
    orbit_.send(link::encode(std::move(instead)));
    return;
  }
  if (!orbit_.send(link::encode(std::move(header), bodies), kind) && orbit_.is_open()) {
    log::error("link_outbox_full", {{"bytes", orbit_.waiting_bytes()}});
    orbit_.close();
  }
}

}  // namespace zane::relay
