#include "drivers/lookup/redis_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace signet::redis {
namespace {

using Words = std::vector<std::string>;

TEST(RedisCommand, IsSplitAtBlanksThatAreNotProtected) {
  EXPECT_EQ(SplitCommand("get  k\t"), (Words{"get", "k"}));
  EXPECT_EQ(SplitCommand(" set a\\ b c\\\\d"), (Words{"set", "a b", "c\\d"}));
  EXPECT_EQ(SplitCommand("get \"a b\""), (Words{"get", "\"a", "b\""}));
  EXPECT_EQ(SplitCommand("get k\\"), (Words{"get", "k"}));
  EXPECT_EQ(SplitCommand("get \\"), (Words{"get"}));
  EXPECT_EQ(SplitCommand("  "), Words{});
}

TEST(RedisCommand, RuleL2QuotedTextIsOneWord) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  for (const std::string& text : {std::string("a b\tc\\d\"e"), std::string(" "), std::string("\\"),
                                  std::string("\r\n"), every, std::string(100, '\\')})
    EXPECT_EQ(SplitCommand("get " + QuoteWord(text) + " x"), (Words{"get", text, "x"}));
  EXPECT_EQ(QuoteWord("a b\tc\\d\"e"), "a\\ b\\\tc\\\\d\"e");
}

TEST(RedisCommand, IsSentAsStrings) {
  EXPECT_EQ(Encode({"get", "a\r\nb"}), "*2\r\n$3\r\nget\r\n$4\r\na\r\nb\r\n");
  EXPECT_TRUE(IsReading("HGet"));
  EXPECT_FALSE(IsReading("set"));
  EXPECT_FALSE(IsReading("eval"));
}

TEST(RedisServers, AreAListWithItsSeparator) {
  EXPECT_EQ(SplitServers("a/0/ : b::7000/1/pw:"), (Words{"a/0/", "b:7000/1/pw"}));
  EXPECT_EQ(SplitServers("<; [::1]:7000/0/ ; (/s)/0/p;;w"), (Words{"[::1]:7000/0/", "(/s)/0/p;w"}));
  EXPECT_EQ(SplitServers(""), Words{});
}

TEST(RedisServers, AreReadIntoTheirParts) {
  Server server;
  EXPECT_EQ(ReadServer("localhost//", &server), "");
  EXPECT_EQ(server, (Server{"localhost", "", 6379, "", ""}));
  EXPECT_EQ(ReadServer("h:7000/3/p w", &server), "");
  EXPECT_EQ(server, (Server{"h", "", 7000, "3", "p w"}));
  EXPECT_EQ(ReadServer("[2001:db8::1]:7000/3/", &server), "");
  EXPECT_EQ(server, (Server{"2001:db8::1", "", 7000, "3", ""}));
  EXPECT_EQ(ReadServer("[2001:db8::1]/3/", &server), "");
  EXPECT_EQ(server, (Server{"2001:db8::1", "", 6379, "3", ""}));
  EXPECT_EQ(ReadServer("(/run/r.sock)/3/p", &server), "");
  EXPECT_EQ(server, (Server{"", "/run/r.sock", 6379, "3", "p"}));
}

TEST(RedisServers, ThatAreIncompleteAreNamedWithoutTheirPassword) {
  Server server;
  for (const char* nowhere : {"//", "[]/0/", "()/0/", ":7000/3/p"})
    EXPECT_EQ(ReadServer(nowhere, &server),
              "a Redis server has neither a host nor the path of a socket");
  EXPECT_EQ(ReadServer("localhost", &server), "incomplete Redis server data: localhost");
  EXPECT_EQ(ReadServer("localhost/secret", &server), "incomplete Redis server data: localhost");
  EXPECT_EQ(ReadServer("(/run/r.sock)/secret", &server),
            "incomplete Redis server data: (/run/r.sock)");
  EXPECT_EQ(ReadServer("/secret", &server), "incomplete Redis server data: ");
  for (const char* item : {"h:0/0/p", "h:x/0/p", "h:99999/0/p", "h:/0/p", "[::1/0/p", "[::1]x/0/p"})
    EXPECT_EQ(ReadServer(item, &server).find("unusable port for Redis server "), 0u) << item;
}

// A source of octets that are there already.
struct Feed {
  explicit Feed(std::string octets) : text(std::move(octets)) {}
  std::string text;
  std::size_t at = 0;
  Source source{[this](std::string* line) -> std::string {
                  const std::size_t end = text.find("\r\n", at);
                  if (end == std::string::npos) return "cut";
                  *line = text.substr(at, end - at);
                  at = end + 2;
                  return "";
                },
                [this](std::size_t size, std::string* octets) -> std::string {
                  if (text.size() - at < size + 2) return "cut";
                  *octets = text.substr(at, size);
                  at += size + 2;
                  return "";
                }};
};

std::string Read(const std::string& text) {
  Feed feed(text);
  Reply reply;
  if (std::string why = ReadReply(feed.source, &reply); !why.empty()) return "wrong: " + why;
  if (reply.kind == Reply::kError) return "error: " + reply.text;
  if (reply.kind == Reply::kNil) return "nil";
  return ShowReply(reply);
}

TEST(RedisReply, IsShownByItsKind) {
  EXPECT_EQ(Read("+OK\r\n"), "OK");
  EXPECT_EQ(Read("-ERR no\r\n"), "error: ERR no");
  EXPECT_EQ(Read(":0\r\n"), "false");
  EXPECT_EQ(Read(":-7\r\n"), "true");
  EXPECT_EQ(Read("$4\r\na\r\nb\r\n"), "a\r\nb");
  EXPECT_EQ(Read("$0\r\n\r\n"), "");
  EXPECT_EQ(Read("$-1\r\n"), "nil");
  EXPECT_EQ(Read("*-1\r\n"), "nil");
  EXPECT_EQ(Read("*3\r\n$1\r\na\r\n:12\r\n$-1\r\n"), "a\n12\n");
  EXPECT_EQ(Read("*2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n+c\r\n"), "a\nb\nc");
}

TEST(RedisReply, ThatIsMalformedIsTrouble) {
  for (const char* text :
       {"\r\n", "x\r\n", "$\r\n", "$x\r\n", ":1x\r\n", "*99999999999999999999\r\n"})
    EXPECT_EQ(Read(text), "wrong: malformed reply") << text;
  EXPECT_EQ(Read("*1\r\n*1\r\n*1\r\n:1\r\n"), "wrong: arrays are nested too deep");
  EXPECT_EQ(Read("$5\r\nab\r\n"), "wrong: cut");
}

TEST(RedisReply, RuleL9HasALimitBeforeItIsRead) {
  const std::string most(kReplyMaxBytes, 'x');
  EXPECT_EQ(Read("$" + std::to_string(most.size()) + "\r\n" + most + "\r\n"), most);
  EXPECT_EQ(Read("$99999999999\r\n"), "wrong: the answer is too long");
  EXPECT_EQ(Read("*99999999999\r\n"), "wrong: the answer is too long");
  std::string many = "*1000000\r\n";
  for (int i = 0; i < 1000000; ++i) many += ":1\r\n";
  EXPECT_EQ(Read(many), "wrong: the answer is too long");
}

}  // namespace
}  // namespace signet::redis
