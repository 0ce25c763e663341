// SIGHUP: new sessions get the new configuration, those under way keep theirs.
#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <exception>
#include <thread>

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

// Nobody connects meanwhile: whoever is there looks at the files.
TEST_F(LiveSessions, RuleC3EndOnAQuietServerToo) {
  TempDir lists;
  WriteFile(lists / "crl.pem", ReadFile(Certificates::Get().pem("crl")));
  Gateway::Options options = Options();
  options.main_options = "tls_crl = " + (lists / "crl.pem");
  ReloadWith(options);
  SmtpClient client = world_.Client("alice");
  EXPECT_THAT(client.Say("NOOP"), StartsWith("250"));
  WriteFile(lists / "crl.pem", ReadFile(Certificates::Get().pem("crl-alice")));
  // Once a second; a session may not say much more without mail.
  std::string reply;
  for (int i = 0; i < 8 && !reply.starts_with(kEnded); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    reply = client.Say("NOOP");
  }
  EXPECT_THAT(reply, StartsWith(kEnded));
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

// --- under load --------------------------------------------------------------------------

TEST(Reloads, OfFiftyNoneDropsASessionOrRefusesAConnection) {
  TempDir directory;
  const std::string config = directory / "conf";
  const int port = FreePort();
  const std::string text =
      "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = " +
      std::to_string(port) + "\ntls_certificate = " + Certificates::Get().pem("server") +
      "\ntls_privatekey = " + Certificates::Get().key("server") +
      "\ntls_advertise_hosts = *\nacl_smtp_rcpt = accept\ncontrol_socket = " +
      directory / "control" + "\nsmtp_accept_max_per_host = 1000\nsmtp_accept_max_nonmail = 1000\n";
  WriteFile(config, text);
  Process gateway({SignetProgram(), "serve", "-C", config});
  ASSERT_TRUE(gateway.WaitForOutput("daemon started")) << gateway.Output();

  SmtpClient old(port);
  ASSERT_THAT(old.Begin(), StartsWith("250"));
  std::atomic<bool> over{false};
  std::atomic<int> good{0}, bad{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!over) {
        try {
          SmtpClient client(port);
          const bool served = client.Begin().starts_with("250") &&
                              client.Say("NOOP").starts_with("250") &&
                              client.Say("QUIT").starts_with("221");
          ++(served ? good : bad);
        } catch (const std::exception&) {
          ++bad;
        }
      }
    });
  for (int i = 0; i < 25; ++i) {
    WriteFile(config, text + "smtp_banner = mx.example.org " + std::to_string(i) + "\n");
    const Finished asked = test::Run({SignetProgram(), "reload", "-C", config});
    EXPECT_EQ(asked.status, 0) << asked.output;
    const std::string done = "SIGHUP received: configuration reloaded";
    const auto count = [&] {
      int found = 0;
      const std::string log = gateway.Output();
      for (std::size_t at = 0; (at = log.find(done, at)) != log.npos; ++at) ++found;
      return found;
    };
    const int before = count();
    gateway.Signal(SIGHUP);
    EXPECT_TRUE(WaitUntil([&] { return count() > before; })) << gateway.Output();
    EXPECT_THAT(old.Say("NOOP"), StartsWith("250"));
  }
  over = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 50);
  EXPECT_THAT(SmtpClient(port).reply(), HasSubstr("mx.example.org 24"));
}

// --- modules -----------------------------------------------------------------------------

TEST(Reloads, TakeModulesThatAreNamedAnewAndLeaveOthers) {
  TempDir directory;
  const Finished built =
      test::Run({"cc", "-std=c11", "-O1", "-fPIC", "-shared", "-DSIGNET_DRIVER_SHARED",
                 "-I" + ProjectRoot() + "/drivers/include", "-o", directory / "hello.so",
                 ProjectRoot() + "/test/support/module/hello.c"});
  ASSERT_EQ(built.status, 0) << built.output;
  WriteFile(directory / "junk.so", "this is no module\n");
  const std::string config = directory / "conf";
  const int port = FreePort();
  const std::string text =
      "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = " +
      std::to_string(port) + "\nacl_smtp_rcpt = rcpt\n";
  const std::string without = text + "begin acl\nrcpt:\n  deny message = without\n";
  const std::string with = "driver_modules = " + directory / "hello.so" + "\n" + text +
                           "hello_greeting = Welcome\n"
                           "begin acl\nrcpt:\n  deny message = ${lookup hello{you}}\n";
  WriteFile(config, without);
  Process gateway({SignetProgram(), "serve", "-C", config});
  ASSERT_TRUE(gateway.WaitForOutput("daemon started")) << gateway.Output();
  const auto refusal = [&] {
    SmtpClient client(port);
    client.Say("EHLO client.example.org");
    client.Say("MAIL FROM:<>");
    return client.Say("RCPT TO:<bob@example.net>");
  };
  const auto reload_to = [&](const std::string& wanted, const std::string& reply) {
    WriteFile(config, wanted);
    gateway.Signal(SIGHUP);
    EXPECT_TRUE(WaitUntil([&] { return refusal().find(reply) != std::string::npos; }))
        << reply << "\n"
        << gateway.Output();
  };
  EXPECT_THAT(refusal(), HasSubstr("without"));
  reload_to(with, "Welcome you");
  // A session keeps the drivers that it began with.
  SmtpClient old(port);
  old.Say("EHLO client.example.org");
  old.Say("MAIL FROM:<>");
  // A bad one leaves what is there, and says why.
  WriteFile(config, Replace(with, "hello.so", "junk.so"));
  gateway.Signal(SIGHUP);
  EXPECT_TRUE(gateway.WaitForOutput("configuration kept as it was, 1 error")) << gateway.Output();
  EXPECT_THAT(gateway.Output(), HasSubstr("junk.so"));
  EXPECT_THAT(refusal(), HasSubstr("Welcome you"));
  reload_to(without, "without");
  EXPECT_THAT(old.Say("RCPT TO:<bob@example.net>"), HasSubstr("Welcome you"));
  // Who is not named any more is not known any more.
  WriteFile(config, Replace(with, "driver_modules", "# driver_modules"));
  gateway.Signal(SIGHUP);
  EXPECT_TRUE(gateway.WaitForOutput("hello_greeting")) << gateway.Output();
  EXPECT_THAT(refusal(), HasSubstr("without"));
  reload_to(with, "Welcome you");
}

}  // namespace
}  // namespace signet::test
