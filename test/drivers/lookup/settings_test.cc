#include "drivers/lookup/settings.h"

#include <gtest/gtest.h>

namespace signet::driver {
namespace {

std::string Show(std::string_view query) {
  Settings settings;
  if (std::string why = settings.Parse(query, "user pass x"); !why.empty()) return "error " + why;
  std::string shown;
  for (const Setting& setting : settings.all()) shown += setting.name + "[" + setting.value + "] ";
  return shown + settings.url();
}

TEST(Settings, AreTakenApart) {
  EXPECT_EQ(Show(""), "");
  EXPECT_EQ(Show(" user=ann\tPASS=\"a b\"\nhttps://h/?a=b "), "user[ann] pass[a b] https://h/?a=b");
  EXPECT_EQ(Show("user= pass=\"\" x=\"=\""), "user[] pass[] x[=] ");
  EXPECT_EQ(Show("user=a\"b"), "user[a\"b] ");
  EXPECT_EQ(Show("user=a\\ x"), "user[a\\] x");
  EXPECT_EQ(Show("https://h/"), "https://h/");
  EXPECT_EQ(Show("user=a user=b"), "error \"user=\" appears twice");
  EXPECT_EQ(Show("y=a"), "error unknown setting \"y=\"");
  EXPECT_EQ(Show("=a"), "error unknown setting \"=\"");
  EXPECT_EQ(Show("https://h/ x=y"), "error there is more behind the URL");
  EXPECT_EQ(Show("pass=\"secret"),
            "error the value of \"pass=\" has no end, or more behind its end");
  EXPECT_EQ(Show("pass=\"a\"secret"),
            "error the value of \"pass=\" has no end, or more behind its end");
}

TEST(RuleL2, QuotingOfSettingsIsTotal) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string quoted = EncodePercent(all);
  EXPECT_EQ(quoted.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~%"),
            std::string::npos);
  for (const std::string& query : {"user=" + quoted, "user=\"" + quoted + "\" pass=x"}) {
    Settings settings;
    ASSERT_EQ(settings.Parse(query, "user pass"), "");
    std::string back;
    EXPECT_EQ(settings.Decode("user", &back), "");
    EXPECT_EQ(back, all);
  }
  std::string octets;
  for (const char* bad : {"%", "%4", "a%zz", "%%41"}) EXPECT_FALSE(DecodePercent(bad, &octets));
}

TEST(Settings, HostsAndPorts) {
  const auto show = [](std::string_view text) {
    std::string host;
    std::uint16_t port = 0;
    if (!ReadHostPort(text, 25, &host, &port)) return std::string("bad");
    return host + " " + std::to_string(port);
  };
  EXPECT_EQ(show("mx.example.org"), "mx.example.org 25");
  EXPECT_EQ(show("mx:587"), "mx 587");
  EXPECT_EQ(show("[2001:db8::1]:587"), "2001:db8::1 587");
  EXPECT_EQ(show("[::1]"), "::1 25");
  for (const char* bad : {"", ":25", "mx:", "mx:0", "mx:65536", "mx:1x", "::1", "[::1", "[]:1",
                          "[mx]", "a b", "u@h", "a/b", "[::1]x", "mx:-1", "mx: 1"})
    EXPECT_EQ(show(bad), "bad") << bad;
}

TEST(Settings, LoopbackIsThisMachine) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "localhost", "LocalHost"})
    EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"", "0.0.0.0", "::", "128.0.0.1", "127.1", "localhost.example.org",
                           "::ffff:127.0.0.1", "127.0.0.1.example.org"})
    EXPECT_FALSE(IsLoopback(host)) << host;
}

}  // namespace
}  // namespace signet::driver
