#include "services/webhook/exchange.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <sstream>
#include <utility>

#include "boost/beast/http/message.hpp"
#include "boost/beast/http/write.hpp"

namespace zane::webhook {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeaderEnd = "\r\n\r\n";
// Of a chunk's first line, and of the last one's with all that follows it: neither
// has a bound of its own in Beast.
constexpr size_t kChunkHeadBytesMax = 16 * 1024;

Reply refuse(int status, const std::string& code, const std::string& message) {
  return {status, "{\"error\":\"" + code + "\",\"message\":\"" + message + "\"}"};
}
Reply too_large() { return refuse(413, "too-large", "a delivery may have 960 KiB at most"); }
Reply not_http() { return refuse(400, "bad-request", "this can't be read as HTTP"); }

// Names of this machine only: a page elsewhere that resolves its own name to
// 127.0.0.1 sends that name here.
bool is_local_host(std::string_view host) {
  for (const std::string_view name : {"localhost", "127.0.0.1", "[::1]"})
    if (host == name || (host.starts_with(name) && host[name.size()] == ':')) return true;
  return false;
}

// Several of one name become one, as Orbit does it: a signature that is there twice
// fits by neither way.
Headers headers_of(const Request& request) {
  Headers headers;
  for (const auto& field : request) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto [at, fresh] = headers.emplace(name, field.value());
    if (!fresh) at->second += ", " + std::string(field.value());
  }
  return headers;
}

// The hook that a target names, as Orbit reads it: without a query, and with or
// without a slash at the end. "" for any other target.
std::string hook_of(std::string_view target) {
  constexpr std::string_view prefix = "/hooks/";
  if (!target.starts_with(prefix)) return "";
  target.remove_prefix(prefix.size());
  target = target.substr(0, target.find('?'));
  if (target.ends_with('/')) target.remove_suffix(1);
  return std::string(target);
}

// As a chunk's first line has it, behind the end of the chunk before; 1 when it has
// none, or none that fits, for Beast to refuse.
uint64_t chunk_size(std::string_view head) {
  if (head.starts_with(kLineEnd)) head.remove_prefix(kLineEnd.size());
  uint64_t size = 1;
  std::from_chars(head.data(), head.data() + head.size(), size, 16);
  return size;
}

// The chunk's first line, and for the last chunk all to the end: whole or "", for
// Beast reads an extension over its line's end, and asserts that the end is there.
std::string_view chunk_head(std::string_view rest) {
  rest = rest.substr(0, kChunkHeadBytesMax);
  const size_t line = rest.starts_with(kLineEnd) ? kLineEnd.size() : 0;
  const std::string_view end = chunk_size(rest) == 0 ? kHeaderEnd : kLineEnd;
  const size_t at = rest.find(end, line);
  return at == std::string_view::npos ? "" : rest.substr(0, at + end.size());
}

}  // namespace

Exchange::Exchange(const Intake& intake) : intake_(intake) {
  parser_.body_limit(kBodyBytesMax);
  parser_.header_limit(kHeaderBytesMax);
}

// The header is looked at before the body is read: a client that waits for "100
// Continue" (RFC 9110 §10.1.1) gets it, or the refusal at once.
std::string Exchange::take(std::string_view bytes) {
  waiting_ += bytes;
  std::string out;
  if (!parser_.is_header_done()) out = read_header();
  if (over_ || !parser_.is_header_done()) return out;
  if (const auto refused = read_body()) return out + answer(*refused);
  if (!parser_.is_done()) return out;
  Request request = parser_.release();
  return out + answer(intake_(hook_of(request.target()), headers_, std::move(request.body())));
}

// Whole or not at all: Beast counts the bound of a header that it reads in pieces
// anew with each piece.
std::string Exchange::read_header() {
  const size_t end = waiting_.find(kHeaderEnd);
  const size_t bytes = end == std::string::npos ? waiting_.size() : end + kHeaderEnd.size();
  if (bytes > kHeaderBytesMax)
    return answer(refuse(431, "header-too-large", "a header may have 16 KiB at most"));
  if (end == std::string::npos) return "";
  boost::system::error_code error;
  const size_t used = parser_.put(boost::asio::buffer(waiting_.data(), bytes), error);
  // A body that is announced as too long is a header's error already.
  if (error == http::error::body_limit) return answer(too_large());
  if (error || used != bytes) return answer(not_http());
  waiting_.erase(0, bytes);
  headers_ = headers_of(parser_.get());
  if (const auto refused = refused_by_header()) return answer(*refused);
  const bool waits = beast::iequals(parser_.get()[http::field::expect], "100-continue");
  return waits ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
}

// Nothing while all is well.
std::optional<Reply> Exchange::read_body() {
  size_t at = 0;
  while (!parser_.is_done() && at < waiting_.size()) {
    const std::string_view rest = std::string_view(waiting_).substr(at);
    const bool in_head = parser_.chunked() && chunk_left_ == 0;
    std::string_view piece = in_head ? chunk_head(rest) : rest;
    if (piece.empty() && rest.size() >= kChunkHeadBytesMax) return not_http();
    if (piece.empty()) break;
    if (parser_.chunked() && !in_head) piece = piece.substr(0, chunk_left_);
    boost::system::error_code error;
    const size_t used = parser_.put(boost::asio::buffer(piece.data(), piece.size()), error);
    if (error == http::error::body_limit) return too_large();
    if (error || (parser_.chunked() && used != piece.size())) return not_http();
    if (parser_.chunked()) chunk_left_ = in_head ? chunk_size(piece) : chunk_left_ - used;
    at += used;
  }
  waiting_.erase(0, at);
  return std::nullopt;
}

// Nothing when its body is to be read.
std::optional<Reply> Exchange::refused_by_header() const {
  const Request& request = parser_.get();
  if (request.count(http::field::host) > 1 || !is_local_host(request[http::field::host]))
    return refuse(421, "wrong-host", "this listener answers for localhost alone");
  if (request.find(http::field::origin) != request.end())
    return refuse(403, "no-browsers", "this listener is not for web pages");
  if (hook_of(request.target()).empty()) return refuse(404, "not-found", "post to /hooks/ and the hook's id");
  if (request.method() != http::verb::post) return refuse(405, "method", "only POST");
  return std::nullopt;
}

std::string Exchange::answer(const Reply& reply) {
  over_ = true;
  Response response{static_cast<http::status>(reply.status), 11};
  response.set(http::field::content_type, "application/json");
  response.keep_alive(false);
  response.body() = reply.json;
  response.prepare_payload();
  std::ostringstream out;
  out << response;
  return std::move(out).str();
}

}  // namespace zane::webhook
