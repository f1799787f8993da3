#include "services/relay/service.h"

#include <unistd.h>

#include <set>

#include "boost/json.hpp"
#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/jwt.h"
#include "lib/link/frame.h"
#include "lib/log/log.h"

namespace zane::relay {
namespace {

using std::chrono::milliseconds;

// Orbit takes a link token of two minutes at most (docs/link.md).
constexpr int64_t kLinkTokenS = 60;
// Refused credentials do not heal by asking again soon.
constexpr milliseconds kRefusedPause{60000};
// A clock that jumps by more than this while we wait: the Mac slept.
constexpr int64_t kJumpMs = 3000;
constexpr milliseconds kPauseStep{1000};
// Under load a page gets a frame every 16 ms: no delta need wake us sooner than this.
constexpr milliseconds kEventsRest{4};

std::string state_of(LinkEnd end) {
  switch (end) {
    case LinkEnd::kWeather:
      return "connecting";
    case LinkEnd::kRefused:
      return "refused";
    case LinkEnd::kBadCertificate:
      return "bad-certificate";
    case LinkEnd::kNoCommonVersion:
      return "update-needed";
    case LinkEnd::kReplaced:
      return "replaced";
  }
  return "connecting";
}

}  // namespace

Service::Service(bus::Node& node, const config::Config& config, std::string mac,
                 const crypto::EcKey& link_key, const base::Clock& clock)
    : node_(node),
      config_(config),
      mac_(std::move(mac)),
      link_key_(link_key),
      clock_(clock),
      orbit_(node.io()),
      inbox_(node, [this](const bus::Peer& peer, v1::Envelope request) { on_bus(peer, std::move(request)); }),
      policy_(node, bus::kPolicy, [this](v1::Envelope e) { on_from_policy(std::move(e)); }),
      supervisor_(node, bus::kSupervisor, [this](v1::Envelope e) { on_from_supervisor(std::move(e)); }),
      webhook_(node, bus::kWebhook),
      events_(
          node, [this](v1::Envelope e) { on_published(std::move(e)); }, kEventsRest),
      streams_to_serve_(node.io()),
      random_(std::random_device{}()),
      started_ms_(clock.now_ms()) {
  supervisor_.on_connected([this] {
    show_the_way_back();
    tell_devices();
  });
}

void Service::run() {
  loop::spawn(node_.io(), "devices", tell_devices_now_and_then());
  loop::spawn(node_.io(), "link", keep_linked());
  loop::spawn(node_.io(), "streams", serve_streams());
  loop::spawn(node_.io(), "freshness", tell_freshness());
}

loop::Task<> Service::keep_linked() {
  if (config_.orbit.url.empty() || config_.orbit.user.empty()) {
    set_state(
        "off",
        "no Orbit is configured: set `url` and `user` under [orbit] in zane.toml, as `script/run` does");
    co_return;
  }
  std::uniform_real_distribution<double> chance(0, 1);
  for (;;) {
    const int64_t began = base::steady_ns();
    const LinkError end = co_await link_once();
    ++link_;
    clients_.clear();
    waiting_.clear();
    terminals_.clear();
    log::warn("link_ended", {{"why", end.message}});
    set_state(state_of(end.kind), end.message);
    const milliseconds lived((base::steady_ns() - began) / 1000000);
    const milliseconds next = backoff_.next(lived, chance(random_));
    const bool hopeless = end.kind != LinkEnd::kWeather;
    co_await pause(hopeless ? std::max(next, kRefusedPause) : next);
  }
}

loop::Task<LinkError> Service::link_once() {
  const auto address = parse_orbit_url(config_.orbit.url);
  if (!address.ok()) co_return LinkError{LinkEnd::kRefused, std::string(address.status().message())};
  auto failed = co_await orbit_.connect(
      {*address, "/link/" + config_.orbit.user + "/" + mac_, link_token(), config_.orbit.ca_file});
  if (failed) co_return *failed;
  greeted_ = false;
  greet_error_.clear();
  v1::LinkHeader header;
  *header.mutable_hello() = hello();
  send(std::move(header));
  LinkError end = co_await orbit_.run([this](std::string_view frame) { on_frame(frame); });
  if (!greet_error_.empty()) end = {LinkEnd::kNoCommonVersion, greet_error_};
  co_return end;
}

// Waits, but not longer than it takes to notice that the Mac has slept: then the
// network is likely back and the next attempt is due at once.
loop::Task<> Service::pause(milliseconds time) {
  while (time.count() > 0) {
    const milliseconds step = std::min(time, kPauseStep);
    const int64_t wall = clock_.now_ms();
    co_await loop::sleep_for(node_.io(), step);
    if (clock_.now_ms() - wall > step.count() + kJumpMs) {
      log::info("woke_up", {});
      co_return;
    }
    time -= step;
  }
}

std::string Service::link_token() const {
  const int64_t now_s = clock_.now_ms() / 1000;
  return crypto::sign_jwt(link_key_,
                          boost::json::serialize(boost::json::object{{"iss", mac_},
                                                                     {"sub", config_.orbit.user},
                                                                     {"aud", "zane-link"},
                                                                     {"jti", crypto::fresh_id()},
                                                                     {"iat", now_s},
                                                                     {"exp", now_s + kLinkTokenS}}));
}

v1::Hello Service::hello() const {
  v1::Hello hello;
  hello.set_part("relay");
  hello.set_protocol_min(link::kProtocolMin);
  hello.set_protocol_max(link::kProtocolMax);
  for (const char* feature : {"terminal", "hooks"}) hello.add_features(feature);
  hello.set_release(ZANE_RELEASE);
  return hello;
}

void Service::on_frame(std::string_view bytes) {
  const auto frame = link::decode(bytes);
  if (!frame.ok()) {
    log::warn("frame_refused", {{"why", frame.status().message()}, {"bytes", bytes.size()}});
    const auto said = link::decode_header(bytes);
    if (greeted_ && said.ok())
      undelivered(*said, "bad-frame", std::string(frame.status().message()) + ": reload the page");
    return;
  }
  const auto& header = frame->header;
  if (!greeted_) {
    if (!header.has_hello() || !on_hello(header.hello())) orbit_.close();
    return;
  }
  on_phone_frame(header, frame->bodies);
}

bool Service::on_hello(const v1::Hello& theirs) {
  const std::string part = link::part_to_update(hello(), theirs);
  if (!part.empty()) {
    greet_error_ = "this Mac's relay " ZANE_RELEASE " and Orbit " + theirs.release() +
                   " have no protocol version in common: update " + part;
    log::error("protocol_mismatch", {{"update", part}, {"orbit_release", theirs.release()}});
    return false;
  }
  greeted_ = true;
  set_state("ready", "");
  log::info("linked", {{"orbit", config_.orbit.url}, {"orbit_release", theirs.release()}});
  loop::spawn(node_.io(), "hooks", tell_hooks());
  return true;
}

void Service::set_state(const std::string& state, const std::string& message) {
  if (state == state_ && message == state_message_) return;
  state_ = state;
  state_message_ = message;
  if (state != "ready") log::warn("link_state", {{"state", state}, {"message", message}});
}

void Service::on_bus(const bus::Peer& peer, v1::Envelope request) {
  if (!request.has_service_status_question()) {
    inbox_.fail(peer, request, "bad-message", "relay does not take this");
    return;
  }
  v1::Envelope answer = node_.envelope();
  auto* status = answer.mutable_service_status();
  status->set_name("relay");
  status->set_release(ZANE_RELEASE);
  status->set_pid(::getpid());
  status->set_started_ms(started_ms_);
  status->set_state(state_);
  status->set_message(state_message_);
  inbox_.reply(peer, request, std::move(answer));
}

}  // namespace zane::relay
