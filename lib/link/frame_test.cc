// Frames against the golden samples that the TypeScript tests read too.
#include "lib/link/frame.h"

#include <filesystem>
#include <fstream>
#include <set>

#include "boost/json.hpp"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/testing/seed.h"

namespace zane::link {
namespace {

namespace bj = boost::json;
using google::protobuf::util::MessageDifferencer;
using zane::testing::Seed;

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::filesystem::path samples() { return std::filesystem::path(ZANE_SOURCE_DIR) / "proto/testdata/link"; }

bj::object golden() { return bj::parse(read(samples() / "index.json")).as_object(); }

std::string text_of(const bj::value& value) { return std::string(value.as_string()); }

v1::LinkHeader header_from(const bj::value& json) {
  v1::LinkHeader header;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto parsed = google::protobuf::util::JsonStringToMessage(bj::serialize(json), &header, options);
  EXPECT_TRUE(parsed.ok()) << bj::serialize(json) << ": " << parsed.ToString();
  return header;
}

std::string kind_of(const v1::LinkHeader& header) {
  if (header.kind_case() == v1::LinkHeader::KIND_NOT_SET) return "";
  return v1::LinkHeader::descriptor()->FindFieldByNumber(header.kind_case())->json_name();
}

TEST(GoldenTest, EverySampleIsInTheIndex) {
  std::set<std::string> named, there;
  const bj::object index = golden();
  for (const char* part : {"frames", "refused"})
    for (const auto& sample : index.at(part).as_array()) named.insert(text_of(sample.at("file")));
  for (const auto& entry : std::filesystem::directory_iterator(samples()))
    if (entry.path().extension() == ".frame") there.insert(entry.path().filename().string());
  EXPECT_EQ(named, there);
  EXPECT_GT(there.size(), 30u);
}

TEST(HeaderTest, IsReadWhateverFollowsIt) {
  const std::string line = R"({"mac":"m","trace":"t","lengths":[5],"ping":{}})";
  for (const std::string& rest :
       {std::string(), std::string("abcde"), std::string("abc"), std::string(9, 'x')}) {
    const auto header = decode_header(line + "\n" + rest);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->trace(), "t");
  }
  for (const std::string& bad :
       {std::string(), line, std::string("\n"), std::string("[]\n"), std::string("{\n"),
        R"({"mac":1})" + std::string("\n"), "{\"mac\":\"" + std::string(kHeaderBytesMax, 'm') + "\"}\n",
        line + "\n" + std::string(kFrameBytesMax, 'x')})
    EXPECT_FALSE(decode_header(bad).ok()) << bad.substr(0, 80);
}

TEST(GoldenTest, GoodFramesAreTakenAsTheyAreMeant) {
  const bj::object index = golden();
  for (const auto& sample : index.at("frames").as_array()) {
    SCOPED_TRACE(text_of(sample.at("file")));
    const std::string bytes = read(samples() / text_of(sample.at("file")));
    const auto frame = decode(bytes);
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_TRUE(MessageDifferencer::Equals(frame->header, header_from(sample.at("header"))))
        << frame->header.ShortDebugString();
    EXPECT_EQ(kind_of(frame->header), sample.at("kind").is_null() ? "" : text_of(sample.at("kind")));
    const auto& bodies = sample.at("bodies").as_array();
    ASSERT_EQ(frame->bodies.size(), bodies.size());
    for (size_t i = 0; i < bodies.size(); ++i) {
      EXPECT_EQ(static_cast<int64_t>(frame->bodies[i].size()), bodies[i].at("length").as_int64());
      EXPECT_EQ(crypto::to_hex(crypto::sha256(frame->bodies[i])), text_of(bodies[i].at("sha256")));
    }
    const auto again = encode(frame->header, frame->bodies);
    const auto reread = decode(again);
    ASSERT_TRUE(reread.ok()) << reread.status();
    EXPECT_TRUE(MessageDifferencer::Equals(reread->header, frame->header));
    EXPECT_EQ(reread->bodies, frame->bodies);
  }
}

TEST(GoldenTest, BadFramesAreRefused) {
  const bj::object index = golden();
  for (const auto& sample : index.at("refused").as_array()) {
    const std::string bytes = read(samples() / text_of(sample.at("file")));
    EXPECT_EQ(decode(bytes).status().code(), absl::StatusCode::kInvalidArgument)
        << text_of(sample.at("file")) << ": " << text_of(sample.at("why"));
  }
}

// What protobuf's own JSON parser would let through and Orbit's would not, or
// would read differently.
TEST(FrameTest, RefusesWhatOrbitWouldReadDifferently) {
  for (const char* header : {
           R"({"client_gone":{"client":"c"}})",
           R"({"hook_ack":{"delivery":"d"}})",
           R"({"subscribe":{"stream":"s"},"client_gone":{"client":"c"}})",
           R"({"from":"a","from":"b","signal":{}})",
           R"({"to":["a"],"to":["b"],"signal":{}})",
           R"({"to":["a"],"\u0074o":["b"],"signal":{}})",
           R"({"ack":{"stream":"a","stream":"b"}})",
           R"({"from":null,"signal":{}})",
           R"({"to":null,"signal":{}})",
           R"({"lengths":null,"signal":{}})",
           R"({"signal":null})",
           R"({"ack":{"stream":"s"},"pair":null})",
           R"({"lengths":["0"],"signal":{}})",
           R"({"lengths":0,"signal":{}})",
           R"({"to":[7],"signal":{}})",
           R"({"mac":true,"signal":{}})",
           R"({"from":{},"signal":{}})",
       })
    EXPECT_FALSE(decode(std::string(header) + "\n").ok()) << header;
}

TEST(FrameTest, IsBoundedToTheByte) {
  const auto frame_of = [](size_t size) {
    v1::LinkHeader header;
    header.mutable_signal();
    const std::string body(size, 'x');
    const size_t rest = encode(header, {body}).size() - size;
    return encode(header, {std::string_view(body).substr(rest)});
  };
  ASSERT_EQ(frame_of(kFrameBytesMax).size(), kFrameBytesMax);
  EXPECT_TRUE(decode(frame_of(kFrameBytesMax)).ok());
  EXPECT_FALSE(decode(frame_of(kFrameBytesMax + 1)).ok());
  const auto header_of = [](size_t size) { return R"({"x":")" + std::string(size - 8, 'x') + "\"}\n"; };
  EXPECT_TRUE(decode(header_of(kHeaderBytesMax)).ok());
  EXPECT_FALSE(decode(header_of(kHeaderBytesMax + 1)).ok());
}

TEST(FrameTest, WhateverTheBytesItAnswers) {
  Seed seed;
  std::vector<std::string> all;
  const bj::object index = golden();
  for (const auto& sample : index.at("frames").as_array())
    all.push_back(read(samples() / text_of(sample.at("file"))));
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = all[static_cast<size_t>(seed.between(0, static_cast<int64_t>(all.size()) - 1))];
    for (int64_t i = seed.between(0, 3); i >= 0 && !bytes.empty(); --i)
      bytes[static_cast<size_t>(seed.between(0, static_cast<int64_t>(bytes.size()) - 1))] =
          static_cast<char>(seed.between(0, 255));
    if (seed.one_in(3))
      bytes.resize(static_cast<size_t>(seed.between(0, static_cast<int64_t>(bytes.size()))));
    const auto frame = decode(bytes);
    if (!frame.ok()) continue;
    size_t size = 0;
    for (const auto body : frame->bodies) size += body.size();
    EXPECT_EQ(bytes.find('\n') + 1 + size, bytes.size()) << "every byte is accounted for";
  }
}

TEST(FrameTest, WritesLengthsItselfWhateverTheHeaderSays) {
  v1::LinkHeader header;
  header.mutable_signal();
  header.add_lengths(99);
  const std::string bytes = encode(header, {"ab", ""});
  const auto frame = decode(bytes);
  ASSERT_TRUE(frame.ok());
  EXPECT_THAT(frame->bodies, ::testing::ElementsAre("ab", ""));
}

v1::LinkHeader random_events(Seed& seed, std::vector<std::string>& bodies) {
  const std::vector<std::string> texts = {
      "", "s1", "grün 🪐", "a\"b\\c\n\t\x01/</script>", std::string("nul\0nul", 7), "\u2028"};
  const auto text = [&] {
    return texts[static_cast<size_t>(seed.between(0, static_cast<int64_t>(texts.size()) - 1))];
  };
  const auto seq = [&] {
    return seed.one_in(3) ? (int64_t{1} << 53) + seed.between(1, 9) : seed.between(1, 99);
  };
  v1::LinkHeader header;
  header.set_mac(text());
  for (int64_t i = seed.between(0, 3); i > 0; --i) header.add_to(text());
  auto& events = *header.mutable_events();
  events.set_stream(text());
  events.set_epoch(text());
  events.set_prev_seq(seed.one_in(3) ? 0 : seq());
  events.set_at_head(seed.one_in(2));
  for (int64_t i = seed.between(0, 4); i > 0; --i) {
    auto* meta = events.add_events();
    meta->set_seq(seq());
    meta->set_bodies(static_cast<uint32_t>(seed.between(0, 3)));
    meta->set_kind(text());
    meta->set_signature(text());
    bodies.push_back("{\"n\":" + std::to_string(i) + "}\n");
  }
  return header;
}

TEST(FrameTest, TheFastPrinterSaysWhatTheSlowOneSays) {
  Seed seed;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> own;
    const v1::LinkHeader header = random_events(seed, own);
    const std::vector<std::string_view> bodies(own.begin(), own.end());
    const std::string fast = encode_events(header, bodies);
    const std::string slow = encode(header, bodies);
    const auto a = decode(fast);
    const auto b = decode(slow);
    ASSERT_TRUE(a.ok()) << a.status() << fast;
    ASSERT_TRUE(b.ok()) << b.status() << slow;
    EXPECT_TRUE(MessageDifferencer::Equals(a->header, b->header)) << fast << slow;
    EXPECT_EQ(a->bodies, b->bodies);
    EXPECT_EQ(
        fast.find('\n') + 1 +
            [&] {
              size_t n = 0;
              for (const auto body : bodies) n += body.size();
              return n;
            }(),
        fast.size())
        << "the header is one line";
  }
}

v1::Hello hello(const std::string& part, uint32_t least, uint32_t most) {
  v1::Hello h;
  h.set_part(part);
  h.set_protocol_min(least);
  h.set_protocol_max(most);
  return h;
}

TEST(ProtocolTest, NamesThePartThatIsTooOld) {
  const auto relay = hello("relay", 2, 3);
  EXPECT_EQ(part_to_update(relay, hello("orbit", 3, 9)), "");
  EXPECT_EQ(part_to_update(relay, hello("orbit", 1, 2)), "");
  EXPECT_EQ(part_to_update(relay, hello("orbit", 2, 3)), "");
  EXPECT_EQ(part_to_update(relay, hello("orbit", 0, 1)), "orbit");
  EXPECT_EQ(part_to_update(relay, hello("orbit", 4, 4)), "relay");
}

}  // namespace
}  // namespace zane::link
