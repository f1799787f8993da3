// How often relay tries again, where it connects to, and who is there.
#include <algorithm>

#include "gmock/gmock.h"
#include "lib/testing/seed.h"
#include "services/relay/backoff.h"
#include "services/relay/clients.h"
#include "services/relay/orbit_socket.h"

namespace zane::relay {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kShort{100};

TEST(BackoffTest, DoublesToItsBound) {
  Backoff backoff;
  std::vector<int64_t> waits;
  for (int i = 0; i < 10; ++i) waits.push_back(backoff.next(kShort, 1).count());
  EXPECT_THAT(waits, ElementsAre(500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000));
}

TEST(BackoffTest, HalfOfEachStepIsChance) {
  zane::testing::Seed seed;
  Backoff least, most, some;
  for (int i = 0; i < 10; ++i) {
    const auto low = least.next(kShort, 0);
    const auto high = most.next(kShort, 1);
    EXPECT_EQ(low * 2, high);
    const auto wait = some.next(kShort, static_cast<double>(seed.between(0, 1000)) / 1000);
    EXPECT_GE(wait, low);
    EXPECT_LE(wait, high);
  }
}

TEST(BackoffTest, BeginsAnewOnlyAfterAQuietPeriod) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) backoff.next(kShort, 1);
  EXPECT_EQ(backoff.next(Backoff::kQuiet - milliseconds(1), 1), milliseconds(16000))
      << "a connection that flaps";
  EXPECT_EQ(backoff.next(Backoff::kQuiet, 1), Backoff::kFirst);
  EXPECT_EQ(backoff.next(kShort, 1), Backoff::kFirst * 2);
}

std::string address(const std::string& url) {
  const auto a = parse_orbit_url(url);
  if (!a.ok()) return "refused";
  return (a->tls ? "tls " : "plain ") + a->host + " " + a->port;
}

TEST(OrbitUrlTest, IsReadAsItIsMeant) {
  EXPECT_EQ(address("https://orbit.example"), "tls orbit.example 443");
  EXPECT_EQ(address("https://orbit.example/"), "tls orbit.example 443");
  EXPECT_EQ(address("https://orbit.example:8443/x"), "tls orbit.example 8443");
  EXPECT_EQ(address("https://[2001:db8::1]"), "tls 2001:db8::1 443");
  EXPECT_EQ(address("https://[2001:db8::1]:8443"), "tls 2001:db8::1 8443");
}

TEST(OrbitUrlTest, PlainTextStaysOnThisMachine) {
  EXPECT_EQ(address("http://localhost:8787"), "plain localhost 8787");
  EXPECT_EQ(address("http://127.0.0.1"), "plain 127.0.0.1 80");
  EXPECT_EQ(address("http://127.1.2.3:1"), "plain 127.1.2.3 1");
  EXPECT_EQ(address("http://[::1]:8787/"), "plain ::1 8787");
  for (const char* url : {"http://orbit.example", "http://127.0.0.1.example", "http://127.example:80",
                          "http://localhost.example", "http://10.0.0.1", "http://[2001:db8::1]",
                          "http://1270.0.0.1", "http://[::2]", "http://127.", "http://127.0.0.1@x"})
    EXPECT_EQ(address(url), "refused") << url;
}

TEST(OrbitUrlTest, WhatIsNoAddressIsRefusedWithTheCure) {
  for (const char* url : {"", "orbit.example", "ws://orbit.example", "HTTPS://orbit.example", "https://",
                          "https:///x", "https://:443", "https://h:", "https://h:x", "https://h:443x",
                          "https://h:0", "https://h:65536", "https://h:-1", "https://user@h", "https://h:1@x",
                          "https://h?x", "https://h#x", "https://h h", "https://h\r\nx"})
    EXPECT_EQ(address(url), "refused") << url;
  EXPECT_THAT(parse_orbit_url("orbit.example").status().message(), HasSubstr("https://"));
}

TEST(ClientsTest, AreBoundedAndKnownByDevice) {
  Clients clients;
  for (size_t i = 0; i < kClientsMax; ++i)
    ASSERT_TRUE(clients.attach("c" + std::to_string(i), i % 2 ? "odd" : "even"));
  EXPECT_FALSE(clients.attach("one more", "odd"));
  EXPECT_TRUE(clients.attach("c0", "odd")) << "who is there already attaches again";
  EXPECT_EQ(clients.of_device("odd").size(), kClientsMax / 2 + 1);
  EXPECT_EQ(clients.find("c0")->device, "odd");
  clients.remove("c0");
  EXPECT_EQ(clients.find("c0"), nullptr);
  EXPECT_TRUE(clients.attach("one more", "odd"));
  EXPECT_EQ(clients.attached().size(), kClientsMax);
  clients.clear();
  EXPECT_TRUE(clients.attached().empty());
}

}  // namespace
}  // namespace zane::relay
