// relay's entry: flags, objects in the order of their dependence, the loop.
#include <sysexits.h>

#include "lib/log/log.h"
#include "services/relay/service.h"

namespace {

int fail(int code, std::string_view event, std::string_view why) {
  zane::log::error(event, {{"error", why}});
  return code;
}

// relay needs the Mac's name, which is its key's, and never the key: it is let
// go of before the first byte from outside comes in.
absl::StatusOr<std::string> mac_id(const zane::base::Home& home) {
  const auto key = zane::crypto::EcKey::load_or_create(home.key("mac.pem"));
  if (!key.ok()) return key.status();
  return key->public_key().id();
}

int run(zane::base::Home home) {
  using namespace zane;
  const auto lock = base::ServiceLock::take(home, bus::kRelay);
  if (!lock.ok()) return fail(EX_TEMPFAIL, "already_running", std::string(lock.status().message()));
  const auto config = config::load(home);
  if (!config.ok()) return fail(EX_CONFIG, "bad_config", std::string(config.status().message()));
  const auto made = bus::ensure_keys(home);
  if (!made.ok()) return fail(EX_CANTCREAT, "no_bus_keys", std::string(made.message()));
  auto keys = bus::load_keys(home, bus::kRelay);
  if (!keys.ok()) return fail(EX_NOPERM, "no_bus_keys", std::string(keys.status().message()));
  const auto mac = mac_id(home);
  if (!mac.ok()) return fail(EX_NOPERM, "no_mac_key", std::string(mac.status().message()));
  const auto link_key = crypto::EcKey::load_or_create(home.key("link.pem"));
  if (!link_key.ok()) return fail(EX_NOPERM, "no_link_key", std::string(link_key.status().message()));

  loop::Io io(1);
  const base::SystemClock clock;
  bus::Node node(io, home, *std::move(keys));
  relay::Service service(node, *config, *mac, *link_key, clock);
  service.run();
  log::info("identity", {{"mac", *mac}});
  loop::run_until_signal(io, [&] { service.stop(); });
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  zane::log::start("relay");
  if (argc > 1)
    return fail(EX_USAGE, "unknown_argument", std::string(argv[1]) + ": relay takes none; see zane.toml");
  auto home = zane::base::Home::open();
  if (!home.ok()) return fail(EX_CANTCREAT, "no_home", std::string(home.status().message()));
  try {
    return run(*std::move(home));
  } catch (const std::exception& e) {
    return fail(EX_SOFTWARE, "died", e.what());
  }
}
