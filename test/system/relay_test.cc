// What was accepted has arrived, octet by octet; what has not arrived was not accepted.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "test/support/exim.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What mail servers have stumbled over.
std::string StrangeMessage() {
  std::string text = "Subject: strange\r\nMIME-Version: 1.0\r\n\r\n";
  text += "..\r\n";  // one dot, stuffed as a client has to
  text += "..two\r\n";
  text += "...three\r\n";
  text += std::string(998, 'x') + "\r\n";  // the longest line that is allowed
  text +=
      "Gr\xc3\xbc\xc3\x9f"
      "e, \xe9 \xff\x80\r\n";
  text += "\r\n\r\n \t trailing blanks \t \r\n";
  text += "From here\r\nlast line";
  return text;
}
// The same as it has to arrive.
std::string StrangeContent() {
  std::string text = StrangeMessage();
  text = Replace(text, "\r\n..", "\r\n.");
  return text + "\r\n";
}
std::string BodyOf(const std::string& content) {
  return content.substr(content.find("Subject: strange"));
}

TEST(Relay, DeliversEveryOctetToTheUpstream) {
  World world;
  SmtpClient client = world.Client("alice");
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", StrangeMessage()),
              StartsWith("250"));
  ASSERT_TRUE(world.upstream.WaitForMessages(1));
  EXPECT_EQ(BodyOf(world.upstream.messages()[0].content), StrangeContent());
  EXPECT_THAT(world.upstream.messages()[0].content, StartsWith("Received: from "));
}

TEST(Relay, DeliversToARealEximEveryOctet) {
  Slapd slapd;
  EximPeer exim;
  Gateway gateway(GatewayOptions(slapd.host_and_port(), exim.port()));
  SmtpClient client(gateway.starttls_port());
  client.Begin(Certificates::Get().pem("alice"), Certificates::Get().key("alice"));
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", StrangeMessage()),
              StartsWith("250"));
  std::string stored;
  ASSERT_TRUE(WaitUntil([&] { return !(stored = exim.FirstMessage()).empty(); })) << exim.Log();
  EXPECT_EQ(BodyOf(stored), Replace(StrangeContent(), "\r\n", "\n"));
}

TEST(Relay, WithoutAnUpstreamNothingIsAccepted) {
  World world;
  world.upstream.Close();
  EXPECT_THAT(world.RcptReply("alice", "alice@example.org"), StartsWith("4"));
  world.upstream.Listen();
  EXPECT_THAT(world.RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

TEST(Relay, AnUpstreamThatRefusesAtTheEndIsBelieved) {
  World world([](const std::string& line) {
    return line == "." ? std::string("554 5.6.0 no such thing here\r\n") : std::string();
  });
  SmtpClient client = world.Client("alice");
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", "Subject: a\r\n\r\nb"),
              StartsWith("554"));
  EXPECT_TRUE(world.upstream.messages().empty());
}

TEST(Relay, AnUpstreamThatVanishesAtTheEndIsATemporaryFailure) {
  World world(
      [](const std::string& line) { return line == "." ? std::string("close") : std::string(); });
  SmtpClient client = world.Client("alice");
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", "Subject: a\r\n\r\nb"),
              StartsWith("4"));
  EXPECT_THAT(client.Say("NOOP"), StartsWith("250"));
}

TEST(Relay, ARecipientThatTheUpstreamRefusesIsRefused) {
  World world([](const std::string& line) {
    return line.find("unknown@") != std::string::npos ? std::string("550 5.1.1 unknown here\r\n")
                                                      : std::string();
  });
  SmtpClient client = world.Client("alice");
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<unknown@example.net>"), StartsWith("550 5.1.1"));
  EXPECT_THAT(client.Say("RCPT TO:<known@example.net>"), StartsWith("250"));
}

TEST(Relay, AClientThatLeavesInsideAMessageDeliversNothing) {
  World world;
  {
    SmtpClient client = world.Client("alice");
    client.Say("MAIL FROM:<alice@example.org>");
    client.Say("RCPT TO:<x@example.net>");
    ASSERT_THAT(client.Say("DATA"), StartsWith("354"));
    client.Send("Subject: half\r\n\r\nof a mess");
  }
  SmtpClient client = world.Client("alice");
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", "Subject: whole\r\n\r\nb"),
              StartsWith("250"));
  ASSERT_TRUE(world.upstream.WaitForMessages(1));
  EXPECT_THAT(world.upstream.messages()[0].content, HasSubstr("Subject: whole"));
  EXPECT_EQ(world.upstream.messages().size(), 1u);
}

TEST(Relay, MaildirHoldsWhatWasAccepted) {
  TempDir mail;
  Slapd slapd;
  Gateway::Options options = GatewayOptions(slapd.host_and_port(), 10025);
  options.edits = {{"driver = smtp\n",
                    "driver = appendfile\n  maildir_format\n  directory = " + (mail / "box\n")},
                   {"driver = manualroute\n", "driver = accept\n"},
                   {"  route_list = * 127.0.0.1::10025\n", ""}};
  Gateway gateway(options);
  SmtpClient client(gateway.starttls_port());
  client.Begin(Certificates::Get().pem("alice"), Certificates::Get().key("alice"));
  EXPECT_THAT(client.Submit("alice@example.org", "x@example.net", StrangeMessage()),
              StartsWith("250"));
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(mail / "box/new")) {
    files.push_back(entry.path().string());
  }
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(ReadFile(files[0]), EndsWith(Replace(StrangeContent(), "\r\n", "\n")));
  EXPECT_TRUE(std::filesystem::is_empty(mail / "box/tmp"));
}

}  // namespace
}  // namespace signet::test
