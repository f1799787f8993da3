#include "services/policy/own_methods.h"

#include "lib/base/machine.h"
#include "lib/link/frame.h"
#include "lib/log/log.h"

namespace zane::policy {
namespace {

namespace bj = boost::json;

constexpr int kAuditRecordsMax = 200;

v1::Hello hello(const char* part, int64_t protocol_min, int64_t protocol_max) {
  v1::Hello hello;
  hello.set_part(part);
  hello.set_protocol_min(static_cast<uint32_t>(protocol_min));
  hello.set_protocol_max(static_cast<uint32_t>(protocol_max));
  return hello;
}

}  // namespace

OwnMethods::OwnMethods(bus::Node& node, const config::Config& config, std::string mac, Store& store,
                       Pairing& pairing, bus::Client& supervisor, const base::Clock& clock)
    : node_(node),
      config_(config),
      mac_(std::move(mac)),
      store_(store),
      pairing_(pairing),
      supervisor_(supervisor),
      clock_(clock) {}

loop::Task<Judged> OwnMethods::answer(const Order& order) {
  if (order.method == "zane/attach") co_return co_await attach(order);
  if (order.method == "zane/pair") co_return pair();
  if (order.method == "zane/devices") co_return Judged::answered({{"devices", devices()}});
  if (order.method == "zane/device/role") co_return set_role(order);
  if (order.method == "zane/audit") co_return audit_tail();
  co_return Judged::refused("bad-command", "there is no method `" + order.method + "`");
}

loop::Task<Judged> OwnMethods::attach(const Order& order) {
  const auto* protocol = json::object_at(order.params, "protocol");
  const auto theirs = hello("client", protocol ? json::int_at(*protocol, "min").value_or(0) : 0,
                            protocol ? json::int_at(*protocol, "max").value_or(0) : 0);
  const auto mine = hello("Mac", link::kProtocolMin, link::kProtocolMax);
  if (const auto part = link::part_to_update(mine, theirs); !part.empty()) {
    log::warn("protocol_mismatch", {{"update", part}, {"client_release", order.text("release")}});
    co_return Judged::refused("protocol", part == "client"
                                              ? "this page is too old for your Mac: reload it"
                                              : "Zane on your Mac is too old for this page: update it there");
  }
  v1::Envelope question = node_.envelope(order.trace, order.id);
  question.mutable_question()->mutable_status();
  const auto answered = co_await supervisor_.ask(std::move(question));
  const v1::CodexState codex = answered.ok() ? answered->answer().status() : v1::CodexState();
  bj::array hooks;
  for (const auto& hook : config_.hooks)
    hooks.push_back({{"name", hook.name}, {"path", "/hooks/" + config_.orbit.user + "." + hook.id}});
  bj::array folders(config_.policy.folders.begin(), config_.policy.folders.end());
  const char* user_home = std::getenv("HOME");
  co_return Judged::answered(
      {{"mac", mac_},
       {"macName", config_.mac.name.empty() ? base::machine_name() : config_.mac.name},
       {"release", ZANE_RELEASE},
       {"protocol", {{"min", link::kProtocolMin}, {"max", link::kProtocolMax}}},
       // What else it understands, by name.
       {"features", {"probe"}},
       {"role", name_of(order.role)},
       {"device", order.actor.id()},
       {"devices", devices()},
       {"codex",
        {{"state", codex.state().empty() ? "unknown" : codex.state()},
         {"version", codex.version()},
         {"message", answered.ok() ? codex.message() : std::string(answered.status().message())},
         {"home", codex.codex_home()}}},
       {"folders", std::move(folders)},
       {"hooks", std::move(hooks)},
       {"home", user_home ? user_home : ""}});
}

Judged OwnMethods::pair() {
  const auto link = pairing_.make_link(clock_.now_ms());
  if (!link.ok()) return Judged::refused("bad-command", std::string(link.status().message()));
  return Judged::answered({{"url", link->url},
                           {"expiresAt", link->expires_ms},
                           {"reachable", link->reachable},
                           {"advice", link->advice}});
}

Judged OwnMethods::set_role(const Order& order) {
  const auto role = role_from(order.text("role"));
  const std::string device = order.text("device");
  if (!role || !store_.device(device))
    return Judged::refused("bad-command",
                           "name a paired `device` and a `role`: viewer, approver, operator or owner");
  store_.set_role(device, *role);
  return Judged::answered({});
}

Judged OwnMethods::audit_tail() {
  bj::array records;
  for (const auto& line : store_.audit_tail(kAuditRecordsMax)) records.push_back(bj::parse(line));
  return Judged::answered({{"records", std::move(records)}});
}

bj::array OwnMethods::devices() {
  bj::array devices;
  for (const auto& d : store_.devices())
    devices.push_back({{"device", d.id},
                       {"name", d.name},
                       {"role", name_of(d.role)},
                       {"pairedAt", d.paired_ms},
                       {"lastSeenAt", d.last_seen_ms}});
  return devices;
}

}  // namespace zane::policy
