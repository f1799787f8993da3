#include "lib/entry/entry.h"

#include <sys/resource.h>
#include <sysexits.h>

#include <algorithm>
#include <csignal>

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

namespace {

// What the whole process needs of the machine: no end by a closed pipe, and more
// descriptors than launchd and many shells give (Codex inherits the bound).
void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  constexpr rlim_t kDescriptors = 8192;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kDescriptors) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? kDescriptors : std::min(limit.rlim_max, kDescriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::warn("few_descriptors", {{"limit", static_cast<int64_t>(limit.rlim_cur)}});
}

}  // namespace

int run_service(int argc, char** argv, std::string_view service, const std::function<void(Entry&)>& body) {
  log::start(service);
  prepare_process();
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
