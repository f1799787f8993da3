#include "services/supervisor/codex_socket.h"

#include <sys/stat.h>

#include "boost/asio/local/stream_protocol.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/websocket.hpp"
#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"

namespace zane::supervisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Local = asio::local::stream_protocol;

struct CodexSocket::Stream {
  explicit Stream(loop::Io& io) : ws(io), deadline(io) {}
  beast::websocket::stream<Local::socket> ws;
  beast::flat_buffer buffer;
  loop::Timer deadline;
  bool too_late = false;
};

namespace {

// A Codex that lives answers the handshake in milliseconds; one that was stopped
// never does, and its kernel-side queue takes the connection all the same.
constexpr std::chrono::seconds kHandshakeDeadline{5};
// Of a message that is too long: where its id and method stand.
constexpr size_t kHeadBytes = 64 * 1024;

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string instance_of(int64_t peer_pid, const std::filesystem::path& path) {
  struct stat info {};
  ::stat(path.c_str(), &info);
  const std::string facts = base::boot_id() + "/" + std::to_string(peer_pid) + "/" +
                            base::process_start(peer_pid) + "/" + std::to_string(info.st_ino);
  return crypto::to_base64url(crypto::sha256(facts).substr(0, 16));
}

absl::Status not_connected(const std::filesystem::path& path, const boost::system::error_code& error) {
  const std::string text = "can't connect to `" + path.string() + "`: " + error.message();
  const bool nobody = error == boost::system::errc::no_such_file_or_directory ||
                      error == boost::system::errc::connection_refused;
  return nobody ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

}  // namespace

CodexSocket::CodexSocket(loop::Io& io, size_t message_bytes_max)
    : io_(io), message_bytes_max_(message_bytes_max), to_write_(io), released_(io) {}
CodexSocket::~CodexSocket() { close(); }

loop::Task<absl::Status> CodexSocket::connect(const std::filesystem::path& path) {
  close();
  if (path.string().size() >= sizeof(sockaddr_un::sun_path))
    co_return absl::FailedPreconditionError(
        "`" + path.string() + "` is too long for a socket: name a shorter `socket` under [codex]");
  stream_ = std::make_shared<Stream>(io_);
  const auto stream = stream_;
  auto& ws = stream->ws;
  ws.read_message_max(0);
  ws.auto_fragment(false);
  boost::system::error_code error;
  stream->deadline.expires_after(kHandshakeDeadline);
  stream->deadline.async_wait([weak = std::weak_ptr<Stream>(stream)](boost::system::error_code cancelled) {
    const auto late = weak.lock();
    if (cancelled || !late) return;
    late->too_late = true;
    boost::system::error_code ignored;
    late->ws.next_layer().close(ignored);
  });
  co_await ws.next_layer().async_connect(Local::endpoint(path.string()), into(error));
  if (error) {
    stream->deadline.cancel();
    co_return not_connected(path, error);
  }
  base::close_on_exec(ws.next_layer().native_handle());
  const auto peer = base::peer_of_unix_socket(ws.next_layer().native_handle());
  peer_pid_ = peer ? peer->pid : -1;
  instance_ = instance_of(peer_pid_, path);
  co_await ws.async_handshake("localhost", "/", into(error));
  stream->deadline.cancel();
  if (stream->too_late)
    co_return absl::DeadlineExceededError("`" + path.string() + "` takes the connection and says nothing");
  if (error)
    co_return absl::FailedPreconditionError("`" + path.string() +
                                            "` is not a `codex app-server`: " + error.message());
  open_ = std::make_shared<bool>(true);
  outbox_.clear();
  outbox_bytes_ = 0;
  co_return absl::OkStatus();
}

loop::Task<absl::Status> CodexSocket::run(OnMessage on_message) {
  loop::spawn(io_, "codex_write", write());
  const auto open = open_;
  const auto stream = stream_;
  auto& buffer = stream->buffer;
  boost::system::error_code error;
  size_t total = 0;
  while (*open) {
    if (held_) {
      co_await released_.wait();
      continue;
    }
    total += co_await stream->ws.async_read_some(buffer, 0, into(error));
    if (error) break;
    const bool cut = total > message_bytes_max_;
    if (stream->ws.is_message_done()) {
      const auto data = buffer.cdata();
      const size_t kept = cut ? std::min(data.size(), kHeadBytes) : data.size();
      on_message({{static_cast<const char*>(data.data()), kept}, cut, base::steady_ns()});
      buffer.consume(buffer.size());
      if (cut) buffer.shrink_to_fit();
      total = 0;
    } else if (cut && buffer.size() > kHeadBytes) {
      // Its head stays; what follows is read and let go of.
      beast::flat_buffer head;
      head.commit(asio::buffer_copy(head.prepare(kHeadBytes), buffer.cdata(), kHeadBytes));
      buffer = std::move(head);
    }
  }
  *open = false;
  to_write_.raise();
  co_return absl::UnavailableError("the connection to codex ended: " + error.message());
}

loop::Task<> CodexSocket::write() {
  const auto open = open_;
  const auto stream = stream_;
  while (*open) {
    if (outbox_.empty()) {
      co_await to_write_.wait();
      continue;
    }
    const std::string message = std::move(outbox_.front());
    outbox_.pop_front();
    outbox_bytes_ -= message.size();
    boost::system::error_code error;
    co_await stream->ws.async_write(asio::buffer(message), into(error));
    if (error) break;
  }
}

bool CodexSocket::send(std::string message) {
  if (!open_ || !*open_ || outbox_bytes_ + message.size() > kCodexOutboxBytesMax) return false;
  outbox_bytes_ += message.size();
  outbox_.push_back(std::move(message));
  to_write_.raise();
  return true;
}

void CodexSocket::hold(bool held) {
  held_ = held;
  if (!held) released_.raise();
}

void CodexSocket::close() {
  held_ = false;
  released_.raise();
  if (!open_ || !*open_) return;
  *open_ = false;
  boost::system::error_code ignored;
  stream_->ws.next_layer().close(ignored);
  to_write_.raise();
}

}  // namespace zane::supervisor
