// The one connection of the Mac to the outside: a WebSocket to Orbit, over TLS
// (plain only to loopback), through HTTPS_PROXY if that is set. Knows frames as
// bytes, nothing of their meaning. One per connection; on the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/loop/loop.h"
#include "services/relay/allowance.h"

namespace zane::relay {

// What waits to be written, of the two kinds of frames each. Streams hold back and
// terminals drop before theirs is full; receipts beyond theirs end the connection,
// and are asked for again.
inline constexpr size_t kOutboxBytesMax = 8 * 1024 * 1024;

struct OrbitAddress {
  bool tls = true;
  std::string host;
  std::string port;
};

// InvalidArgument with the cure: https anywhere, http to loopback alone.
absl::StatusOr<OrbitAddress> parse_orbit_url(const std::string& url);

// Why a connection could not be made or ended, as far as the reaction differs.
enum class LinkEnd { kWeather, kRefused, kBadCertificate, kNoCommonVersion, kReplaced };

struct LinkError {
  LinkEnd kind = LinkEnd::kWeather;
  std::string message;
};

class OrbitSocket {
 public:
  using OnFrame = std::function<void(std::string_view frame)>;

  explicit OrbitSocket(loop::Io& io);
  ~OrbitSocket();

  struct Target {
    OrbitAddress address;
    std::string path;
    std::string token;    // for the Authorization header
    std::string ca_file;  // trusted too; may be empty
  };
  // Nothing when it is open.
  loop::Task<std::unique_ptr<LinkError>> connect(Target target);

  // Reads until it ends, sending `ping` and demanding `pong`.
  loop::Task<LinkError> run(OnFrame on_frame);

  // Receipts, hook acknowledgements and their like go before what flows: events
  // and terminal output, which are paced to what Orbit allows a Mac.
  enum class Kind { kUrgent, kFlow };
  // False at the bound or when it is closed.
  bool send(std::string frame, Kind kind = Kind::kUrgent);
  // Of the flow.
  [[nodiscard]] size_t waiting_bytes() const { return flow_.bytes; }
  [[nodiscard]] bool is_open() const { return open_ && *open_; }

  void close();

 private:
  struct Stream;
  struct Queue {
    std::deque<std::string> frames;
    size_t bytes = 0;
  };
  loop::Task<> write();
  loop::Task<> heartbeat();

  loop::Io& io_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<bool> open_;
  Queue urgent_;
  Queue flow_;
  Allowance allowance_;
  loop::Signal to_write_;
  int64_t heard_ns_ = 0;
  bool silent_ = false;
};

}  // namespace zane::relay
