#include "lib/entry/entry.h"

#include <sys/resource.h>
#include <sysexits.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/journal/cure.h"
#include "lib/log/log.h"

namespace zane::entry {
namespace {

// The Mac's identity; the other key is its credential with Orbit.
constexpr std::string_view kMacKey = "mac.pem";

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

// A key that is made anew makes another Mac of this one: never in silence.
void Entry::refuse_lost_key(std::string_view name) const {
  const auto file = home.key(name);
  const auto published = std::filesystem::path(file).replace_extension(".pub");
  std::error_code ignored;
  // Looked at first: policy makes the key before either of these.
  const bool had_one = std::filesystem::exists(published, ignored) ||
                       (name == kMacKey && std::filesystem::exists(home.data("policy.db"), ignored));
  if (!had_one || std::filesystem::exists(file, ignored)) return;
  const std::string cure =
      name == kMacKey
          ? "restore it from a backup. To begin anew without it: move `" + published.string() + "` and `" +
                home.data("policy.db").string() +
                "` away, start again, run `script/run` (or register this Mac with your Orbit), and pair "
                "your phones again"
          : "restore it from a backup, or move `" + published.string() +
                "` away, start again, and register this Mac with your Orbit anew (`script/run` does)";
  throw CannotStart(EX_NOINPUT, "key_lost",
                    "`" + file.string() + "`, by which " + (name == kMacKey ? "phones" : "Orbit") +
                        " know this Mac, is gone: " + cure);
}

crypto::EcKey Entry::key(std::string_view name) const {
  refuse_lost_key(name);
  return need(crypto::EcKey::load_or_create(home.key(name)), EX_NOPERM, "no_key");
}

namespace {

#ifdef __APPLE__
constexpr char kUtf8Locale[] = "en_US.UTF-8";
#else
constexpr char kUtf8Locale[] = "C.UTF-8";
#endif

// What the whole process, and Codex with its shells that inherit it, need of the
// machine: no end by a closed pipe, UTF-8 where nobody has chosen (launchd sets no
// locale), more descriptors than launchd and many shells give.
void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  const auto unset = [](const char* name) {
    const char* value = std::getenv(name);
    return !value || !*value;
  };
  if (unset("LC_ALL") && unset("LC_CTYPE") && unset("LANG")) ::setenv("LANG", kUtf8Locale, 1);
  constexpr rlim_t kDescriptors = 8192;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kDescriptors) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? kDescriptors : std::min(limit.rlim_max, kDescriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::warn("few_descriptors", {{"limit", static_cast<int64_t>(limit.rlim_cur)}});
}

// Why a service ended, for `zane doctor`: who looks there has no log at hand. In run/,
// and gone at the next start that gets so far.
std::filesystem::path last_words(std::string_view service) {
  const auto home = base::Home::open();
  return home.ok() ? home->socket(std::string(service) + ".ended") : std::filesystem::path();
}

void leave_last_words(std::string_view service, const char* why) {
  const auto file = last_words(service);
  if (file.empty()) return;
  const auto now_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  std::ofstream(file, std::ios::trunc) << now_s.count() << "\n" << why << "\n";
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
    std::error_code ignored;
    std::filesystem::remove(last_words(service), ignored);
    body(entry);
    return EX_OK;
  } catch (const CannotStart& e) {
    log::error(e.event(), {{"error", e.what()}});
    // Another that runs well is not spoken of.
    if (e.code() != EX_TEMPFAIL && e.code() != EX_USAGE) leave_last_words(service, e.what());
    return e.code();
  } catch (const journal::SqliteError& e) {
    const std::string why = journal::with_cure(e);
    log::error("died", {{"error", why}});
    leave_last_words(service, why.c_str());
    return EX_SOFTWARE;
  } catch (const std::exception& e) {
    log::error("died", {{"error", e.what()}});
    leave_last_words(service, e.what());
    return EX_SOFTWARE;
  }
}

}  // namespace zane::entry
