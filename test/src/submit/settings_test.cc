#include "src/submit/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace signet::submit {
namespace {

using ::testing::HasSubstr;

struct Read {
  explicit Read(std::string text) : source("send.conf", std::move(text)) {
    ReadSettings(source, &settings, &diagnostics);
  }
  std::string Told() const {
    std::string told;
    for (const Diagnostic& d : diagnostics) told += Render(d);
    return told;
  }
  SourceText source;
  Settings settings;
  Diagnostics diagnostics;
};

TEST(Settings, AreLinesOfNamesAndValues) {
  const Read read(
      "# our gateway\n"
      "host = mail.example.org\n"
      "host=[2001:db8::1]:465\r\n"
      "  certificate = /etc/ssl/me.pem  \n"
      "\n"
      "retry_for = 1m30s\n"
      "tls = starttls\n");
  EXPECT_EQ(read.Told(), "");
  ASSERT_EQ(read.settings.hosts.size(), 2U);
  EXPECT_EQ(read.settings.hosts[0].name, "mail.example.org");
  EXPECT_EQ(read.settings.hosts[0].port, 587);
  EXPECT_EQ(read.settings.hosts[1].name, "2001:db8::1");
  EXPECT_EQ(read.settings.hosts[1].port, 465);
  EXPECT_EQ(read.settings.certificate, "/etc/ssl/me.pem");
  EXPECT_EQ(read.settings.retry_for, std::chrono::seconds(90));
  EXPECT_EQ(read.settings.tls, Tls::kStarttls);
}

TEST(Settings, EveryMistakeIsToldWithItsPlace) {
  const Read read(
      "hots = mail.example.org\n"
      "host = mail.example.org:smtp\n"
      "key\n"
      "timeout =\n"
      "tls = maybe\n"
      "certificate = me.pem\n");
  const std::string told = read.Told();
  EXPECT_THAT(told,
              HasSubstr("send.conf:1:1: error: unknown setting \"hots\"; did you mean \"host\"?\n"
                        "  hots = mail.example.org\n"
                        "  ^^^^\n"));
  EXPECT_THAT(told, HasSubstr("send.conf:2:8: error: host or host:port expected, found "
                              "\"mail.example.org:smtp\"\n"));
  EXPECT_THAT(told, HasSubstr("send.conf:3:1: error: \"name = value\" expected\n"));
  EXPECT_THAT(told, HasSubstr("send.conf:4:1: error: value expected behind \"=\"\n"));
  EXPECT_THAT(told, HasSubstr("send.conf:5:7: error: starttls, on-connect or none expected, found "
                              "\"maybe\"\n"));
  EXPECT_THAT(told, HasSubstr("send.conf:6:15: error: absolute path expected, found \"me.pem\"\n"));
}

TEST(Settings, TimesAndPortsHaveBounds) {
  Settings settings;
  EXPECT_EQ(SetOne("timeout", "24h", &settings), "");
  EXPECT_NE(SetOne("timeout", "24h1s", &settings), "");
  EXPECT_NE(SetOne("timeout", "5", &settings), "");
  EXPECT_EQ(SetOne("host", "a:65535", &settings), "");
  EXPECT_NE(SetOne("host", "a:65536", &settings), "");
  EXPECT_NE(SetOne("host", "a:0", &settings), "");
  EXPECT_NE(SetOne("host", "[a]:25", &settings), "");
}

TEST(Settings, OfACommandLineGetASuggestionToo) {
  Settings settings;
  EXPECT_EQ(SetOne("hots", "a", &settings), "unknown setting \"hots\"; did you mean \"host\"?");
}

TEST(Settings, AreAllInTheManual) {
  std::ifstream file("doc/send.md");
  std::stringstream manual;
  manual << file.rdbuf();
  for (const SettingRow& row : AllSettings())
    EXPECT_NE(manual.str().find("`" + std::string(row.name) + "`"), std::string::npos) << row.name;
}

}  // namespace
}  // namespace signet::submit
