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

namespace zane::relay {

// What waits to be written. Streams hold back before it is full; receipts and
// hook acknowledgements beyond it end the connection, and are asked for again.
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

  enum class Form { kText, kBinary };
  // False at the bound or when it is closed.
  bool send(std::string frame, Form form = Form::kText);
  [[nodiscard]] size_t waiting_bytes() const { return outbox_bytes_; }
  [[nodiscard]] bool is_open() const { return open_ && *open_; }

  void close();

 private:
  struct Stream;
  struct Outgoing {
    std::string frame;
    Form form;
  };
  loop::Task<> write();
  loop::Task<> heartbeat();

  loop::Io& io_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<bool> open_;
  std::deque<Outgoing> outbox_;
  size_t outbox_bytes_ = 0;
  loop::Signal to_write_;
  int64_t heard_ns_ = 0;
  bool silent_ = false;
};

}  // namespace zane::relay
