// The loopback intake: POST /hooks/<id> on 127.0.0.1, for senders on this Mac. The
// port and its connections; what is said on one is in exchange.h.
#pragma once

#include <string>

#include "lib/loop/loop.h"
#include "services/webhook/exchange.h"

namespace zane::webhook {

inline constexpr int kConnectionsMax = 32;

class Listener {
 public:
  Listener(loop::Io& io, int port, Exchange::Intake intake);

  // Tries for the port until it has it; `state()` says how it is.
  loop::Task<> run();
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  loop::Task<> accept_all(class Acceptor& acceptor);

  loop::Io& io_;
  int port_;
  Exchange::Intake intake_;
  int connections_ = 0;
  std::string trouble_;

  friend class Acceptor;
};

}  // namespace zane::webhook
