// The loopback intake: POST /hooks/<id> on 127.0.0.1, for senders on this Mac.
// Checks Host (no page of another site may post here), allows no CORS.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "lib/loop/loop.h"
#include "services/webhook/verify.h"

namespace zane::webhook {

inline constexpr size_t kBodyBytesMax = 1024 * 1024 - 64 * 1024;
inline constexpr int kConnectionsMax = 32;

struct Reply {
  int status = 202;
  std::string json;
};

class Listener {
 public:
  using Intake = std::function<Reply(const std::string& hook, const Headers& headers, std::string body)>;
  Listener(loop::Io& io, int port, Intake intake);

  // Tries for the port until it has it; `state()` says how it is.
  loop::Task<> run();
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  loop::Task<> accept_all(class Acceptor& acceptor);

  loop::Io& io_;
  int port_;
  Intake intake_;
  int connections_ = 0;
  std::string trouble_;

  friend class Acceptor;
};

}  // namespace zane::webhook
