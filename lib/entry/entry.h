// What every service does before it is itself: logging, its home, its lock, its
// configuration, its place on the bus. Errors are one log line that names the
// cure, and an exit code of sysexits.h.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/home.h"
#include "lib/bus/bus.h"
#include "lib/config/config.h"
#include "lib/crypto/ec_key.h"
#include "lib/loop/loop.h"

namespace zane::entry {

// Ends the process with `code` and a log line `event error=…`.
class CannotStart : public std::runtime_error {
 public:
  CannotStart(int code, std::string event, const std::string& why)
      : std::runtime_error(why), code_(code), event_(std::move(event)) {}
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] const std::string& event() const { return event_; }

 private:
  int code_;
  std::string event_;
};

// Made in this order, gone in the reverse one; outlives the service's objects.
struct Entry {
  // Throws CannotStart.
  Entry(std::string_view service, base::Home opened);

  // keys/<name>, made at the first start; one that was lost since is an error with its
  // cure. Throws CannotStart.
  [[nodiscard]] crypto::EcKey key(std::string_view name) const;
  void refuse_lost_key(std::string_view name) const;

  base::Home home;
  base::ServiceLock lock;
  config::Config config;
  loop::Io io{1};
  base::SystemClock clock;
  bus::Node node;
};

// main of a service: `body` makes its objects and runs the loop until a signal.
int run_service(int argc, char** argv, std::string_view service, const std::function<void(Entry&)>& body);

}  // namespace zane::entry
