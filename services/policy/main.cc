// policy's entry: objects in the order of their dependence, the loop.
#include <sysexits.h>

#include "lib/base/file.h"
#include "lib/crypto/bytes.h"
#include "lib/entry/entry.h"
#include "lib/log/log.h"
#include "services/policy/service.h"

namespace {

// For whoever registers this Mac with an Orbit (script/run, the operator).
void publish_key(const std::filesystem::path& file, const zane::crypto::EcKey& key) {
  const auto written =
      zane::base::create_secret_file(file, zane::crypto::to_base64url(key.public_key().raw()));
  if (!written.ok() && !absl::IsAlreadyExists(written))
    throw zane::entry::CannotStart(EX_CANTCREAT, "no_public_key", std::string(written.message()));
}

void run(zane::entry::Entry& entry) {
  const auto mac_key = entry.key("mac.pem");
  const auto link_key = entry.key("link.pem");
  publish_key(entry.home.key("mac.pub"), mac_key);
  publish_key(entry.home.key("link.pub"), link_key);
  const zane::policy::NoRules rules;
  zane::policy::Service service(entry.node, entry.config, mac_key, link_key, rules, entry.clock);
  service.run();
  zane::log::info("identity", {{"mac", mac_key.public_key().id()}});
  zane::loop::run_until_signal(entry.io, [] {});
}

}  // namespace

int main(int argc, char** argv) { return zane::entry::run_service(argc, argv, zane::bus::kPolicy, run); }
