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

TEST_F(Reload, SigtermEndsTheGateway) {
  SmtpClient idle = world_.Client("alice");
  world_.gateway->process().Signal(SIGTERM);
  EXPECT_EQ(world_.gateway->process().Wait(seconds(20)), 0) << world_.gateway->Log();
  EXPECT_TRUE(idle.closed());
}

}  // namespace
}  // namespace signet::test
