// relay's entry: objects in the order of their dependence, the loop.
#include "lib/entry/entry.h"
#include "lib/log/log.h"
#include "services/relay/service.h"

namespace {

void run(zane::entry::Entry& entry) {
  // relay needs the Mac's name, which is its key's, and never the key: it is let
  // go of before the first byte from outside comes in.
  const std::string mac = entry.key("mac.pem").public_key().id();
  const auto link_key = entry.key("link.pem");
  zane::relay::Service service(entry.node, entry.config, mac, link_key, entry.clock);
  service.run();
  zane::log::info("identity", {{"mac", mac}});
  zane::loop::run_until_signal(entry.io, [&] { service.stop(); });
}

}  // namespace

int main(int argc, char** argv) { return zane::entry::run_service(argc, argv, zane::bus::kRelay, run); }
