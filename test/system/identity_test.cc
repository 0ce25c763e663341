// Which certificate becomes which account, with a real directory: the example
// configuration, one client certificate after the other.
#include <gmock/gmock.h>

#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Identity : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = new World; }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static World* world_;
};
World* Identity::world_ = nullptr;

TEST_F(Identity, OneNameInTheDirectoryAuthenticates) {
  SmtpClient client = world_->Client("alice");
  EXPECT_THAT(client.reply(), StartsWith("250"));
  EXPECT_THAT(client.reply(), Not(HasSubstr("AUTH")));
  EXPECT_THAT(client.Submit("alice@example.org", "bob@example.net", "Subject: one\r\n\r\nHello"),
              StartsWith("250"));
  ASSERT_TRUE(world_->upstream.WaitForMessages(1));
  const Upstream::Message message = world_->upstream.messages()[0];
  EXPECT_EQ(message.recipients, std::vector<std::string>{"RCPT TO:<bob@example.net>"});
  EXPECT_THAT(message.content, HasSubstr("with esmtpsa"));
  EXPECT_THAT(message.content, HasSubstr("Subject: one\r\n\r\nHello\r\n"));
  ASSERT_TRUE(world_->gateway->WaitForLog(" A=tls:alice@example.org ")) << world_->gateway->Log();
  EXPECT_THAT(world_->gateway->Log(), HasSubstr(" P=esmtpsa X=TLS1.3:"));
  EXPECT_THAT(world_->gateway->Log(), HasSubstr(" CV=yes "));
}

TEST_F(Identity, TlsOnConnectAuthenticatesTheSame) {
  const Certificates& certificates = Certificates::Get();
  SmtpClient client(world_->gateway->tls_port(), true);
  ASSERT_TRUE(client.StartTls(certificates.pem("alice"), certificates.key("alice")));
  EXPECT_THAT(client.ReadReply(), StartsWith("220 mx.example.org"));
  EXPECT_THAT(client.Say("EHLO client.example.org"), Not(HasSubstr("STARTTLS")));
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<bob@example.net>"), StartsWith("250"));
}

TEST_F(Identity, EachSessionHasItsOwnName) {
  SmtpClient alice = world_->Client("alice");
  SmtpClient bob = world_->Client("bob");
  EXPECT_THAT(alice.Say("MAIL FROM:<bob@example.org>"),
              StartsWith("550 5.7.1 alice@example.org may not send as bob@example.org"));
  EXPECT_THAT(bob.Say("MAIL FROM:<bob@example.org>"), StartsWith("250"));
  EXPECT_THAT(bob.Say("RCPT TO:<x@example.net>"), StartsWith("250"));
}

TEST_F(Identity, BeforeTlsNobodyIsAuthenticated) {
  SmtpClient client(world_->gateway->starttls_port());
  EXPECT_THAT(client.Say("EHLO client.example.org"), HasSubstr("STARTTLS"));
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<bob@example.net>"),
              StartsWith("550 5.7.1 relaying needs a client certificate"));
}

// Clients that get a session and no name: RCPT is refused for good.
struct Refused {
  const char* certificate;
  const char* what;
  const char* logged;  // "" where nothing needs to be
};
void PrintTo(const Refused& row, std::ostream* out) { *out << row.what; }

class NoIdentity : public Identity, public ::testing::WithParamInterface<Refused> {};

TEST_P(NoIdentity, IsRefusedAtRcpt) {
  const std::size_t log_before = world_->gateway->Log().size();
  EXPECT_THAT(world_->RcptReply(GetParam().certificate, "alice@example.org"),
              StartsWith("550 5.7.1 relaying needs a client certificate"));
  const std::string logged = GetParam().logged;
  EXPECT_TRUE(WaitUntil([&] {
    return world_->gateway->Log().find(logged, log_before) != std::string::npos;
  })) << world_->gateway->Log().substr(log_before);
  EXPECT_THAT(world_->gateway->Log().substr(log_before), Not(HasSubstr("A=tls")));
}

std::vector<Refused> AllRefused() {
  return {
      {"", "NoCertificate", "rejected RCPT"},
      {"mallory", "ValidButNotInTheDirectory", "mallory@example.org"},
      {"zero", "AccountThatIsClosed", "zero@example.org"},
      {"none", "CertificateWithoutAName", "tls authenticator failed"},
      {"two", "TwoNamesAreNoIdentity", "tls authenticator failed"},
      {"selfsigned", "SelfSigned", "CV=no"},
      {"expired", "Expired", "CV=no"},
      {"serverauth", "OnlyForServers", "CV=no"},
      {"otherca", "OfAnUnknownAuthority", "CV=no"},
  };
}
std::string NameOfRefused(const ::testing::TestParamInfo<Refused>& info) { return info.param.what; }
INSTANTIATE_TEST_SUITE_P(Clients, NoIdentity, ::testing::ValuesIn(AllRefused()), NameOfRefused);

TEST_F(Identity, TwoNamesAreExplainedInTheLog) {
  world_->RcptReply("two", "alice@example.org");
  EXPECT_TRUE(WaitUntil([&] {
    return world_->gateway->Log().find("server_set_id gave no identity") != std::string::npos;
  })) << world_->gateway->Log();
  EXPECT_THAT(world_->gateway->Log(), Not(HasSubstr("A=tls: ")));
}

TEST_F(Identity, RuleI6ANameWithANulIsLeftOutAndSaid) {
  SmtpClient client = world_->Client("nul");
  EXPECT_THAT(client.Say("MAIL FROM:<alice@example.org>"),
              StartsWith("550 5.7.1 bob@example.org may not send as alice@example.org"));
  EXPECT_TRUE(world_->gateway->WaitForLog(
      "invalid names left out: mail \"alice@example.org\\000.evil.example\""))
      << world_->gateway->Log();
}

TEST_F(Identity, AnAccountNumberThatIsNoNumberDefers) {
  EXPECT_THAT(world_->RcptReply("word", "word@example.org"), StartsWith("451 4.7.0"));
}

std::unique_ptr<World> WorldWithCrl(const std::string& name) {
  const Certificates& certificates = Certificates::Get();
  std::string crl = certificates.pem(name);
  return std::make_unique<World>(nullptr,
                                 Gateway::Options{.main_options = "tls_crl = " + crl + "\n"});
}

TEST(RevocationList, RuleI3ARevokedCertificateIsNoIdentity) {
  const auto world = WorldWithCrl("crl");
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
  EXPECT_THAT(world->RcptReply("revoked", "alice@example.org"), StartsWith("550 5.7.1"));
  EXPECT_TRUE(world->gateway->WaitForLog("certificate revoked")) << world->gateway->Log();
}

TEST(RevocationList, RuleC3AListThatIsOutOfDateDefers) {
  const auto world = WorldWithCrl("crl-stale");
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"),
              StartsWith("451 4.7.0 Temporary authentication failure: revocation information"));
  EXPECT_THAT(world->RcptReply("selfsigned", "alice@example.org"), StartsWith("550 5.7.1"));
}

}  // namespace
}  // namespace signet::test
