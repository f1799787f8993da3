// relay: the Mac's one connection outwards. Hands frames between Orbit and the
// bus, keeps each page's streams, and understands neither Codex nor orders: what
// a phone asks goes to policy, what it reads comes from the journal. Station 3
// of docs/paths.md.
#pragma once

#include <random>

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/bus/events.h"
#include "lib/config/config.h"
#include "lib/crypto/ec_key.h"
#include "services/relay/backoff.h"
#include "services/relay/clients.h"
#include "services/relay/orbit_socket.h"
#include "services/relay/terminal_window.h"
#include "zane/v1/link.pb.h"

namespace zane::relay {

class Service {
 public:
  // All references outlive it. `mac`: the Mac's id; `link_key`: its credential
  // with Orbit.
  Service(bus::Node& node, const config::Config& config, std::string mac, const crypto::EcKey& link_key,
          const base::Clock& clock);
  void run();
  void stop() { orbit_.close(); }

 private:
  // The link (service.cc).
  loop::Task<> keep_linked();
  loop::Task<LinkError> link_once();
  loop::Task<> pause(std::chrono::milliseconds time);
  std::string link_token() const;
  v1::Hello hello() const;
  void on_frame(std::string_view bytes);
  bool on_hello(const v1::Hello& theirs);
  void set_state(const std::string& state, const std::string& message);

  // Frames inwards (inward.cc).
  void on_phone_frame(const v1::LinkHeader& header, const std::vector<std::string_view>& bodies);
  loop::Task<> forward_command(v1::LinkHeader header, std::string command);
  loop::Task<> forward_pair(v1::LinkHeader header, std::string request);
  loop::Task<> subscribe(v1::LinkHeader header);
  loop::Task<> forward_hook(v1::LinkHeader header, std::string body);
  void client_gone(const std::string& id);
  // supervisor counts how long a device has been away.
  void tell_devices();
  loop::Task<> tell_devices_now_and_then();

  // Frames outwards (outward.cc).
  void on_published(v1::Envelope envelope);
  void show_the_way_back();
  void on_from_supervisor(v1::Envelope envelope);
  void on_from_policy(v1::Envelope envelope);
  void send_receipt(const std::string& client, const v1::CommandAnswer& answer, const std::string& trace);
  void send_freshness(const std::vector<std::string>& to);
  void undelivered(const v1::LinkHeader& header, const std::string& reason, const std::string& message);
  void send(v1::LinkHeader header, const std::vector<std::string_view>& bodies = {},
            OrbitSocket::Kind kind = OrbitSocket::Kind::kUrgent);
  void wake_streams() { streams_to_serve_.raise(); }
  loop::Task<> serve_streams();
  loop::Task<> read_journal(std::string client, std::shared_ptr<Stream> stream);
  // Pages that stand at the same place of the same stream get one frame.
  void send_batches(const std::vector<std::pair<std::string, std::shared_ptr<Stream>>>& streams);
  // False: there was no room for it.
  [[nodiscard]] bool send_batch(const std::vector<std::string>& clients, const Stream& stream,
                                const Stream::Batch& batch);
  bool is_current(const std::string& client, const std::shared_ptr<Stream>& stream);
  loop::Task<> tell_freshness();
  loop::Task<> tell_hooks();

  void on_bus(const bus::Peer& peer, v1::Envelope request);

  bus::Node& node_;
  const config::Config& config_;
  const std::string mac_;
  const crypto::EcKey& link_key_;
  const base::Clock& clock_;
  OrbitSocket orbit_;
  // The stream that is served first.
  size_t served_from_ = 0;
  Clients clients_;
  bus::Inbox inbox_;
  bus::Client policy_;
  bus::Client supervisor_;
  bus::Client webhook_;
  bus::Subscriber events_;
  loop::Signal streams_to_serve_;
  Backoff backoff_;
  std::mt19937_64 random_;

  TerminalWindow terminals_;
  int hooks_under_way_ = 0;
  // Counts links: what belongs to an old one does nothing on the next.
  int64_t link_ = 0;
  bool greeted_ = false;
  std::string greet_error_;
  int64_t published_seq_ = 0;
  std::string published_epoch_;
  v1::CodexState codex_;
  int64_t codex_heard_ns_ = 0;
  // A command under way: our request's id → the client that waits.
  std::map<std::string, std::string> waiting_;
  std::string state_ = "starting";
  std::string state_message_;
  const int64_t started_ms_;
};

}  // namespace zane::relay
