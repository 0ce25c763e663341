// Names that are almost somebody's: certificates of a trusted authority whose text was
// chosen to be taken for alice's.
#include <gmock/gmock.h>

#include "test/support/certificates.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// An authority of ours, a gateway that trusts it and a client with any name in it.
class Names : public ::testing::Test {
 protected:
  Names() : root_(testing::MakeRoot()) {
    WriteFile(directory_ / "ca.pem", root_.Pem());
    Gateway::Options options = GatewayOptions(slapd_.host_and_port(), upstream_.port());
    options.client_ca = directory_ / "ca.pem";
    gateway_ = std::make_unique<Gateway>(options);
  }
  // The reply to RCPT of a client with these names, sending as alice@example.org.
  std::string RcptReply(const std::vector<std::string>& names) {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.alternative_names = names;
    const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256);
    WriteFile(directory_ / "client.pem", testing::Issue(spec, key, &root_).Pem());
    WriteFile(directory_ / "client.key", key.Pem());
    SmtpClient client(gateway_->starttls_port());
    client.Begin(directory_ / "client.pem", directory_ / "client.key");
    client.Say("MAIL FROM:<alice@example.org>");
    if (client.code() != 250) return client.reply();
    return client.Say("RCPT TO:<someone@example.net>");
  }
  std::string RcptReplyToMail(std::string_view octets) {
    return RcptReply({testing::MailName(octets)});
  }

  TempDir directory_;
  testing::Issued root_;
  Slapd slapd_;
  Upstream upstream_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(Names, TheNameItselfAuthenticatesInAnyCase) {
  EXPECT_THAT(RcptReplyToMail("alice@example.org"), StartsWith("250"));
  EXPECT_THAT(RcptReplyToMail("Alice@Example.ORG"), StartsWith("250"));
}

TEST_F(Names, RuleI9LookAlikesAreOthers) {
  for (const char* name :
       {"\xd0\xb0lice@example.org", "a\xcc\x81lice@example.org", "alice@example.org.",
        "*@example.org", "a*@example.org", "alice@example\xe3\x80\x82org",
        "ali\xc4\xb1"
        "ce@example.org"}) {
    EXPECT_THAT(RcptReplyToMail(name), StartsWith("550")) << name;
  }
  EXPECT_THAT(gateway_->Log(), Not(HasSubstr("A=tls")));
}

// A directory finds alice under these names too. That was an identity once.
TEST_F(Names, RuleI10BlanksThatADirectoryDoesNotSeeMakeAnother) {
  for (const char* name : {"alice@example.org ", " alice@example.org", "Alice@example.org  "}) {
    EXPECT_THAT(RcptReplyToMail(name), StartsWith("550 5.7.1 relaying needs")) << name;
  }
  EXPECT_TRUE(gateway_->WaitForLog("blanks at an end")) << gateway_->Log();
}

TEST_F(Names, RuleL2QueryAndDnSyntaxIsText) {
  for (const char* name :
       {"alice@example.org,ou=users,dc=example,dc=org?mailid?sub?(a=*)#",
        "x)(mailname=alice@example.org", "alice@example.org+mailid=1001",
        "nobody,mailname=alice@example.org", "alice@example.org\\2c", "alice%40example.org"}) {
    EXPECT_THAT(RcptReplyToMail(name), StartsWith("550")) << name;
  }
}

TEST_F(Names, RuleI7ListSyntaxIsText) {
  for (const char* name :
       {"<;nobody;alice@example.org", "nobody:alice@example.org", "nobody\nalice@example.org",
        "<, alice@example.org", "nobody: alice@example.org", "!nobody:alice@example.org"}) {
    EXPECT_THAT(RcptReplyToMail(name), StartsWith("550")) << name;
  }
}

TEST_F(Names, RuleI6ControlOctetsMakeNoName) {
  using namespace std::string_view_literals;
  for (const std::string_view name : {"alice@example.org\0"sv, "alice@example.org\0.example"sv,
                                      "\0alice@example.org"sv, "alice@example.org\r\n"sv}) {
    EXPECT_THAT(RcptReplyToMail(name), StartsWith("550"));
  }
}

TEST_F(Names, RuleI5OtherKindsAreNoMailbox) {
  using namespace testing;
  EXPECT_THAT(RcptReply({DnsName("alice@example.org")}), StartsWith("550"));
  EXPECT_THAT(RcptReply({UriName("mailto:alice@example.org")}), StartsWith("550"));
  EXPECT_THAT(RcptReply({OtherName("1.3.6.1.5.5.7.8.9", Utf8("alice@example.org"))}),
              StartsWith("550"));
  EXPECT_THAT(RcptReply({DirectoryName(CommonName("alice@example.org"))}), StartsWith("550"));
  EXPECT_THAT(RcptReply({}), StartsWith("550"));
}

// A location in the certificate of a client is one that the client chose.
TEST_F(Names, RuleI16LocationsInTheCertificateAreNotVisited) {
  Upstream trap;  // counts whoever connects
  const std::string url = "http://127.0.0.1:" + std::to_string(trap.port()) + "/x";
  const std::string uri = testing::UriName(url);
  testing::CertificateSpec spec = testing::ClientSpec("mallory@example.org");
  spec.extra = {
      {"1.3.6.1.5.5.7.1.1", false,
       testing::Sequence({testing::Sequence({testing::Oid("1.3.6.1.5.5.7.48.1"), uri}),
                          testing::Sequence({testing::Oid("1.3.6.1.5.5.7.48.2"), uri})})},
      {"2.5.29.31", false,
       testing::Sequence({testing::Sequence({testing::Tlv(0xa0, testing::Tlv(0xa0, uri))})})}};
  const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256);
  WriteFile(directory_ / "client.pem", testing::Issue(spec, key, &root_).Pem());
  WriteFile(directory_ / "client.key", key.Pem());
  SmtpClient client(gateway_->starttls_port());
  EXPECT_THAT(client.Begin(directory_ / "client.pem", directory_ / "client.key"),
              StartsWith("250"));
  client.Say("MAIL FROM:<mallory@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<someone@example.net>"), StartsWith("550"));
  ASSERT_TRUE(gateway_->WaitForLog("set_id=mallory@example.org")) << gateway_->Log();
  EXPECT_EQ(trap.connections(), 0);
}

}  // namespace
}  // namespace signet::test
