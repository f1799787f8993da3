#include "tests/fake_codex/connection.h"

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"

namespace zane::fake_codex {

namespace asio = boost::asio;

namespace {

constexpr size_t kMessageBytesMax = 64 * 1024 * 1024;

auto into(boost::system::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

}  // namespace

loop::Task<> Connection::run(OnText on_text) {
  const auto self = shared_from_this();
  ws_.read_message_max(kMessageBytesMax);
  ws_.auto_fragment(false);
  boost::system::error_code error;
  co_await ws_.async_accept(into(error));
  if (!error) loop::spawn(io_, "write", write());
  boost::beast::flat_buffer buffer;
  while (!error && open_) {
    co_await ws_.async_read(buffer, into(error));
    if (error) break;
    const auto data = buffer.cdata();
    if (listens_) on_text(self, std::string_view(static_cast<const char*>(data.data()), data.size()));
    buffer.consume(buffer.size());
  }
  open_ = false;
  changed_.raise();
}

loop::Task<> Connection::write() {
  const auto self = shared_from_this();
  ws_.text(true);
  while (open_) {
    if (outbox_.empty()) {
      co_await changed_.wait();
      continue;
    }
    const auto text = std::move(outbox_.front());
    outbox_.pop_front();
    outbox_bytes_ -= text->size();
    is_writing_ = true;
    boost::system::error_code error;
    co_await ws_.async_write(asio::buffer(*text), into(error));
    is_writing_ = false;
    if (error) break;
  }
  open_ = false;
  outbox_.clear();
  ws_.next_layer().close();
}

void Connection::send(std::shared_ptr<const std::string> text) {
  if (!open_) return;
  outbox_bytes_ += text->size();
  outbox_.push_back(std::move(text));
  if (outbox_bytes_ > kOutboxBytesMax) open_ = false;
  changed_.raise();
}

}  // namespace zane::fake_codex
