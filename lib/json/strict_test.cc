// The strict parser, which leaves nothing for a second parser to read
// differently, and the finder of a member's own bytes.
#include "lib/json/strict.h"

#include "gmock/gmock.h"
#include "lib/json/scan.h"

namespace zane::json {
namespace {

std::string nested(int depth) {
  std::string text = R"({"a":)";
  for (int i = 1; i < depth; ++i) text += '[';
  for (int i = 1; i < depth; ++i) text += ']';
  return text + "}";
}

TEST(StrictTest, TakesAGoodObject) {
  const auto object = parse_strict_object(R"( {"a":{"a":1,"b":[{"a":2},{"a":3}]},"b":"\u00fc","A":null} )");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(string_at(*object, "b"), "ü");
  EXPECT_EQ(int_at(*object_at(*object, "a"), "a"), 1);
  EXPECT_EQ(array_at(*object_at(*object, "a"), "b")->size(), 2u);
}

TEST(StrictTest, RefusesARepeatedKeyAtAnyDepth) {
  for (const char* text : {
           R"({"a":1,"a":1})",
           R"({"a":1,"b":2,"a":3})",
           R"({"x":{"a":1,"a":2}})",
           R"({"x":[1,{"y":[{"a":1,"b":{},"a":2}]}]})",
           R"({"a":{"b":1},"c":2,"a":3})",
           R"({"":1,"":2})",
       }) {
    const auto object = parse_strict_object(text);
    EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(object.status().message(), ::testing::HasSubstr("repeated")) << text;
  }
}

// One parser keeps the first, another the last: the spelling is no excuse.
TEST(StrictTest, RefusesTheSameKeyInAnotherSpelling) {
  for (const char* text : {
           R"({"a":1,"\u0061":2})",
           R"({"\u0061":1,"a":2})",
           R"({"method":1,"meth\u006fd":2})",
           R"({"\u00fc":1,"ü":2})",
           R"({"/":1,"\/":2})",
           R"({"\ud83e\ude90":1,"🪐":2})",
           R"({"\t":1,"\u0009":2})",
       })
    EXPECT_FALSE(parse_strict_object(text).ok()) << text;
  EXPECT_TRUE(parse_strict_object(R"({"a":1,"\\u0061":2})").ok()) << "these two are different keys";
}

TEST(StrictTest, FindsARepeatOfALongKey) {
  const std::string key(100000, 'k');
  EXPECT_FALSE(parse_strict_object("{\"" + key + "\":1,\"" + key + "\":2}").ok());
  EXPECT_TRUE(parse_strict_object("{\"" + key + "\":1,\"" + key + "k\":2}").ok());
}

TEST(StrictTest, RefusesWhatIsNotUtf8) {
  for (const std::string bytes :
       {"\xff", "\xc3", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_FALSE(parse_strict_object("{\"a\":\"" + bytes + "\"}").ok());
    EXPECT_FALSE(parse_strict_object("{\"" + bytes + "\":1}").ok());
    EXPECT_FALSE(parse_object("{\"a\":\"" + bytes + "\"}").ok()) << "Codex's own messages are no exception";
  }
  EXPECT_FALSE(parse_strict_object(R"({"a":"\ud800"})").ok()) << "half a surrogate pair";
}

// What is handed on is written anew, and infinity can't be.
TEST(StrictTest, RefusesANumberThatCanNotBeWrittenAgain) {
  for (const char* number : {"1e400", "-1e400", "1.8e308", "1e99999"}) {
    EXPECT_FALSE(parse_strict_object(R"({"a":[{"b":)" + std::string(number) + "}]}").ok()) << number;
    EXPECT_FALSE(parse_codex_object(R"({"a":)" + std::string(number) + "}").ok()) << number;
  }
  for (const char* number : {"1e308", "-1.7e308", "1e-400", "18446744073709551616", "0.1"})
    EXPECT_TRUE(parse_strict_object(R"({"a":)" + std::string(number) + "}").ok()) << number;
}

TEST(StrictTest, NestsTo64AndNoDeeper) {
  EXPECT_TRUE(parse_strict_object(nested(64)).ok());
  EXPECT_FALSE(parse_strict_object(nested(65)).ok());
  EXPECT_FALSE(parse_object(nested(65)).ok());
  EXPECT_FALSE(parse_strict_object(std::string(1000000, '[')).ok());
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += R"({"a":)";
  EXPECT_FALSE(parse_strict_object(objects).ok());
}

TEST(StrictTest, RefusesAnythingButOneObject) {
  for (const std::string text : {"",
                                 " ",
                                 "[]",
                                 "1",
                                 "\"a\"",
                                 "null",
                                 "{",
                                 "{}x",
                                 "{}{}",
                                 "{} []",
                                 "{,}",
                                 R"({"a":1,})",
                                 R"({"a"})",
                                 R"({a:1})",
                                 R"({"a":1}//)",
                                 "/**/{}",
                                 R"({'a':1})",
                                 R"({"a":01})",
                                 R"({"a":+1})",
                                 R"({"a":NaN})",
                                 R"({"a":"
"})",
                                 "\xef\xbb\xbf{}"})
    EXPECT_FALSE(parse_strict_object(text).ok()) << text;
  EXPECT_FALSE(parse_strict_object(std::string_view("{}\0", 3)).ok());
}

TEST(StrictTest, LooksUpByTypeAndNeverConverts) {
  const auto o = *parse_strict_object(
      R"({"text":"1","int":1,"float":1.0,"big":18446744073709551615,"list":[],"null":null})");
  EXPECT_EQ(string_at(o, "text"), "1");
  EXPECT_EQ(int_at(o, "int"), 1);
  for (const char* key : {"text", "float", "big", "list", "null", "missing"})
    EXPECT_FALSE(int_at(o, key)) << key;
  for (const char* key : {"int", "list", "null", "missing"}) EXPECT_FALSE(string_at(o, key)) << key;
  EXPECT_EQ(object_at(o, "list"), nullptr);
  EXPECT_EQ(array_at(o, "text"), nullptr);
}

// ---- member_bytes -------------------------------------------------------------

TEST(MemberBytesTest, GivesTheBytesAsTheyAre) {
  constexpr std::string_view text = R"( { "id" : 7 , "result" :  {"b":1.50, "a":[ 1 ]} , "s":"x\"y" } )";
  EXPECT_EQ(member_bytes(text, "id"), "7");
  EXPECT_EQ(member_bytes(text, "result"), R"({"b":1.50, "a":[ 1 ]})");
  EXPECT_EQ(member_bytes(text, "s"), R"("x\"y")");
  EXPECT_FALSE(member_bytes(text, "b"));
  EXPECT_FALSE(member_bytes("{}", "id"));
}

TEST(MemberBytesTest, IsNotFooledByWhatIsNested) {
  EXPECT_EQ(member_bytes(R"({"params":{"id":1,"x":[{"id":2}]},"id":3})", "id"), "3");
  EXPECT_FALSE(member_bytes(R"({"params":{"id":1}})", "id"));
  EXPECT_FALSE(member_bytes(R"({"params":"\"id\":1,","x":"id"})", "id"));
}

TEST(MemberBytesTest, IsNotFooledByBracketsAndQuotesInStrings) {
  EXPECT_EQ(member_bytes(R"({"a":"}{][,\\","b":["\"]",{"c":"}"}],"id":"q,\"}"})", "id"), R"("q,\"}")");
  EXPECT_EQ(member_bytes(R"({"a":"}{][,\\","b":["\"]",{"c":"}"}],"id":1})", "b"), R"(["\"]",{"c":"}"}])");
  EXPECT_EQ(member_bytes(R"({"a\"":1,"a":2})", "a"), "2");
  EXPECT_EQ(member_bytes(R"({"a\\":1,"a":2})", "a"), "2");
}

TEST(MemberBytesTest, TakesTheLastOfTwoAsTheParserDoes) {
  for (const char* text : {R"({"id":1,"x":{},"id":2})", R"({"id":1,"\u0069d":2})",
                           R"({"\u0069d":1,"i\u0064":2})", R"({"\u0069d":1,"id":2})"}) {
    const auto parsed = parse_object(text);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(int_at(*parsed, "id"), 2) << text;
    EXPECT_EQ(member_bytes(text, "id"), "2") << text;
  }
}

TEST(MemberBytesTest, EndsOnBrokenTextToo) {
  for (const char* text : {"", "{", "{\"", "{\"id", "{\"id\"", "{\"id\":", "{\"id\":\"", "{\"id\":\"\\",
                           "{\"id\":[", "{\"x\" 1}", "[1]", "{1}", "{\"a\":1,,\"id\":2}"})
    (void)member_bytes(text, "id");
}

}  // namespace
}  // namespace zane::json
