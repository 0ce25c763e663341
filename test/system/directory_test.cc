// A directory that is slow, gone, back, or one of two.
#include <gmock/gmock.h>

#include <chrono>

#include "test/system/world.h"

namespace signet::test {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::StartsWith;

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

TEST(Directory, RuleR5StoppedItDefersInTimeAndDisturbsNobody) {
  World world;
  SmtpClient before = world.Client("alice");  // authenticated while all is well
  world.slapd.Stop();

  // Nine wait for the directory…
  const auto start = steady_clock::now();
  std::vector<SmtpClient> waiting;
  for (int i = 0; i < 9; ++i) waiting.emplace_back(world.gateway->starttls_port());
  for (SmtpClient& client : waiting) {
    client.Say("EHLO waiting.example.org");
    ASSERT_THAT(client.Say("STARTTLS"), StartsWith("220"));
    ASSERT_TRUE(client.StartTls(Certificates::Get().pem("bob"), Certificates::Get().key("bob")));
    client.Send("EHLO waiting.example.org\r\n");
  }
  // …meanwhile others are served at once: one that has its name, one that needs none.
  const auto undisturbed = steady_clock::now();
  EXPECT_THAT(before.Submit("alice@example.org", "x@example.net", "Subject: a\r\n\r\nb"),
              StartsWith("250"));
  EXPECT_THAT(world.RcptReply("", "x@example.org"), StartsWith("550"));
  EXPECT_LT(SecondsSince(undisturbed), 2.0);

  for (SmtpClient& client : waiting) {
    client.ReadReply();
    client.Say("MAIL FROM:<bob@example.org>");
    EXPECT_THAT(client.Say("RCPT TO:<x@example.net>"), StartsWith("451 4.7.0"));
  }
  EXPECT_LT(SecondsSince(start), 15.0);
  EXPECT_THAT(world.gateway->Log(), HasSubstr("435 Unable to authenticate at present"));

  // It goes on: what was deferred succeeds without a restart.
  world.slapd.Continue();
  std::string reply;
  EXPECT_TRUE(WaitUntil([&] {
    reply = world.RcptReply("bob", "bob@example.org");
    return reply.substr(0, 3) == "250";
  })) << reply;
}

TEST(Directory, ThatIsKilledAndStartedAgainServesAgain) {
  World world;
  EXPECT_THAT(world.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  world.slapd.Kill();
  EXPECT_THAT(world.RcptReply("alice", "alice@example.org"), StartsWith("451 4.7.0"));
  world.slapd.Start();
  std::string reply;
  EXPECT_TRUE(WaitUntil([&] {
    reply = world.RcptReply("alice", "alice@example.org");
    return reply.substr(0, 3) == "250";
  })) << reply;
}

TEST(Directory, TheSecondServerAnswersWhereTheFirstIsGone) {
  Slapd first, second;
  Upstream upstream;
  Gateway gateway(
      GatewayOptions(first.host_and_port() + " : " + second.host_and_port(), upstream.port()));
  const auto rcpt = [&] {
    SmtpClient client(gateway.starttls_port());
    client.Begin(Certificates::Get().pem("alice"), Certificates::Get().key("alice"));
    client.Say("MAIL FROM:<alice@example.org>");
    return client.Say("RCPT TO:<x@example.net>");
  };
  EXPECT_THAT(rcpt(), StartsWith("250"));
  first.Kill();
  for (int i = 0; i < 5; ++i) EXPECT_THAT(rcpt(), StartsWith("250"));
  // The other way round, once the first is back.
  first.Start();
  second.Kill();
  std::string reply;
  EXPECT_TRUE(WaitUntil([&] {
    reply = rcpt();
    return reply.substr(0, 3) == "250";
  })) << reply;
}

TEST(Directory, TheSecondServerAnswersWhereTheFirstIsSilent) {
  Slapd first, second;
  Upstream upstream;
  Gateway gateway(
      GatewayOptions(first.host_and_port() + " : " + second.host_and_port(), upstream.port()));
  first.Stop();
  SmtpClient client(gateway.starttls_port());
  client.Begin(Certificates::Get().pem("alice"), Certificates::Get().key("alice"));
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<x@example.net>"), StartsWith("250"));
}

TEST(Directory, AnAccountThatIsClosedMeanwhileIsRefusedInTheNextSession) {
  World world;
  EXPECT_THAT(world.RcptReply("bob", "bob@example.org"), StartsWith("250"));
  world.slapd.Modify(
      "dn: mailname=bob@example.org,ou=users,dc=example,dc=org\n"
      "changetype: modify\nreplace: mailid\nmailid: 0\n");
  EXPECT_THAT(world.RcptReply("bob", "bob@example.org"), StartsWith("550"));
}

}  // namespace
}  // namespace signet::test
