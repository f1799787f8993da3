// gRPC for the console on $ZANE_HOME/run/admin.sock. Connections are accepted
// here, on the loop, and their peer's user is checked by the kernel's word
// before gRPC sees a byte; gRPC's own threads post to the loop and touch
// nothing else. They are there as long as somebody is connected, and a little
// longer: its timers would wake the machine six times a second.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "services/supervisor/service.h"

namespace zane::supervisor {

// Beyond, who connects is hung up on.
inline constexpr size_t kAdminConnectionsMax = 64;

class AdminServer {
 public:
  AdminServer(loop::Io& io, const base::Home& home, Service& service);
  ~AdminServer();
  absl::Status start();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zane::supervisor
