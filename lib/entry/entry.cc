#include "lib/entry/entry.h"

#include <sysexits.h>

#include "lib/log/log.h"

namespace zane::entry {
namespace {

template <typename T>
T need(absl::StatusOr<T> value, int code, const char* event) {
  if (!value.ok()) throw CannotStart(code, event, std::string(value.status().message()));
  return *std::move(value);
}

bus::Keys bus_keys(const base::Home& home, std::string_view service) {
  if (const auto made = bus::ensure_keys(home); !made.ok())
    throw CannotStart(EX_CANTCREAT, "no_bus_keys", std::string(made.message()));
  return need(bus::load_keys(home, service), EX_NOPERM, "no_bus_keys");
}

}  // namespace

Entry::Entry(std::string_view service, base::Home opened)
    : home(std::move(opened)),
      lock(need(base::ServiceLock::take(home, service), EX_TEMPFAIL, "already_running")),
      config(need(config::load(home), EX_CONFIG, "bad_config")),
      node(io, home, bus_keys(home, service)) {}

crypto::EcKey Entry::key(std::string_view name) const {
  return need(crypto::EcKey::load_or_create(home.key(name)), EX_NOPERM, "no_key");
}

int run_service(int argc, char** argv, std::string_view service, const std::function<void(Entry&)>& body) {
  log::start(service);
  try {
    if (argc > 1)
      throw CannotStart(EX_USAGE, "unknown_argument",
                        std::string(argv[1]) + ": " + std::string(service) + " takes none; see zane.toml");
    Entry entry(service, need(base::Home::open(), EX_CANTCREAT, "no_home"));
    body(entry);
    return EX_OK;
  } catch (const CannotStart& e) {
    log::error(e.event(), {{"error", e.what()}});
    return e.code();
  } catch (const std::exception& e) {
    log::error("died", {{"error", e.what()}});
    return EX_SOFTWARE;
  }
}

}  // namespace zane::entry
