// The guides of the manual do what they say: the commands of doc/first-steps.md, doc/recipes.md and
// doc/from-postfix.md are run as they stand there, and the refusals of doc/why.md made to happen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>

#include "src/base/text.h"
#include "test/support/authority.h"
#include "test/support/manual.h"
#include "test/support/process.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

// --- first steps ---------------------------------------------------------------------------------

// The commands of doc/first-steps.md, one block behind the other, in a directory of its own. Only
// the port is another one.
class FirstSteps : public ::testing::Test {
 protected:
  FirstSteps() { WriteFile(directory_ / "here", directory_.path()); }
  ~FirstSteps() override {
    const std::string pid = ReadFile(Here() + "/signet.pid");
    if (!pid.empty()) kill(static_cast<pid_t>(std::stol(pid)), SIGTERM);
  }
  std::string Here() { return std::string(Trim(ReadFile(directory_ / "here"))); }

  Finished Bash(const std::string& commands) {
    const std::string program = std::filesystem::absolute(SignetProgram()).parent_path();
    WriteFile(directory_ / "commands", "set -e\ncd '" + Here() + "'\n" +
                                           Replace(commands, "2587", port_) + "\npwd > '" +
                                           directory_ / "here'");
    return test::Run({"bash", directory_ / "commands"},
                     {.environment = {"PATH=" + program + ":" + std::getenv("PATH"),
                                      "HOME=" + directory_.path()}});
  }

  // Runs all of them; what each printed, by its first line.
  void RunAll(bool with_gnutls) {
    for (const Block& block : BlocksOf("doc/first-steps.md")) {
      if (!block.fence.starts_with("sh")) continue;
      if (block.fence == "sh-gnutls" && !with_gnutls) continue;
      const Finished finished = Bash(block.text);
      EXPECT_EQ(finished.status, block.fence == "sh-fails" ? 1 : 0)
          << block.Where() << "\n"
          << block.text << finished.output;
      said_[block.text.substr(0, block.text.find('\n'))] = finished.output;
    }
  }
  std::string Said(const std::string& begin) {
    for (const auto& [command, output] : said_)
      if (command.starts_with(begin)) return output;
    return "nothing: " + begin;
  }

  TempDir directory_;
  std::string port_ = std::to_string(FreePort());
  std::map<std::string, std::string> said_;
};

TEST_F(FirstSteps, DoWhatTheySay) {
  RunAll(false);
  EXPECT_THAT(Said("signet cert alice.pem"), HasSubstr("alice@example.org"));
  EXPECT_THAT(Said("signet check"), HasSubstr("signet.conf: good, no mistakes\n"));
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("CV=yes A=tls:alice@example.org"));
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("\nIt works.\n"));
  EXPECT_THAT(Said("echo \"Send money.\""),
              HasSubstr("550 5.7.1 please come with a certificate (reference "));
}

TEST_F(FirstSteps, DoWhatTheySayWithACertificateOfGnuTlsToo) {
  RunAll(true);
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("CV=yes A=tls:alice@example.org"));
}

// The command of doc/from-postfix.md that converts a table of fingerprints.
TEST(FromPostfix, ItsTableOfFingerprintsIsConverted) {
  TempDir directory;
  const std::string digits = "d7042fa70b8ca521fa3177e1418aee80aa61c355aabbccddeeff001122334455";
  std::string colons;
  for (std::size_t i = 0; i < digits.size(); ++i)
    colons += (i > 0 && i % 2 == 0 ? ":" : "") + std::string(1, ToUpper(digits[i]));
  WriteFile(directory / "relay_clientcerts", "# who may relay\n" + colons + " lutzpc.at.home\n\n" +
                                                 colons.substr(3) + ":66  other\n");
  for (const Block& block : BlocksOf("doc/from-postfix.md")) {
    if (block.fence != "sh") continue;
    WriteFile(directory / "command", "cd '" + directory.path() + "'\n" + block.text);
    EXPECT_EQ(test::Run({"bash", directory / "command"}).output, "");
  }
  EXPECT_EQ(ReadFile(directory / "relay_clientcerts.signet"),
            "lutzpc.at.home: fingerprint=" + digits + "\nother: fingerprint=" + digits.substr(2) +
                "66\n");
  const Finished list =
      test::Run({SignetProgram(), "pins", "list", directory / "relay_clientcerts.signet"});
  EXPECT_EQ(list.status, 0) << list.output;
  EXPECT_THAT(list.output, HasSubstr("lutzpc.at.home"));
}

// --- why.md
// ------------------------------------------------------------------------------------------

// The ten reasons of doc/why.md, each made to happen: what `explain` says is what stands there.
class TenReasons : public ::testing::Test {
 protected:
  static constexpr char kConfiguration[] = R"(
primary_hostname        = mx.example.org
daemon_smtp_ports       = 587
tls_certificate         = HERE/server.pem
tls_privatekey          = HERE/server.key
tls_try_verify_hosts    = *
tls_verify_certificates = HERE/ca.pem
tls_crl                 = HERE/crl.pem
acl_smtp_mail           = check_mail
acl_smtp_rcpt           = check_rcpt
ldap_default_servers    = 127.0.0.1::PORT
begin acl
check_mail:
  require message       = 550 5.7.1 sending needs a certificate
          authenticated = *
  require message       = $authenticated_id may not send as $sender_address
          condition     = ${if eqi{$sender_address}{$authenticated_id}}
  accept
check_rcpt:
  accept  authenticated = *
begin authenticators
tls:
  driver           = tls
  server_param1    = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_condition = ${if and{ {={1}{${listcount:$auth1}}} {bool{ASK}} }}
  server_set_id    = $auth1
begin routers
upstream:
  driver     = manualroute
  route_list = * 127.0.0.1
  transport  = to_mta
begin transports
to_mta:
  driver = smtp
)";
  static constexpr char kFile[] = "ASK = ${lookup{$auth1}lsearch{HERE/accounts}{yes}{no}}\n";
  static constexpr char kDirectory[] =
      "ASK = ${lookup ldap{ldap:///dc=org?uid?sub?(mail=${quote_ldap:$auth1})}{yes}{no}}\n";

  TenReasons() {
    WriteFile(directory_ / "accounts", "alice@example.org: yes\n");
    WriteFile(directory_ / "ca.pem", ReadFile(authority_.root()) + second_.Pem());
    WriteFile(directory_ / "server.pem", ReadFile(authority_.pem("server")));
    testing::WriteFile(directory_ / "server.key", ReadFile(authority_.key("server")));
    const auto& revoked = authority_.Issue("revoked", testing::ClientSpec());
    testing::CrlSpec crl;
    crl.serials = {testing::SerialOf(revoked.der)};
    WriteFile(directory_ / "crl.pem",
              testing::PemBlock("X509 CRL", testing::MakeCrl(crl, authority_.intermediate())));
  }

  std::string Issue(const testing::CertificateSpec& spec) {
    authority_.Issue("client", spec);
    return authority_.pem("client");
  }
  std::string IssueUnderConstraints() {
    testing::CertificateSpec partner;
    partner.subject = testing::CommonName("Partner CA");
    partner.ca = true;
    partner.key_usage = testing::kKeyCertSign;
    partner.permitted = {testing::MailName("partner.example")};
    const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256, 7);
    const auto ca = testing::Issue(partner, key, &second_);
    const auto leaf = testing::Issue(testing::ClientSpec(), key, &ca);
    const std::string file = directory_ / "constrained.pem";
    WriteFile(file, leaf.Pem() + ca.Pem());
    return file;
  }

  // What explain says of a client, blanks and line breaks as one blank.
  std::string Explain(const std::string& certificate, const std::string& from,
                      const std::string& ask = kFile) {
    const std::string text = Replace(ask + kConfiguration, "HERE", directory_.path());
    WriteFile(directory_ / "signet.conf", Replace(text, "PORT", std::to_string(FreePort())));
    std::vector<std::string> words = {
        SignetProgram(), "explain", "-C",   directory_ / "signet.conf",
        "--from",        from,      "--to", "bob@example.net"};
    if (!certificate.empty()) words.insert(words.end(), {"--cert", certificate});
    std::istringstream in(test::Run(words).output);
    std::string all;
    for (std::string word; in >> word;) all += word + " ";
    return all;
  }

  // The phrase of the row "explain" of a section.
  static std::string Phrase(int number) {
    const std::string page = ReadFile("doc/why.md");
    const std::size_t section = page.find("\n### " + std::to_string(number) + ". ");
    const std::string row = "\n| `explain`, `why` | `";
    const std::size_t begin = page.find(row, section) + row.size();
    return page.substr(begin, page.find('`', begin) - begin);
  }

  Authority authority_, other_{"Other", 1};
  testing::Issued second_ = testing::MakeRoot("Second Root", testing::KeyType::kEcdsaP384, 120);
  TempDir directory_;
};

TEST_F(TenReasons, AreSaidInTheWordsOfTheManual) {
  const std::string alice = "alice@example.org";
  testing::CertificateSpec expired = testing::ClientSpec(), server = testing::ClientSpec(),
                           nameless = testing::ClientSpec(), two = testing::ClientSpec();
  expired.not_after = testing::kYear2020 + 86400;
  server.purposes = {std::string(testing::kServerAuth)};
  nameless.alternative_names.clear();
  two.alternative_names.push_back(testing::MailName("alice.smith@example.org"));
  other_.Issue("alice", testing::ClientSpec());

  EXPECT_THAT(Explain("", alice), HasSubstr(Phrase(1)));
  EXPECT_THAT(Explain(other_.pem("alice"), alice), HasSubstr(Phrase(2)));
  EXPECT_THAT(Explain(Issue(expired), alice), HasSubstr(Phrase(3)));
  EXPECT_THAT(Explain(Issue(server), alice), HasSubstr(Phrase(4)));
  EXPECT_THAT(Explain(authority_.pem("revoked"), alice), HasSubstr(Phrase(5)));
  EXPECT_THAT(Explain(IssueUnderConstraints(), alice), HasSubstr(Phrase(6)));
  EXPECT_THAT(Explain(Issue(nameless), alice), HasSubstr(Phrase(7)));
  EXPECT_THAT(Explain(Issue(two), alice), HasSubstr(Phrase(7)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec("zoe@example.org")), "zoe@example.org"),
              HasSubstr(Phrase(8)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec("zoe@example.org")), "zoe@example.org"),
              HasSubstr("= not found"));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), alice, kDirectory), HasSubstr(Phrase(9)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), "bob@example.org"), HasSubstr(Phrase(10)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), alice), HasSubstr("ACCEPTED"));
}

// --- recipes
// -----------------------------------------------------------------------------------------

// Each recipe of doc/recipes.md with the certificates that it is for: its commands are run as they
// stand, and what comes out is what stands behind "#".
class Recipes : public ::testing::Test {
 protected:
  static constexpr char kPeople[] = R"(dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Alice
mail: alice@example.org

dn: cn=signet,ou=services,dc=example,dc=org
objectClass: organizationalRole
cn: signet
userPassword: secret

dn: ou=staff,dc=example,dc=org
objectClass: organizationalUnit
ou: staff

dn: cn=Alice,ou=staff,dc=example,dc=org
objectClass: user
cn: Alice
sn: Alice
userPrincipalName: alice@corp.example.org
userAccountControl: 512
mail: alice@example.org
)";

  Recipes() {
    using testing::MailName;
    Issue("alice", {MailName("alice@example.org")});
    Issue("job", {testing::UriName("spiffe://example.org/job/invoices")}, 1798761600);  // 2027
    Issue("smartcard",
          {testing::OtherName("1.3.6.1.4.1.311.20.2.3", testing::Utf8("alice@corp.example.org"))});
    Issue("printer-2", {testing::DnsName("printer-2.example.org")});
    partner_.Issue("carol", testing::ClientSpec("carol@partner.example"));
    partner_.Issue("alice", testing::ClientSpec("alice@example.org"));
    Put("carol-of-partner.pem", ReadFile(partner_.pem("carol")));
    testing::WriteFile(directory_ / "carol-of-partner.key", ReadFile(partner_.key("carol")));
    Put("alice-of-partner.pem", ReadFile(partner_.pem("alice")));
    testing::CertificateSpec mx = testing::ServerSpec();
    mx.alternative_names.push_back(testing::DnsName("mx.example.org"));
    authority_.Issue("mx", mx);
    Put("server.pem", ReadFile(authority_.pem("mx")));
    testing::WriteFile(directory_ / "server.key", ReadFile(authority_.key("mx")));
    Put("client-ca.pem", ReadFile(authority_.root()) + ReadFile(partner_.root()));
    Put("directory-ca.pem", ReadFile(authority_.root()));
    Put("ldap-password.conf", "LDAP_PASSWORD = secret\n");
    Put("send.conf", "");
    Put("people.ldif", kPeople);
    Put("pins", "");
    Put("jobs", "\"spiffe://example.org/job/invoices\": invoices@example.org\n");
    Put("devices", "printer-2.example.org: printer-2@example.org\n");
    Put("passwd", "alice@example.org: $6$x$y\n");
    testing::CrlSpec list;
    list.next_update = 1798761600;
    std::filesystem::create_directory(directory_ / "crls");
    Put("crls/clients.crl",
        testing::PemBlock("X509 CRL", testing::MakeCrl(list, authority_.intermediate())));
  }

  void Put(const std::string& name, const std::string& text) { WriteFile(directory_ / name, text); }
  void Issue(const std::string& name, std::vector<std::string> names,
             std::int64_t until = testing::kYear2120) {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.subject = testing::CommonName(name);
    spec.alternative_names = std::move(names);
    spec.not_after = until;
    authority_.Issue(name, spec);
    Put(name + ".pem", ReadFile(authority_.pem(name)));
    testing::WriteFile(directory_ / (name + ".key"), ReadFile(authority_.key(name)));
  }

  // What differs from the page: where /etc/signet is, and whose pin the partner's authority has.
  std::string Here(const std::string& text) {
    const Finished pins = test::Run({SignetProgram(), "pins", "show", partner_.root()});
    std::smatch match;
    std::regex_search(pins.output, match, std::regex("([A-Za-z0-9+/]{43}=)"));
    return Replace(Replace(text, "/etc/signet/", directory_.path() + "/"),
                   "IU0aK5yrkt8IdS8bxV0dQ8g2nd0+rJTKaZ6t4TW8q5Q=", match[1].str());
  }

  Finished Bash(const std::string& command) {
    const std::string program = std::filesystem::absolute(SignetProgram()).parent_path();
    Put("command", "cd '" + directory_.path() + "'\n" + Here(command) + "\n");
    return test::Run({"bash", directory_ / "command"},
                     {.environment = {"PATH=" + program + ":" + std::getenv("PATH")}});
  }

  void RunCommand(const Block& block, const std::string& line) {
    static const std::map<std::string, int> statuses = {
        {"ACCEPTED", 0}, {"REFUSED", 1}, {"DEFERRED", 75}};
    std::istringstream wanted(line.substr(line.find(" # ") + 3));
    std::string verdict, identity;
    wanted >> verdict >> identity;
    const Finished finished = Bash(line);
    const std::string where = block.Where() + "\n" + line + "\n" + finished.output;
    EXPECT_EQ(finished.status, statuses.at(verdict)) << where;
    EXPECT_THAT(finished.output, ::testing::StartsWith(verdict + " ")) << where;
    if (!identity.empty()) {
      EXPECT_THAT(finished.output, HasSubstr("authenticated as " + identity)) << where;
    }
  }

  // What stands behind --NAME in a command.
  static std::string Value(const std::string& command, const std::string& name) {
    std::istringstream in(command);
    for (std::string word, before; in >> word; before = word)
      if (before == "--" + name) return word;
    return "";
  }

  // The same with a running gateway and a client that has the certificate: the message arrives, and
  // the log says who has sent it.
  void SendAs(const Block& block, const std::string& command, const std::string& identity) {
    const std::string starttls = std::to_string(FreePort()), tls = std::to_string(FreePort());
    std::string text = Replace(Here(block.text), "587 : 465", starttls + " : " + tls);
    text = Replace(text, "tls_on_connect_ports    = 465", "tls_on_connect_ports = " + tls);
    text = Replace(text, "127.0.0.1::10025", "127.0.0.1::" + std::to_string(upstream_.port()));
    Put("live.conf", text);
    Process gateway({SignetProgram(), "serve", "-C", directory_ / "live.conf", "-oX", "127.0.0.1"});
    ASSERT_TRUE(WaitUntil([&] { return SomebodyListens(std::stoi(starttls)); }))
        << gateway.Output();
    const std::string certificate = directory_ / Value(command, "cert");
    const Finished sent = test::Run(
        {SignetProgram(), "send", "-C", directory_ / "send.conf", "--set",
         "host=localhost:" + starttls, "--set", "certificate=" + certificate, "--set",
         "key=" + Replace(certificate, ".pem", ".key"), "--set", "ca_file=" + authority_.root(),
         "-f", Value(command, "from"), Value(command, "to")},
        {.input = "It works.\n"});
    EXPECT_EQ(sent.status, 0) << block.Where() << "\n" << sent.output << gateway.SettledOutput();
    EXPECT_THAT(gateway.SettledOutput(), ::testing::ContainsRegex(" A=[a-z]+:" + identity + " S="))
        << block.Where();
  }

  // Recipes that need nothing but a mail server behind.
  static bool StandsAlone(const Block& block) {
    for (const char* other : {"ldap_", "redis_", "lmtp", "xclient"})
      if (block.text.find(other) != std::string::npos) return false;
    return true;
  }

  Authority authority_, partner_{"Partner", 1};
  Upstream upstream_;
  TempDir directory_;
};

TEST_F(Recipes, LetTheirClientsSend) {
  Block recipe;
  int sent = 0;
  for (const Block& block : BlocksOf("doc/recipes.md")) {
    if (block.fence == "signet") recipe = block;
    if (block.fence != "indented" || !StandsAlone(recipe)) continue;
    for (const std::string& line : Lines(block.text)) {
      if (line.starts_with("signet pins add ")) EXPECT_EQ(Bash(line).status, 0) << line;
      const std::size_t accepted = line.find(" # ACCEPTED ");
      if (accepted == line.npos) continue;
      SendAs(recipe, line.substr(0, accepted), line.substr(accepted + 12));
      ++sent;
    }
  }
  EXPECT_GE(sent, 6);
}

TEST_F(Recipes, GiveWhatTheySay) {
  int recipes = 0, commands = 0;
  for (const Block& block : BlocksOf("doc/recipes.md")) {
    if (block.fence == "signet") {
      Put("signet.conf", Here(block.text));
      ++recipes;
    }
    if (block.fence != "indented") continue;
    for (const std::string& line : Lines(block.text)) {
      if (line.starts_with("signet pins add ")) {
        EXPECT_EQ(Bash(line).status, 0) << line;
      } else if (line.starts_with("signet explain ") && line.find(" # ") != line.npos) {
        RunCommand(block, line);
        ++commands;
      }
    }
  }
  EXPECT_EQ(recipes, 12);
  EXPECT_GE(commands, 15);
}

}  // namespace
}  // namespace signet::test
