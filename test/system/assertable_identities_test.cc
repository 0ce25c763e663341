// server_identities on real chains: two authorities that a gateway trusts, with one name and
// two keys, and what each may assert.
#include <gmock/gmock.h>

#include "src/base/codec.h"
#include "src/crypto/pins.h"
#include "test/support/certificates.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using namespace signet::testing;  // NOLINT: the maker's vocabulary
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Authorities {
  Issued ours = MakeRoot("Mail Authority", KeyType::kEcdsaP256, 400);
  Issued theirs = MakeRoot("Mail Authority", KeyType::kEcdsaP256, 401);
  Issued below_theirs = MakeIntermediate(theirs, "Mail Authority", KeyType::kEcdsaP256, 402);

  std::string Pin(const Issued& authority) const {
    return "spki:" +
           EncodeBase64(crypto::PinOf(*crypto::Certificate::FromDer(authority.der).value()));
  }
};

Gateway::Options Limited(const std::string& rules, const std::string& trust) {
  Gateway::Options options;
  const std::string text = ReadFile("doc/examples/exim-manual.conf");
  const std::size_t begin = text.find("  server_param1"), end = text.find("begin routers");
  options.edits = {{text.substr(begin, end - begin),
                    "  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
                    "  server_set_id = $auth1\n  server_identities = " +
                        rules + "\n\n"},
                   {Certificates::Get().pem("client-ca"), trust}};
  return options;
}

TEST(AssertableIdentities, RuleI17TwoAuthoritiesOfOneNameAreToldApartByTheirKeys) {
  const Authorities all;
  TempDir directory;
  WriteFile(directory / "trust.pem", all.ours.Pem() + all.theirs.Pem());
  World world(nullptr, Limited(all.Pin(all.ours) + " => *@example.org ; " + all.Pin(all.theirs) +
                                   " => *@partner.example",
                               directory / "trust.pem"));
  const auto reply = [&](const Issued& issuer, const std::string& mail,
                         const std::vector<std::string>& more = {}) {
    const Issued client = Issue(ClientSpec(mail), SharedKey(KeyType::kEcdsaP256, 403), &issuer);
    SmtpClient session(world.gateway->starttls_port());
    session.Say("EHLO client.example.org");
    session.Say("STARTTLS");
    std::vector<std::string> chain = {client.der};
    chain.insert(chain.end(), more.begin(), more.end());
    EXPECT_TRUE(session.StartTlsWithDer(chain, client.key.Pem()));
    session.Say("EHLO client.example.org");
    session.Say("MAIL FROM:<" + mail + ">");
    return session.Say("RCPT TO:<x@example.net>");
  };
  const std::string alice = "alice@example.org", partner = "p@partner.example";
  const std::vector<std::string> chain = {all.below_theirs.der};
  EXPECT_THAT(reply(all.ours, alice), StartsWith("250"));
  EXPECT_THAT(reply(all.theirs, partner), StartsWith("250"));
  EXPECT_THAT(reply(all.below_theirs, partner, chain), StartsWith("250"));
  EXPECT_THAT(reply(all.ours, partner), StartsWith("550 5.7.1 relaying needs"));
  EXPECT_THAT(reply(all.theirs, alice), StartsWith("550 5.7.1 relaying needs"));
  EXPECT_THAT(reply(all.below_theirs, alice, chain), StartsWith("550 5.7.1 relaying needs"));
  EXPECT_TRUE(
      world.gateway->WaitForLog("(set_id=alice@example.org): its authority may not assert "
                                "\"alice@example.org\": rule spki:"))
      << world.gateway->Log();
}

TEST(AssertableIdentities, ASubjectThatNoTrustAnchorHasIsWarnedAbout) {
  const Authorities all;
  TempDir directory;
  WriteFile(directory / "trust.pem", all.ours.Pem());
  for (const bool right : {true, false}) {
    const std::string name = right ? "CN=Mail Authority" : "CN=Mial Authority";
    World world(nullptr, Limited("subject:" + name + " => *@example.org", directory / "trust.pem"));
    const Finished checked =
        test::Run({SignetProgram(), "check", "-C", world.gateway->config_file()});
    EXPECT_EQ(checked.status, 0) << checked.output;
    const std::string warning =
        "no trust anchor has the subject \"" + name + "\": the rule is about nobody";
    EXPECT_EQ(checked.output.find(warning) == std::string::npos, right) << checked.output;
  }
}

}  // namespace
}  // namespace signet::test
