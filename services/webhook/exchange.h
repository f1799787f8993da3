// One request to the loopback listener and its answer, without the socket: bytes
// in, bytes out. Checks Host (no page of another site may post here), allows no
// CORS, keeps the bounds; the same however the bytes were cut on their way. Pure
// but for the intake; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "boost/beast/http/parser.hpp"
#include "boost/beast/http/string_body.hpp"
#include "services/webhook/verify.h"

namespace zane::webhook {

inline constexpr size_t kBodyBytesMax = 1024 * 1024 - 64 * 1024;
inline constexpr size_t kHeaderBytesMax = 16 * 1024;

struct Reply {
  int status = 202;
  std::string json;
};

class Exchange {
 public:
  // What to answer to a good request: its hook, its headers, its body.
  using Intake = std::function<Reply(const std::string& hook, const Headers& headers, std::string body)>;
  // `intake` outlives it, and is called once at most.
  explicit Exchange(const Intake& intake);

  // Takes what came, gives what is to be written: "100 Continue", the answer, both
  // or nothing yet. Not to be called when it is over.
  std::string take(std::string_view bytes);
  // It was answered, and nothing more is read.
  [[nodiscard]] bool over() const { return over_; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  // Each takes of `waiting_` what is its own. The first gives what to write.
  std::string read_header();
  std::optional<Reply> read_body();
  [[nodiscard]] std::optional<Reply> refused_by_header() const;
  std::string answer(const Reply& reply);

  const Intake& intake_;
  Parser parser_;
  // Came, and was not read yet: less than a header, or than a chunk's first line.
  std::string waiting_;
  // Bytes of the chunk that is being read; 0 between two.
  uint64_t chunk_left_ = 0;
  // Of the header alone: what follows a chunked body can't change them.
  Headers headers_;
  bool over_ = false;
};

}  // namespace zane::webhook
