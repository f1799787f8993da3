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
  explicit Stream(loop::Io& io) : ws(io) {}
  beast::websocket::stream<Local::socket> ws;
  beast::flat_buffer buffer;
};

namespace {

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string instance_of(int64_t peer_pid, const std::filesystem::path& path) {
  struct stat info {};
  ::stat(path.c_str(), &info);
#ifdef __APPLE__
  const auto changed = info.st_ctimespec;
#else
  const auto changed = info.st_ctim;
#endif
  const std::string facts = base::boot_id() + "/" + std::to_string(peer_pid) + "/" +
                            std::to_string(info.st_ino) + "/" + std::to_string(changed.tv_sec) + "." +
                            std::to_string(changed.tv_nsec);
  return crypto::to_base64url(crypto::sha256(facts).substr(0, 16));
}

}  // namespace

CodexSocket::CodexSocket(loop::Io& io) : io_(io), to_write_(io) {}
CodexSocket::~CodexSocket() { close(); }

loop::Task<absl::Status> CodexSocket::connect(const std::filesystem::path& path) {
  close();
  stream_ = std::make_shared<Stream>(io_);
  const auto stream = stream_;
  auto& ws = stream->ws;
  ws.read_message_max(kCodexMessageBytesMax);
  ws.auto_fragment(false);
  boost::system::error_code error;
  co_await ws.next_layer().async_connect(Local::endpoint(path.string()), into(error));
  if (error) co_return absl::NotFoundError("can't connect to `" + path.string() + "`: " + error.message());
  const auto peer = base::peer_of_unix_socket(ws.next_layer().native_handle());
  peer_pid_ = peer ? peer->pid : -1;
  instance_ = instance_of(peer_pid_, path);
  co_await ws.async_handshake("localhost", "/", into(error));
  if (error)
    co_return absl::UnavailableError("`" + path.string() +
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
  while (*open) {
    co_await stream->ws.async_read(buffer, into(error));
    if (error) break;
    const auto data = buffer.cdata();
    on_message(std::string_view(static_cast<const char*>(data.data()), data.size()), base::steady_ns());
    buffer.consume(buffer.size());
  }
  *open = false;
  to_write_.raise();
  if (error == beast::websocket::error::message_too_big)
    co_return absl::ResourceExhaustedError(
        "codex sent a message of more than 64 MiB: the connection is made anew");
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

void CodexSocket::close() {
  if (!open_ || !*open_) return;
  *open_ = false;
  boost::system::error_code ignored;
  stream_->ws.next_layer().close(ignored);
  to_write_.raise();
}

}  // namespace zane::supervisor
