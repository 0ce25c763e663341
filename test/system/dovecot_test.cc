// The `dovecot` authenticator and a real Dovecot, seen from outside.
#include <gmock/gmock.h>

#include <thread>

#include "test/support/auth_gateway.h"
#include "test/support/clients.h"
#include "test/support/dovecot.h"
#include "test/support/example.h"
#include "test/support/explained.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUsers = "ann:{PLAIN}sesame\nbob:{PLAIN}a b\"c\\d\n";

std::string Instances(const std::string& socket,
                      std::vector<std::string> mechanisms = {"PLAIN", "LOGIN", "CRAM-MD5",
                                                             "SCRAM-SHA-256"}) {
  std::string text;
  for (const std::string& mechanism : mechanisms)
    text += "dovecot_" + Replace(mechanism, "-", "_") +
            ":\n  driver = dovecot\n  public_name = " + mechanism +
            "\n  server_socket = " + socket + "\n  server_set_id = $auth1\n";
  return text;
}

AuthGateway::Options GatewayFor(const std::string& authenticators) {
  const Certificates& certificates = Certificates::Get();
  return {authenticators, "", certificates.pem("server"), certificates.key("server"),
          certificates.pem("client-ca")};
}

constexpr const char* kGood = "AGFubgBzZXNhbWU=";  // NUL ann NUL sesame
constexpr const char* kBad = "AGFubgB3cm9uZw==";   // NUL ann NUL wrong

TEST(DovecotAuthenticator, TakesWhatDovecotTakes) {
  Dovecot dovecot(kUsers);
  AuthGateway gateway(GatewayFor(Instances(dovecot.socket())));
  SmtpClient client = gateway.Client();
  EXPECT_THAT(client.reply(), HasSubstr("AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256"));
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kBad).substr(0, 3), "535");
  EXPECT_THAT(gateway.LogSince("failed"), HasSubstr("dovecot_PLAIN authenticator failed for "));
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [] by [] failed [ann]");
  client.Say("RSET");
  EXPECT_EQ(client.Say("AUTH PLAIN"), "334 ");
  EXPECT_EQ(client.Say(kGood), "235 2.7.0 Authentication succeeded");
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [ann] by [dovecot_PLAIN] failed []");
  EXPECT_THAT(client.Say("EHLO c"), Not(HasSubstr("AUTH")));
}

TEST(DovecotAuthenticator, PassesChallengesOn) {
  Dovecot dovecot(kUsers);
  AuthGateway gateway(GatewayFor(Instances(dovecot.socket())));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say("AUTH LOGIN"), "334 VXNlcm5hbWU6");
  EXPECT_EQ(client.Say("Ym9i"), "334 UGFzc3dvcmQ6");
  EXPECT_EQ(client.Say("*"), "501 5.7.0 Authentication cancelled");
  EXPECT_EQ(client.Say("AUTH LOGIN"), "334 VXNlcm5hbWU6");
  EXPECT_EQ(client.Say("Ym9i"), "334 UGFzc3dvcmQ6");
  EXPECT_EQ(client.Say("YSBiImNcZA=="), "235 2.7.0 Authentication succeeded");
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [bob] by [dovecot_LOGIN] failed []");
}

TEST(DovecotAuthenticator, NeverTakesAnEmptyPasswordOrNoise) {
  Dovecot dovecot(kUsers + std::string("nil:{PLAIN}\n"));
  AuthGateway gateway(GatewayFor(Instances(dovecot.socket())));
  for (const char* token :
       {"=", "AGFubgA=", "AG5pbAA=", "AGFubg==", "YW5u", "AA==", "AABzZXNhbWU="}) {
    SmtpClient client = gateway.Client();
    EXPECT_THAT(client.Say(std::string("AUTH PLAIN ") + token).substr(0, 3),
                ::testing::AnyOf("535", "435"))
        << token;
    EXPECT_THAT(client.Say("MAIL FROM:<>"), HasSubstr("[] by []")) << token;
  }
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say("AUTH PLAIN !"), "501 5.5.2 Invalid base64 data");
}

TEST(DovecotAuthenticator, ManyClientsAtOnceAreManyClientsToDovecot) {
  Dovecot dovecot(kUsers);
  AuthGateway gateway(GatewayFor(Instances(dovecot.socket())));
  std::vector<SmtpClient> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(gateway.Client());
  // All exchanges are open at the same time.
  for (SmtpClient& client : clients) EXPECT_EQ(client.Say("AUTH LOGIN"), "334 VXNlcm5hbWU6");
  for (SmtpClient& client : clients) EXPECT_EQ(client.Say("YW5u"), "334 UGFzc3dvcmQ6");
  for (std::size_t i = 0; i < clients.size(); ++i)
    EXPECT_EQ(clients[i].Say(i % 2 == 0 ? "c2VzYW1l" : "bm8=").substr(0, 3),
              i % 2 == 0 ? "235" : "535");
  EXPECT_THAT(dovecot.Log(), Not(HasSubstr("BUG")));
}

TEST(DovecotAuthenticator, DefersWhereDovecotCannotBeAsked) {
  auto dovecot = std::make_unique<Dovecot>(kUsers);
  AuthGateway gateway(GatewayFor(Instances(dovecot->socket()) +
                                 "wrong:\n  driver = dovecot\n  public_name = WRONG\n"
                                 "  server_socket = " +
                                 dovecot->master_socket() +
                                 "\n"
                                 "other:\n  driver = dovecot\n  public_name = OTHER\n"
                                 "  server_socket = " +
                                 dovecot->socket() +
                                 "\n"
                                 "nowhere:\n  driver = dovecot\n  public_name = NOWHERE\n"
                                 "  server_socket = /nowhere/at/all\n"));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say("AUTH WRONG"), "435 4.7.0 Unable to authenticate at present");
  EXPECT_THAT(gateway.LogSince("435"),
              HasSubstr("connected to auth-master instead of auth-client"));
  EXPECT_EQ(client.Say("AUTH OTHER"), "435 4.7.0 Unable to authenticate at present");
  EXPECT_THAT(gateway.LogSince("435"),
              HasSubstr("Dovecot did not advertise mechanism \"OTHER\" to us"));
  EXPECT_EQ(client.Say("AUTH NOWHERE"), "435 4.7.0 Unable to authenticate at present");
  EXPECT_THAT(gateway.LogSince("435"),
              HasSubstr("unable to connect to UNIX socket (/nowhere/at/all): No such file"));
  dovecot->Stop();
  SmtpClient late = gateway.Client();
  EXPECT_EQ(late.Say(std::string("AUTH PLAIN ") + kGood),
            "435 4.7.0 Unable to authenticate at present");
  EXPECT_EQ(late.Say("MAIL FROM:<>").substr(0, 21), "250 2.1.0 [] by [] fa");
  // Rule A6.
  EXPECT_THAT(gateway.Log(), Not(HasSubstr("sesame")));
  EXPECT_THAT(gateway.Log(), Not(HasSubstr(kGood)));
}

TEST(DovecotAuthenticator, MayBeReachedByTcp) {
  const std::string port = std::to_string(FreePort());
  Dovecot dovecot(kUsers, "service auth {\n  inet_listener {\n    port = " + port + "\n  }\n}\n");
  AuthGateway gateway(GatewayFor(Instances("127.0.0.1 " + port)));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kBad).substr(0, 3), "535");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kGood).substr(0, 3), "235") << gateway.Log();
}

TEST(DovecotExample, TakesTheAccountsOfDovecot) {
  const Authority authority;
  Dovecot dovecot("alice@example.org:{PLAIN}sesame\n");
  Upstream upstream(nullptr);
  Example::Setup setup;
  setup.places = {{"/run/dovecot/auth-client", dovecot.socket()}};
  setup.upstream_port = upstream.port();
  const Example example("dovecot.conf", authority, setup);
  EXPECT_EQ(example.complaints(), "");
  Caller caller{"", "", example.starttls_port(), false, "alice@example.org", "x@example.net"};
  EXPECT_EQ(WhereExplainDiffers(example.config_file(), caller), "");
  caller.mechanism = "PLAIN";
  caller.user = "alice@example.org";
  for (const char* password : {"sesame", "wrong"}) {
    caller.password = password;
    EXPECT_EQ(WhereExplainDiffers(example.config_file(), caller), "") << password;
  }
  Submission submission;
  submission.port = example.starttls_port();
  submission.ca = authority.root();
  submission.ca_chain = authority.chain();
  submission.sender = submission.user = "alice@example.org";
  submission.content = "Subject: x\r\n\r\nHello\r\n";
  for (const auto& [program, mechanism] :
       {std::pair(Program::kSwaks, "PLAIN"), std::pair(Program::kPython, "LOGIN"),
        std::pair(Program::kMsmtp, "SCRAM-SHA-256"), std::pair(Program::kCurl, "PLAIN")}) {
    submission.mechanism = mechanism;
    submission.password = "sesame";
    const Finished good = SubmitWith(program, submission);
    EXPECT_EQ(good.status, 0) << good.output << example.Log();
    submission.password = "wrong";
    EXPECT_NE(SubmitWith(program, submission).status, 0) << Name(program);
  }
  EXPECT_THAT(example.Log(), HasSubstr("A=dovecot_scram:alice@example.org"));
  submission.password = "sesame";
  submission.sender = "bob@example.org";
  EXPECT_NE(SubmitWith(Program::kSwaks, submission).status, 0);
}

class DovecotClients : public ::testing::TestWithParam<std::tuple<Program, const char*>> {};

TEST_P(DovecotClients, SubmitWithIt) {
  const auto [program, mechanism] = GetParam();
  Dovecot dovecot(kUsers);
  AuthGateway gateway(GatewayFor(Instances(dovecot.socket(), {mechanism})));
  Submission submission;
  submission.port = gateway.port();
  submission.ca = Certificates::Get().pem("ca");
  submission.ca_chain = Certificates::Get().pem("chain");
  submission.mechanism = mechanism;
  submission.user = "ann";
  submission.password = "sesame";
  submission.content = "Subject: x\r\n\r\nHello\r\n";
  SubmitWith(program, submission);  // nobody takes the message: who sent it is what counts
  EXPECT_TRUE(gateway.WaitForLog("A=dovecot_" + Replace(mechanism, "-", "_") + ":ann"))
      << gateway.Log() << dovecot.Log();
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Program, const char*>>& info) {
  return std::string(Name(std::get<0>(info.param))) + "_" +
         Replace(std::get<1>(info.param), "-", "_");
}
INSTANTIATE_TEST_SUITE_P(Every, DovecotClients,
                         ::testing::Values(std::tuple(Program::kSwaks, "PLAIN"),
                                           std::tuple(Program::kSwaks, "LOGIN"),
                                           std::tuple(Program::kSwaks, "CRAM-MD5"),
                                           std::tuple(Program::kPython, "PLAIN"),
                                           std::tuple(Program::kPython, "CRAM-MD5"),
                                           std::tuple(Program::kMsmtp, "LOGIN"),
                                           std::tuple(Program::kMsmtp, "SCRAM-SHA-256"),
                                           std::tuple(Program::kCurl, "PLAIN")),
                         NameOf);

}  // namespace
}  // namespace signet::test
