#include "src/relay/reply.h"

#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::relay {
namespace {

using State = ReplyParser::State;

// The reply, or "bad: why", or "more". Fed whole, and octet by octet with the same result.
std::string Parse(const std::string& octets) {
  ReplyParser whole, pieces;
  whole.Feed(octets);
  for (char c : octets) pieces.Feed({&c, 1});
  EXPECT_EQ(whole.state(), pieces.state());
  if (whole.state() == State::kMore) return "more";
  if (whole.state() == State::kBad) return "bad: " + whole.problem();
  EXPECT_EQ(whole.reply().ForLog(), pieces.reply().ForLog());
  return whole.reply().ForLog();
}
bool IsBad(const std::string& octets) { return Parse(octets).starts_with("bad: "); }

TEST(ReplyParserTest, ReadsOrdinaryReplies) {
  EXPECT_EQ(Parse("250 ok\r\n"), "250 ok");
  EXPECT_EQ(Parse("250\r\n"), "250");
  EXPECT_EQ(Parse("250 \r\n"), "250");
  EXPECT_EQ(Parse("250-one\r\n250-two\r\n250 three\r\n"), "250 one two three");
  EXPECT_EQ(Parse("250-\r\n250\r\n"), "250");
  EXPECT_EQ(Parse("550 5.1.1 no such user\r\n"), "550 5.1.1 no such user");
  EXPECT_EQ(Parse("550-5.7.1 no\r\n550 5.7.1 way\r\n"), "550 5.7.1 no way");
}

TEST(ReplyParserTest, TakesEnhancedCodesOfTheSameClassOnly) {
  ReplyParser parser;
  parser.Feed("550 4.1.1 odd\r\n");
  EXPECT_EQ(parser.reply().enhanced, "");
  EXPECT_EQ(parser.reply().Text(), "4.1.1 odd");
  for (const char* text : {"550 5.1 x\r\n", "550 5.1.1x\r\n", "550 5.1111.1 x\r\n",
                           "550 5..1 x\r\n", "550 55.1.1 x\r\n", "550 5.1.1.1 x\r\n"}) {
    ReplyParser other;
    other.Feed(text);
    EXPECT_EQ(other.reply().enhanced, "") << text;
  }
  ReplyParser longest;
  longest.Feed("550 5.123.456\r\n");
  EXPECT_EQ(longest.reply().enhanced, "5.123.456");
}

TEST(ReplyParserTest, WaitsForTheEnd) {
  for (const char* text : {"", "2", "250", "250 ok", "250 ok\r", "250-ok\r\n", "250-ok\r\n250"})
    EXPECT_EQ(Parse(text), "more") << text;
}

TEST(ReplyParserTest, RuleU3RefusesWhatIsNoReply) {
  for (const char* text :
       {"\r\n", "25\r\n", "ok\r\n", "250ok\r\n", "250_ok\r\n", " 250 ok\r\n", "150 ok\r\n",
        "650 ok\r\n", "260 ok\r\n", "25O ok\r\n", "250 ok\n", "250 ok\rmore\r\n", "250\tok\r\n",
        "250-one\r\n251 two\r\n", "250-one\r\nok\r\n", "250-one\r\n\r\n"})
    EXPECT_TRUE(IsBad(text)) << text;
  EXPECT_TRUE(IsBad(std::string("250\0ok\r\n", 8)));
}

TEST(ReplyParserTest, RuleU3BoundsTheLine) {
  std::string most = "250 " + std::string(limits::kUpstreamReplyLineBytes - 4, 'x');
  EXPECT_FALSE(IsBad(most + "\r\n"));
  EXPECT_TRUE(IsBad(most + "x\r\n"));
  EXPECT_TRUE(IsBad(most + "x"));
}

TEST(ReplyParserTest, RuleU3BoundsTheLines) {
  std::string most;
  for (std::size_t i = 1; i < limits::kUpstreamReplyLines; ++i) most += "250-x\r\n";
  EXPECT_FALSE(IsBad(most + "250 x\r\n"));
  EXPECT_TRUE(IsBad(most + "250-x\r\n250 x\r\n"));
}

TEST(ReplyParserTest, RuleU4OneReplyIsAllThereIs) {
  EXPECT_TRUE(IsBad("250 ok\r\n250 ok\r\n"));
  EXPECT_TRUE(IsBad("250 ok\r\n "));
  ReplyParser parser;
  EXPECT_EQ(parser.Feed("250 ok\r\n"), State::kDone);
  EXPECT_EQ(parser.Feed("x"), State::kBad);
  EXPECT_EQ(parser.Feed("250 ok\r\n"), State::kBad);
}

TEST(ReplyParserTest, RuleU5TextIsMadeAnew) {
  EXPECT_EQ(Parse("550 a\x1b[31mb\tc\x80\r\n"), "550 a?[31mb c?");
  EXPECT_EQ(Parse(std::string("550 a\0b\r\n", 9)), "550 a?b");
  std::string text;
  for (int i = 0; i < 50; ++i) text += "550-" + std::string(100, 'x') + "\r\n";
  ReplyParser parser;
  parser.Feed(text + "550 end\r\n");
  ASSERT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.reply().Text().size(), kReplyTextBytes);
}

}  // namespace
}  // namespace signet::relay
