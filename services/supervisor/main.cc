// supervisor's entry: objects in the order of their dependence, the loop.
#include <sysexits.h>

#include "lib/entry/entry.h"
#include "services/supervisor/admin_server.h"
#include "services/supervisor/service.h"

namespace {

void run(zane::entry::Entry& entry) {
  const auto mac_key = entry.key("mac.pem");
  zane::supervisor::Service service(entry.node, entry.config, mac_key, entry.clock);
  zane::supervisor::AdminServer admin(entry.io, entry.home, service);
  if (const auto listening = admin.start(); !listening.ok())
    throw zane::entry::CannotStart(EX_CANTCREAT, "no_admin_socket", std::string(listening.message()));
  service.run();
  zane::loop::run_until_signal(entry.io, [&] {
    service.stop();
    admin.stop();
  });
}

}  // namespace

int main(int argc, char** argv) { return zane::entry::run_service(argc, argv, zane::bus::kSupervisor, run); }
