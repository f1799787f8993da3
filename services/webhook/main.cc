// webhook's entry: objects in the order of their dependence, the loop.
#include "lib/entry/entry.h"
#include "services/webhook/service.h"

namespace {

void run(zane::entry::Entry& entry) {
  zane::webhook::Service service(entry.node, entry.config, entry.clock);
  service.run();
  zane::loop::run_until_signal(entry.io, [] {});
}

}  // namespace

int main(int argc, char** argv) { return zane::entry::run_service(argc, argv, zane::bus::kWebhook, run); }
