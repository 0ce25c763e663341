// SIGHUP: new sessions get the new configuration, those under way keep theirs.
#include <gmock/gmock.h>
#include <signal.h>

#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Reload : public ::testing::Test {
 protected:
  Gateway::Options Options() {
    return GatewayOptions(world_.slapd.host_and_port(), world_.upstream.port());
  }
  std::string RefusalOfNewSession() { return world_.RcptReply("", "alice@example.org"); }
  World world_;
};

TEST_F(Reload, DropsNoSessionAndServesNewOnesAnew) {
  SmtpClient idle = world_.Client("alice");
  SmtpClient transaction = world_.Client("alice");
  transaction.Say("MAIL FROM:<alice@example.org>");
  transaction.Say("RCPT TO:<x@example.net>");
  ASSERT_THAT(transaction.Say("DATA"), StartsWith("354"));
  transaction.Send("Subject: before\r\n\r\n");
  SmtpClient nobody = world_.Client("");
  nobody.Say("MAIL FROM:<x@example.org>");

  Gateway::Options options = Options();
  options.edits = {{"relaying needs a client certificate", "show your certificate"}};
  world_.gateway->Reload(world_.gateway->ConfigText(options));
  std::string reply;
  EXPECT_TRUE(WaitUntil([&] {
    reply = RefusalOfNewSession();
    return reply.find("show your certificate") != std::string::npos;
  })) << reply;

  EXPECT_THAT(nobody.Say("RCPT TO:<x@example.net>"), StartsWith("550 5.7.1 relaying needs"));
  transaction.Send("and after\r\n.\r\n");
  EXPECT_THAT(transaction.ReadReply(), StartsWith("250"));
  EXPECT_THAT(idle.Submit("alice@example.org", "x@example.net", "Subject: idle\r\n\r\nb"),
              StartsWith("250"));
  ASSERT_TRUE(world_.upstream.WaitForMessages(2));
  EXPECT_THAT(world_.upstream.messages()[0].content, HasSubstr("\r\n\r\nand after\r\n"));
}

TEST_F(Reload, OfABrokenFileKeepsWhatIsThere) {
  SmtpClient idle = world_.Client("alice");
  world_.gateway->Reload("tls_certifcate = /nowhere\nacl_smtp_rcpt = none_such\n");
  ASSERT_TRUE(world_.gateway->WaitForLog("tls_certifcate")) << world_.gateway->Log();
  EXPECT_THAT(idle.Say("MAIL FROM:<alice@example.org>"), StartsWith("250"));
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  EXPECT_THAT(RefusalOfNewSession(), StartsWith("550 5.7.1 relaying needs"));
  EXPECT_TRUE(world_.gateway->process().running());
}

TEST_F(Reload, TakesAClientAuthorityAway) {
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  TempDir other;
  WriteFile(other / "ca.pem", ReadFile(Certificates::Get().pem("selfsigned")));
  Gateway::Options options = Options();
  options.client_ca = other / "ca.pem";
  world_.gateway->Reload(world_.gateway->ConfigText(options));
  std::string reply;
  EXPECT_TRUE(WaitUntil([&] {
    reply = world_.RcptReply("alice", "alice@example.org");
    return reply.substr(0, 3) == "550";
  })) << reply;
}

// --- who may not come in any more is not kept in ------------------------------------------

class LiveSessions : public Reload {
 protected:
  // Reloads with `options` and waits until it is done.
  void ReloadWith(const Gateway::Options& options) {
    world_.gateway->Reload(world_.gateway->ConfigText(options));
    ASSERT_TRUE(world_.gateway->WaitForLog("configuration reloaded")) << world_.gateway->Log();
    // The line comes when every worker has been told; its next turn is when it knows.
    EXPECT_THAT(world_.RcptReply("", "x@example.org"), StartsWith("550"));
  }
  Gateway::Options WithoutAlice() {
    Gateway::Options options = Options();
    options.main_options = "tls_crl = " + Certificates::Get().pem("crl-alice");
    return options;
  }
};

constexpr char kEnded[] = "421 4.7.0 mx.example.org: Authentication has ended";

TEST_F(LiveSessions, RuleC3OfARevokedIdentityEndAtTheirNextCommandAndOthersGoOn) {
  SmtpClient revoked = world_.Client("alice");
  SmtpClient in_transaction = world_.Client("alice");
  EXPECT_THAT(in_transaction.Say("MAIL FROM:<alice@example.org>"), StartsWith("250"));
  SmtpClient leaving = world_.Client("alice");
  SmtpClient other = world_.Client("bob");
  SmtpClient nobody = world_.Client("");
  ReloadWith(WithoutAlice());
  EXPECT_THAT(revoked.Say("NOOP"), StartsWith(kEnded));
  EXPECT_TRUE(revoked.closed());
  EXPECT_THAT(in_transaction.Say("RCPT TO:<x@example.net>"), StartsWith(kEnded));
  EXPECT_TRUE(in_transaction.closed());
  EXPECT_THAT(leaving.Say("QUIT"), StartsWith("221"));
  EXPECT_TRUE(world_.gateway->WaitForLog(
      "dropped: client certificate does not verify any more: certificate revoked"))
      << world_.gateway->Log();
  EXPECT_THAT(nobody.Say("NOOP"), StartsWith("250"));
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(other.Submit("bob@example.org", "x@example.net", "Subject: on\r\n\r\nb"),
                StartsWith("250"));
}

TEST_F(LiveSessions, RuleU1AMessageOfARevokedIdentityIsNotHandedOver) {
  SmtpClient client = world_.Client("alice");
  client.Say("MAIL FROM:<alice@example.org>");
  client.Say("RCPT TO:<x@example.net>");
  ASSERT_THAT(client.Say("DATA"), StartsWith("354"));
  client.Send("Subject: too late\r\n\r\n");
  ReloadWith(WithoutAlice());
  client.Send("end\r\n.\r\n");
  EXPECT_THAT(client.ReadReply(), StartsWith(kEnded));
  EXPECT_TRUE(client.closed());
  // Whoever comes later is served, and the message of before is not there.
  EXPECT_THAT(
      world_.Client("bob").Submit("bob@example.org", "x@example.net", "Subject: b\r\n\r\nb"),
      StartsWith("250"));
  ASSERT_TRUE(world_.upstream.WaitForMessages(1));
  for (const auto& message : world_.upstream.messages())
    EXPECT_EQ(message.content.find("too late"), std::string::npos);
}

TEST_F(LiveSessions, EndWithTheirAuthority) {
  SmtpClient client = world_.Client("alice");
  TempDir other;
  WriteFile(other / "ca.pem", ReadFile(Certificates::Get().pem("selfsigned")));
  Gateway::Options options = Options();
  options.client_ca = other / "ca.pem";
  ReloadWith(options);
  EXPECT_THAT(client.Say("MAIL FROM:<alice@example.org>"), StartsWith(kEnded));
  EXPECT_TRUE(world_.gateway->WaitForLog("does not verify any more: unknown CA"));
}

TEST_F(LiveSessions, EndWithTheirAuthenticator) {
  Gateway::Options options = Options();
  SmtpClient client = world_.Client("alice");
  SmtpClient nobody = world_.Client("");
  std::string text = world_.gateway->ConfigText(options);
  const std::size_t from = text.find("tls:\n  driver = tls");
  ASSERT_NE(from, std::string::npos);
  world_.gateway->Reload(text.substr(0, from) + text.substr(text.find("begin routers")));
  ASSERT_TRUE(world_.gateway->WaitForLog("configuration reloaded")) << world_.gateway->Log();
  EXPECT_THAT(world_.RcptReply("", "x@example.org"), StartsWith("550"));
  EXPECT_THAT(client.Say("NOOP"), StartsWith(kEnded));
  EXPECT_THAT(nobody.Say("NOOP"), StartsWith("250"));
}

TEST_F(LiveSessions, EndWhereARevocationListIsFoundToBeNewWithoutAReload) {
  TempDir lists;
  WriteFile(lists / "crl.pem", ReadFile(Certificates::Get().pem("crl")));
  Gateway::Options options = Options();
  options.main_options = "tls_crl = " + (lists / "crl.pem");
  ReloadWith(options);
  SmtpClient client = world_.Client("alice");
  SmtpClient other = world_.Client("bob");
  WriteFile(lists / "crl.pem", ReadFile(Certificates::Get().pem("crl-alice")));
  // New sessions make the server look at its files, once a second.
  EXPECT_TRUE(WaitUntil(
      [&] { return world_.RcptReply("alice", "alice@example.org").substr(0, 3) == "550"; }));
  EXPECT_THAT(client.Say("NOOP"), StartsWith(kEnded));
  EXPECT_THAT(other.Say("NOOP"), StartsWith("250"));
}

TEST_F(LiveSessions, WhoseRevocationListCannotBeUsedEndAsTheirNewSessionsAreDeferred) {
  SmtpClient client = world_.Client("alice");
  SmtpClient nobody = world_.Client("");
  Gateway::Options options = Options();
  options.main_options = "tls_crl = " + Certificates::Get().pem("crl-stale");
  ReloadWith(options);
  EXPECT_THAT(client.Say("NOOP"), StartsWith(kEnded));
  EXPECT_THAT(nobody.Say("NOOP"), StartsWith("250"));
  options.main_options += "\ntls_crl_on_stale = accept";
  SmtpClient second = world_.Client("");
  world_.gateway->Reload(world_.gateway->ConfigText(options));
  EXPECT_TRUE(WaitUntil(
      [&] { return world_.RcptReply("alice", "alice@example.org").substr(0, 3) == "250"; }));
  SmtpClient accepted = world_.Client("alice");
  EXPECT_THAT(accepted.Say("NOOP"), StartsWith("250"));
}

TEST_F(Reload, SigtermEndsTheGateway) {
  SmtpClient idle = world_.Client("alice");
  world_.gateway->process().Signal(SIGTERM);
  EXPECT_EQ(world_.gateway->process().Wait(seconds(20)), 0) << world_.gateway->Log();
  EXPECT_TRUE(idle.closed());
}

}  // namespace
}  // namespace signet::test
