// gRPC for the console on $ZANE_HOME/run/admin.sock. Connections are accepted
// here, on the loop, and their peer's user is checked by the kernel's word
// before gRPC sees a byte; gRPC's own threads post to the loop and touch
// nothing else.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "services/supervisor/service.h"

namespace zane::supervisor {

inline constexpr int kAdminConnectionsMax = 64;

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
