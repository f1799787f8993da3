// policy's entry: flags, objects in the order of their dependence, the loop.
#include <sysexits.h>

#include "lib/base/file.h"
#include "lib/crypto/bytes.h"
#include "lib/log/log.h"
#include "services/policy/service.h"

namespace {

int fail(int code, std::string_view event, std::string_view why) {
  zane::log::error(event, {{"error", why}});
  return code;
}

absl::Status publish_key(const std::filesystem::path& file, const zane::crypto::EcKey& key) {
  const auto written =
      zane::base::create_secret_file(file, zane::crypto::to_base64url(key.public_key().raw()));
  return absl::IsAlreadyExists(written) ? absl::OkStatus() : written;
}

int run(zane::base::Home home) {
  using namespace zane;
  const auto lock = base::ServiceLock::take(home, bus::kPolicy);
  if (!lock.ok()) return fail(EX_TEMPFAIL, "already_running", std::string(lock.status().message()));
  const auto config = config::load(home);
  if (!config.ok()) return fail(EX_CONFIG, "bad_config", std::string(config.status().message()));
  const auto made = bus::ensure_keys(home);
  if (!made.ok()) return fail(EX_CANTCREAT, "no_bus_keys", std::string(made.message()));
  auto keys = bus::load_keys(home, bus::kPolicy);
  if (!keys.ok()) return fail(EX_NOPERM, "no_bus_keys", std::string(keys.status().message()));
  const auto mac_key = crypto::EcKey::load_or_create(home.key("mac.pem"));
  if (!mac_key.ok()) return fail(EX_NOPERM, "no_mac_key", std::string(mac_key.status().message()));
  const auto link_key = crypto::EcKey::load_or_create(home.key("link.pem"));
  if (!link_key.ok()) return fail(EX_NOPERM, "no_link_key", std::string(link_key.status().message()));

  // For whoever registers this Mac with an Orbit (script/run, the operator).
  for (const auto& [name, key] : {std::pair{"mac.pub", &*mac_key}, std::pair{"link.pub", &*link_key}})
    if (const auto written = publish_key(home.key(name), *key); !written.ok())
      return fail(EX_CANTCREAT, "no_public_key", std::string(written.message()));

  loop::Io io(1);
  const base::SystemClock clock;
  bus::Node node(io, home, *std::move(keys));
  policy::Service service(node, *config, *mac_key, *link_key, clock);
  service.run();
  log::info("identity", {{"mac", mac_key->public_key().id()}});
  loop::run_until_signal(io, [] {});
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  zane::log::start("policy");
  if (argc > 1)
    return fail(EX_USAGE, "unknown_argument", std::string(argv[1]) + ": policy takes none; see zane.toml");
  auto home = zane::base::Home::open();
  if (!home.ok()) return fail(EX_CANTCREAT, "no_home", std::string(home.status().message()));
  try {
    return run(*std::move(home));
  } catch (const std::exception& e) {
    return fail(EX_SOFTWARE, "died", e.what());
  }
}
