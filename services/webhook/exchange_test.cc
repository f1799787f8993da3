// What the loopback listener makes of bytes, cut in any way, without a socket.
#include "services/webhook/exchange.h"

#include "gmock/gmock.h"

namespace zane::webhook {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

struct Told {
  std::string written;
  std::string hook;
  std::string body;
  Headers headers;
  bool over = false;
};

Told tell(std::string_view bytes, size_t piece = SIZE_MAX) {
  Told told;
  const Exchange::Intake intake = [&](const std::string& hook, const Headers& headers, std::string body) {
    told.hook = hook;
    told.headers = headers;
    told.body = std::move(body);
    return Reply{202, "{}"};
  };
  Exchange exchange(intake);
  while (!bytes.empty() && !exchange.over()) {
    told.written += exchange.take(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  told.over = exchange.over();
  return told;
}

std::string post(const std::string& more, const std::string& body = "") {
  return "POST /hooks/gh HTTP/1.1\r\nHost: localhost:1\r\n" + more + "\r\n" + body;
}

constexpr char kChunks[] = "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n";

TEST(Exchange, GivesABodyOnHoweverItWasCut) {
  for (const auto& request :
       {post("Content-Length: 11\r\n", "hello world"), post("Transfer-Encoding: chunked\r\n", kChunks)})
    for (size_t piece = 1; piece <= request.size(); ++piece) {
      const Told told = tell(request, piece);
      EXPECT_THAT(told.written, StartsWith("HTTP/1.1 202 ")) << piece;
      EXPECT_EQ(told.hook, "gh");
      EXPECT_EQ(told.body, "hello world");
    }
}

// A chunk is not read beyond its first line, and what is wrong in there is refused
// whether more is there already or not.
TEST(Exchange, RefusesAChunkThatIsWrongHoweverItWasCut) {
  const std::string more = "\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const std::string chunk :
       {"58888;8a=\"", "5;a=\"", "5;a=\"\r\nhello\"", "0;a=\"", "0;a=\"\r\nb\"", "5;a=\"\\", "-5", "0x5", "",
        "5\r\nhello-", "5\rhello", "00000000000000000000x", "10000000000000005", "0\r\na b"}) {
    const std::string request = post("Transfer-Encoding: chunked\r\n", chunk + more);
    for (size_t piece = 1; piece <= request.size(); ++piece) {
      const Told told = tell(request, piece);
      EXPECT_THAT(told.written, StartsWith("HTTP/1.1 400 ")) << chunk << " in pieces of " << piece;
      EXPECT_EQ(told.hook, "");
    }
  }
}

TEST(Exchange, SaysToGoOnOnceTheHeaderIsGood) {
  EXPECT_THAT(tell(post("Expect: 100-continue\r\nContent-Length: 2\r\n")).written,
              StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_FALSE(tell(post("Expect: 100-continue\r\nContent-Length: 2\r\n")).over);
  EXPECT_THAT(tell(post("Expect: 100-continue\r\nContent-Length: 2000000\r\n")).written,
              StartsWith("HTTP/1.1 413 "));
}

TEST(Exchange, RefusesWhatIsNotForThisMachineAlone) {
  const auto with = [](const std::string& headers) {
    return tell("POST /hooks/gh HTTP/1.1\r\n" + headers + "\r\n").written;
  };
  EXPECT_THAT(with(""), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(with("Host: zane.example\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(with("Host: localhost.example\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(with("Host: [::1].example\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(with("Host: localhost\r\nHost: zane.example\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(with("Host: [::1]:80\r\nOrigin: null\r\n"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(with("Host: [::1]:80\r\n"), StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(tell("GET /hooks/gh HTTP/1.1\r\nHost: localhost\r\n\r\n").written, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(tell("POST /hooks/?gh HTTP/1.1\r\nHost: localhost\r\n\r\n").written,
              StartsWith("HTTP/1.1 404 "));
}

// Two of a name are one, and what follows the body is no header.
TEST(Exchange, HasOneReadingOfAHeader) {
  const std::string body = "0\r\nX-Signature: c\r\nX-Late: d\r\n\r\n";
  const Told told = tell(post("X-Signature: a\r\nx-signature: b\r\nTransfer-Encoding: chunked\r\n", body));
  EXPECT_THAT(told.written, StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(told.headers, ElementsAre(Pair("host", "localhost:1"), Pair("transfer-encoding", "chunked"),
                                        Pair("x-signature", "a, b")));
}

TEST(Exchange, KeepsItsBoundsHoweverSlowlyTheyAreReached) {
  std::string many;
  while (many.size() < kHeaderBytesMax) many += "a: b\r\n";
  const std::string long_chunk = "1;" + std::string(kHeaderBytesMax, 'a') + "\r\n";
  std::string long_body = "f0001\r\n" + std::string(0xf0001, 'x');
  for (const size_t piece : {size_t{6}, size_t{1000}, SIZE_MAX}) {
    EXPECT_THAT(tell(post(many), piece).written, StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(tell(post("Transfer-Encoding: chunked\r\n", long_chunk), piece).written,
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(tell(post("Transfer-Encoding: chunked\r\n", long_body), piece).written,
                StartsWith("HTTP/1.1 413 "));
  }
  EXPECT_THAT(tell("hello\r\n\r\n").written, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(tell("hello\r\n").written, IsEmpty());
}

}  // namespace
}  // namespace zane::webhook
