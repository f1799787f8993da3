// webhook's entry: flags, objects in the order of their dependence, the loop.
#include <sysexits.h>

#include "lib/log/log.h"
#include "services/webhook/service.h"

namespace {

int fail(int code, std::string_view event, std::string_view why) {
  zane::log::error(event, {{"error", why}});
  return code;
}

int run(zane::base::Home home) {
  using namespace zane;
  const auto lock = base::ServiceLock::take(home, bus::kWebhook);
  if (!lock.ok()) return fail(EX_TEMPFAIL, "already_running", std::string(lock.status().message()));
  const auto config = config::load(home);
  if (!config.ok()) return fail(EX_CONFIG, "bad_config", std::string(config.status().message()));
  const auto made = bus::ensure_keys(home);
  if (!made.ok()) return fail(EX_CANTCREAT, "no_bus_keys", std::string(made.message()));
  auto keys = bus::load_keys(home, bus::kWebhook);
  if (!keys.ok()) return fail(EX_NOPERM, "no_bus_keys", std::string(keys.status().message()));

  loop::Io io(1);
  const base::SystemClock clock;
  bus::Node node(io, home, *std::move(keys));
  webhook::Service service(node, *config, clock);
  service.run();
  loop::run_until_signal(io, [] {});
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  zane::log::start("webhook");
  if (argc > 1)
    return fail(EX_USAGE, "unknown_argument", std::string(argv[1]) + ": webhook takes none; see zane.toml");
  auto home = zane::base::Home::open();
  if (!home.ok()) return fail(EX_CANTCREAT, "no_home", std::string(home.status().message()));
  try {
    return run(*std::move(home));
  } catch (const std::exception& e) {
    return fail(EX_SOFTWARE, "died", e.what());
  }
}
