// The configurations of doc/examples, each as it is shipped (test/support/example.h says what a
// test replaces), with the programs that people use and the certificates that it is for: who
// gets which identity, who is refused with what words, and what the log says.
#include <gmock/gmock.h>

#include <filesystem>

#include "src/base/codec.h"
#include "src/base/text.h"
#include "test/support/clients.h"
#include "test/support/example.h"
#include "test/support/explained.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::AnyOf;
using testing::CertificateSpec;
using testing::ClientSpec;
using ::testing::HasSubstr;
using testing::MailName;
using ::testing::Not;
using ::testing::StartsWith;

// What the directory holds besides test/support/directory.ldif.
constexpr char kStaff[] = R"(
dn: ou=services,dc=example,dc=org
objectClass: organizationalUnit
ou: services

dn: cn=signet,ou=services,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: signet
userPassword: only for "reading" & such

dn: ou=staff,dc=example,dc=org
objectClass: organizationalUnit
ou: staff

dn: cn=Ann,ou=staff,dc=example,dc=org
objectClass: user
cn: Ann
sn: Ann
userPrincipalName: Ann@corp.example.org
objectSid: S-1-5-21-1004336348-1177238915-682003330-1104
userAccountControl: 512
mail: ann.miller@example.org
proxyAddresses: smtp:ann@example.org

dn: cn=Ben,ou=staff,dc=example,dc=org
objectClass: user
cn: Ben
sn: Ben
userPrincipalName: ben@corp.example.org
objectSid: S-1-5-21-1004336348-1177238915-682003330-1105
userAccountControl: 512
mail: ben@example.org

dn: cn=Gone,ou=staff,dc=example,dc=org
objectClass: user
cn: Gone
sn: Gone
userPrincipalName: gone@corp.example.org
objectSid: S-1-5-21-1004336348-1177238915-682003330-1106
userAccountControl: 514
mail: gone@example.org

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=carol,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: carol
cn: Carol
sn: Carol
mail: carol@example.org
mail: carol.smith@example.org

dn: uid=dave,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: dave
cn: Dave
sn: Dave
mail: dave@example.org
)";

// What all examples share: an authority, a directory, a mail server behind.
struct Site {
  Authority authority;
  Slapd slapd{kStaff, {ReadFile(authority.pem("server")), ReadFile(authority.key("server"))}};
  Upstream upstream;
  static Site& Get() {
    static Site site;
    return site;
  }
};

// One message that a client tries to submit.
struct Visit {
  Program program = Program::kSwaks;
  std::string certificate;  // name of the authority's; "" for none
  std::string sender;
  std::string recipient = "someone@example.net";
  bool tls_on_connect = false;
  std::string mechanism = {}, user = {}, password = {};

  Visit To(const std::string& who) const {
    Visit visit = *this;
    visit.recipient = who;
    return visit;
  }
  Visit OnConnect() const {
    Visit visit = *this;
    visit.tls_on_connect = true;
    return visit;
  }
  Visit Auth(const std::string& how, const std::string& who = "",
             const std::string& secret = "") const {
    Visit visit = *this;
    visit.mechanism = how;
    visit.user = who;
    visit.password = secret;
    return visit;
  }
};

class Examples : public ::testing::Test {
 protected:
  static Site& site() { return Site::Get(); }
  static Authority& authority() { return Site::Get().authority; }
  void Start(const std::string& name, Example::Setup setup = {}) {
    setup.upstream_port = site().upstream.port();
    explain_options_.clear();
    for (const auto& [macro, value] : setup.macros)
      explain_options_.push_back("-D" + macro + "=" + value);
    example_ = std::make_unique<Example>(name, authority(), setup);
  }
  static CertificateSpec Named(const std::string& common_name,
                               std::vector<std::string> alternative_names) {
    CertificateSpec spec = ClientSpec("");
    spec.subject = testing::Name(
        {{"2.5.4.10", testing::Utf8("Example Org")}, {"2.5.4.3", testing::Utf8(common_name)}});
    spec.alternative_names = std::move(alternative_names);
    return spec;
  }
  // The certificate NAME, made when it is first asked for.
  static void Make(const std::string& name, const CertificateSpec& spec) {
    if (ReadFile(authority().pem(name)).empty()) authority().Issue(name, spec);
  }

  // A client that says what it is told, behind STARTTLS and EHLO.
  SmtpClient Client(const std::string& certificate) {
    SmtpClient client(example_->starttls_port());
    client.Begin(certificate.empty() ? "" : authority().pem(certificate),
                 certificate.empty() ? "" : authority().key(certificate));
    return client;
  }
  static std::string Lines(std::size_t octets) {
    std::string text;
    while (text.size() < octets) text += std::string(70, 'x') + "\r\n";
    return text;
  }

  // What `signet explain` says of the visit. Whoever has no password is also called in person:
  // the server must give the same replies.
  void ExplainVisit(const Visit& visit) {
    const bool certified = !visit.certificate.empty();
    const Caller caller{certified ? authority().pem(visit.certificate) : "",
                        certified ? authority().key(visit.certificate) : "",
                        visit.tls_on_connect ? example_->tls_port() : example_->starttls_port(),
                        visit.tls_on_connect,
                        visit.sender,
                        visit.recipient,
                        visit.mechanism,
                        visit.user,
                        visit.password};
    explained_ = Explained();
    if (!IsPlayed(visit.mechanism)) return;
    explained_ = Explain(example_->config_file(), caller, explain_options_);
    ++visits_explained_;
    if (!visit.mechanism.empty()) return;
    Replies live = Call(caller), offline = explained_.replies;
    offline.resize(std::min(offline.size(), live.size()));
    EXPECT_EQ(offline, live) << explained_.output;
  }
  static bool IsPlayed(const std::string& mechanism) {
    return mechanism.empty() || mechanism == "PLAIN" || mechanism == "LOGIN" ||
           mechanism == "EXTERNAL" || mechanism == "OAUTHBEARER";
  }

  Finished Submit(const Visit& visit) {
    ExplainVisit(visit);
    Submission submission;
    submission.port = visit.tls_on_connect ? example_->tls_port() : example_->starttls_port();
    submission.tls_on_connect = visit.tls_on_connect;
    submission.ca = authority().root();
    submission.ca_chain = authority().chain();
    if (!visit.certificate.empty()) {
      submission.certificate = authority().pem(visit.certificate);
      submission.key = authority().key(visit.certificate);
    }
    submission.sender = visit.sender;
    submission.recipient = visit.recipient;
    submission.mechanism = visit.mechanism;
    submission.user = visit.user;
    submission.password = visit.password;
    submission.content = "From: " + visit.sender + "\r\nSubject: a visit\r\n\r\nHello\r\n";
    log_before_ = example_->Log().size();
    return SubmitWith(visit.program, submission);
  }
  // It is accepted, and the log calls the sender `identity`, such as "tls:alice@example.org";
  // "" for nobody.
  void ExpectAccepted(const Visit& visit, const std::string& identity) {
    SCOPED_TRACE(Name(visit.program) + (" as " + visit.certificate));
    const std::size_t messages = site().upstream.messages().size();
    const Finished finished = Submit(visit);
    EXPECT_EQ(finished.status, 0) << finished.output << Log();
    EXPECT_EQ(site().upstream.messages().size(), messages + 1) << Log();
    if (IsPlayed(visit.mechanism)) {
      const report::Decision& decision = explained_.decision;
      EXPECT_EQ(explained_.status, 0) << explained_.output;
      EXPECT_EQ(decision.identity.empty() ? "" : decision.authenticator + ':' + decision.identity,
                identity)
          << explained_.output;
    }
    ExpectLog("<= " + visit.sender + " ");
    if (identity.empty()) {
      EXPECT_THAT(Log(), Not(HasSubstr(" A=")));
    } else {
      ExpectLog(" A=" + identity + " ");
    }
  }
  // The client shows `reply`, the log has `logged`, and nothing arrives.
  void ExpectRefused(const Visit& visit, const std::string& reply, const std::string& logged) {
    SCOPED_TRACE(Name(visit.program) + (" as " + visit.certificate));
    const std::size_t messages = site().upstream.messages().size();
    const Finished finished = Submit(visit);
    EXPECT_NE(finished.status, 0);
    EXPECT_THAT(finished.output, HasSubstr(reply)) << Log();
    if (IsPlayed(visit.mechanism)) {
      EXPECT_THAT(explained_.status, AnyOf(1, 75)) << explained_.output;
      if (!explained_.replies.empty()) {
        EXPECT_THAT(explained_.replies.back().second, HasSubstr(reply)) << explained_.output;
      }
    }
    ExpectLog(logged);
    EXPECT_EQ(site().upstream.messages().size(), messages);
  }
  void ExpectLog(const std::string& text) {
    EXPECT_TRUE(example_->WaitForLog(text, log_before_)) << "no " << text << " in\n" << Log();
  }
  std::string Log() { return example_->Log().substr(log_before_); }  // of the last visit

  std::unique_ptr<Example> example_;
  std::vector<std::string> explain_options_;
  Explained explained_;
  static inline std::size_t visits_explained_ = 0;
  std::size_t log_before_ = 0;
};

TEST(ExamplesIndex, NamesEveryExampleAndEveryExampleHasATest) {
  const std::string index = ReadFile("doc/examples/README.md");
  std::string tests;
  for (const auto& entry : std::filesystem::directory_iterator("test/system"))
    tests += ReadFile(entry.path());
  for (const auto& entry : std::filesystem::directory_iterator("doc/examples")) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".conf")) continue;
    EXPECT_THAT(index, HasSubstr("(" + name + ")"));
    EXPECT_THAT(tests, HasSubstr('"' + name + '"'));
    EXPECT_THAT(ReadFile(entry.path()), StartsWith("# "));
  }
}

TEST_F(Examples, EximManual) {
  Make("alice", Named("Alice", {MailName("alice@example.org")}));
  Make("alice-caps", Named("Alice", {MailName("Alice@Example.org")}));
  Make("mallory", Named("Mallory", {MailName("mallory@example.org")}));
  Make("zero", Named("Zero", {MailName("zero@example.org")}));
  Make("both", Named("Alice", {MailName("alice@example.org"), MailName("bob@example.org")}));
  Start("exim-manual.conf", {.places = {{"ldap.example.org", site().slapd.host_and_port()}}});
  EXPECT_EQ(example_->complaints(), "");

  const std::string alice = "alice@example.org";
  ExpectAccepted({Program::kSwaks, "alice", alice}, "tls:alice@example.org");
  ExpectAccepted(Visit{Program::kMsmtp, "alice", alice}.OnConnect(), "tls:alice@example.org");
  ExpectAccepted({Program::kPython, "alice-caps", alice}, "tls:Alice@Example.org");

  ExpectRefused({Program::kCurl, "alice", "bob@example.org"}, "550",
                "alice@example.org may not send as bob@example.org");
  const std::string refusal = "550 5.7.1 relaying needs a client certificate";
  ExpectRefused({Program::kOpenssl, "", alice}, refusal, "rejected RCPT <someone@example.net>");
  ExpectRefused({Program::kSwaks, "mallory", alice}, refusal,
                "tls authenticator failed for H=[127.0.0.1]: 535 Incorrect authentication data "
                "(set_id=mallory@example.org)");
  ExpectRefused({Program::kGnutlsCli, "zero", alice}, refusal, "(set_id=zero@example.org)");
  ExpectRefused({Program::kMsmtp, "both", alice}, "relaying needs a client certificate",
                "server_set_id gave no identity");

  site().slapd.Kill();
  ExpectRefused({Program::kSwaks, "alice", alice}, "451 4.7.0 Temporary authentication failure",
                "435 Unable to authenticate at present");
  site().slapd.Start();
}

TEST_F(Examples, DevicesSpiffe) {
  const auto device = [](const std::string& name, const std::string& id) {
    Make(name, Named(name, {testing::UriName(id)}));
  };
  device("printer", "spiffe://example.org/printer/floor-2");
  device("probe", "spiffe://example.org/monitor/probe-a");
  device("invoices", "spiffe://example.org/job/invoices");
  device("retired", "spiffe://example.org/printer/floor-1");
  device("stranger", "spiffe://other.example/printer/floor-2");
  device("almost", "spiffe://exampleXorg/printer/floor-2");
  device("deeper", "spiffe://example.org/printer/floor-2/../../job/invoices");
  Make("two-ids", Named("two-ids", {testing::UriName("spiffe://example.org/printer/floor-2"),
                                    testing::UriName("spiffe://example.org/job/invoices")}));
  Start("devices-spiffe.conf",
        {.files = {{"devices",
                    R"("spiffe://example.org/printer/floor-2": scan-2@example.org
"spiffe://example.org/monitor/probe-a": probe-a@monitor.example.org
"spiffe://example.org/job/invoices":    invoices@example.org
)"}}});
  EXPECT_EQ(example_->complaints(), "");

  const Visit scan{Program::kCurl, "printer", "scan-2@example.org"};
  ExpectAccepted(scan.To("alice@example.org"), "device:spiffe://example.org/printer/floor-2");
  ExpectRefused(scan, "550", "spiffe://example.org/printer/floor-2 may not write to");
  ExpectRefused({Program::kPython, "printer", "invoices@example.org"},
                "may not send as invoices@example.org", "rejected MAIL");

  const Visit alarm{Program::kOpenssl, "probe", "probe-a@monitor.example.org"};
  ExpectAccepted(alarm.To("pager@sms.example.net"), "device:spiffe://example.org/monitor/probe-a");
  ExpectRefused(alarm.To("alice@example.org"), "550 5.7.1", "rejected RCPT <alice@example.org>");
  ExpectAccepted({Program::kMsmtp, "invoices", "invoices@example.org"},
                 "device:spiffe://example.org/job/invoices");

  ExpectRefused({Program::kSwaks, "retired", "scan-2@example.org"},
                "550 5.7.1 spiffe://example.org/printer/floor-1 may not send", "rejected MAIL");
  for (const char* name : {"", "stranger", "almost", "deeper", "two-ids"}) {
    ExpectRefused({Program::kGnutlsCli, name, "scan-2@example.org"},
                  "550 5.7.1 devices need their certificate here", "rejected MAIL");
  }

  // More than a few recipients, more than a short alarm.
  SmtpClient printer = Client("printer");
  printer.Say("MAIL FROM:<scan-2@example.org>");
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(printer.Say("RCPT TO:<user" + std::to_string(i) + "@example.org>"),
                StartsWith("250"));
  }
  EXPECT_THAT(printer.Say("RCPT TO:<user5@example.org>"), StartsWith("550"));
  EXPECT_THAT(Client("probe").Submit("probe-a@monitor.example.org", "pager@sms.example.net",
                                     "Subject: long\r\n\r\n" + Lines(70'000)),
              StartsWith("552 5.3.4 an alarm has at most 64 KiB"));
}

// Extension 1.3.6.1.4.1.311.25.2 as the Windows authority writes it.
testing::RawExtension SidExtension(const std::string& sid) {
  const std::string value = testing::Tlv(0xa0, testing::Tlv(0x04, sid));
  return {"1.3.6.1.4.1.311.25.2", false,
          testing::Sequence({testing::Tlv(0xa0, testing::Oid("1.3.6.1.4.1.311.25.2.1") + value)})};
}

TEST_F(Examples, ActiveDirectory) {
  const std::string domain = "S-1-5-21-1004336348-1177238915-682003330-";
  const auto issue = [&](const std::string& name, const std::string& upn, const std::string& rid) {
    CertificateSpec spec = Named(name, {});
    if (!upn.empty())
      spec.alternative_names = {testing::OtherName("1.3.6.1.4.1.311.20.2.3", testing::Utf8(upn))};
    if (!rid.empty()) spec.extra = {SidExtension(domain + rid)};
    Make(name, spec);
  };
  issue("ad-ann", "ann@corp.example.org", "1104");
  issue("ad-ann-sid", "", "1104");
  issue("ad-weak", "ann@corp.example.org", "");        // anybody could ask for that name
  issue("ad-forged", "ann@corp.example.org", "1105");  // Ben's, with Ann's name
  issue("ad-gone", "gone@corp.example.org", "1106");
  issue("ad-unknown", "ann@corp.example.org", "1999");
  issue("ad-mapped", "", "");
  site().slapd.Modify(
      "dn: cn=Ben,ou=staff,dc=example,dc=org\nchangetype: modify\n"
      "add: altSecurityIdentities\naltSecurityIdentities: X509:<SKI>" +
      Lower(HexDigest("SHA1", authority().issued("ad-mapped").key.PublicDer())) + "\n");
  const std::string servers = site().slapd.host_and_port();
  Start("active-directory.conf",
        {.places = {{"dc1.example.org : dc2.example.org", servers}},
         .files = {{"ldap-password.conf", R"(LDAP_PASSWORD = only for "reading" & such)"},
                   {"directory-ca.pem", ReadFile(authority().root())}}});
  EXPECT_EQ(example_->complaints(), "");

  const std::string ann = "ann.miller@example.org";
  ExpectAccepted({Program::kGnutlsCli, "ad-ann", ann}, "domain:Ann@corp.example.org");
  ExpectAccepted({Program::kSwaks, "ad-ann", "Ann@example.org"}, "domain:Ann@corp.example.org");
  ExpectAccepted(Visit{Program::kMsmtp, "ad-ann-sid", ann}.OnConnect(),
                 "domain:Ann@corp.example.org");
  ExpectAccepted({Program::kPython, "ad-mapped", "ben@example.org"}, "domain:ben@corp.example.org");

  ExpectRefused({Program::kCurl, "ad-ann", "ben@example.org"}, "550",
                "Ann@corp.example.org may not send as ben@example.org");
  for (const char* name : {"", "ad-weak", "ad-forged", "ad-gone", "ad-unknown"}) {
    ExpectRefused({Program::kOpenssl, name, ann}, "550 5.7.1 sending needs your smart card",
                  *name == '\0' ? "rejected MAIL" : "domain authenticator failed");
  }

  site().slapd.Kill();
  ExpectRefused({Program::kSwaks, "ad-ann", ann}, "451 4.7.0", "435 Unable to authenticate");
  EXPECT_THAT(example_->Log(), Not(HasSubstr("reading")));  // of the password
  site().slapd.Start();
}

TEST_F(Examples, LdapCertificate) {
  CertificateSpec odd = Named("Carol", {});
  odd.serial = std::string("\x00\xa1\xb2\xc3", 4);
  Make("pub-carol", odd);
  Make("pub-carol-2", Named("Carol", {}));
  Make("pub-lost", Named("Carol", {}));
  CertificateSpec twin = Named("Dave", {});  // of the same issuer and number as Carol's
  twin.serial = odd.serial;
  Make("pub-twin", twin);
  const auto der = [](const std::string& name) {
    return EncodeBase64(authority().issued(name).der);
  };
  site().slapd.Modify(
      "dn: uid=carol,ou=people,dc=example,dc=org\nchangetype: modify\n"
      "add: userCertificate;binary\n"
      "userCertificate;binary:: " +
      der("pub-carol") + "\nuserCertificate;binary:: " + der("pub-carol-2") +
      "\nuserCertificate;binary:: " + der("pub-lost") + "\n");
  Start("ldap-certificate.conf", {.places = {{"ldap.example.org", site().slapd.host_and_port()}}});
  EXPECT_EQ(example_->complaints(), "");

  ExpectAccepted({Program::kOpenssl, "pub-carol", "carol@example.org"}, "directory:carol");
  ExpectAccepted({Program::kCurl, "pub-carol-2", "carol.smith@example.org"}, "directory:carol");
  ExpectAccepted({Program::kPython, "pub-lost", "carol@example.org"}, "directory:carol");
  ExpectRefused({Program::kGnutlsCli, "pub-carol", "dave@example.org"},
                "550 5.7.1 carol may not send as dave@example.org", "rejected MAIL");

  // Taken out of the entry it is nobody's.
  site().slapd.Modify(
      "dn: uid=carol,ou=people,dc=example,dc=org\nchangetype: modify\n"
      "delete: userCertificate;binary\nuserCertificate;binary:: " +
      der("pub-lost") + "\n");
  const std::string refusal = "sending needs a certificate that is in our directory";
  ExpectRefused({Program::kPython, "pub-lost", "carol@example.org"}, refusal,
                "directory authenticator failed");
  ExpectRefused({Program::kSwaks, "pub-twin", "carol@example.org"}, "550 5.7.1 " + refusal,
                "directory authenticator failed");
  ExpectRefused({Program::kMsmtp, "", "carol@example.org"}, refusal, "rejected MAIL");
}

TEST_F(Examples, HalonExternal) {
  Make("shop", Named("shop-1", {}));
  Make("newsletter", Named("newsletter", {}));
  Make("former", Named("former", {}));
  CertificateSpec two = Named("shop-1", {});
  two.subject = testing::Name(
      {{"2.5.4.3", testing::Utf8("newsletter")}, {"2.5.4.3", testing::Utf8("shop-1")}});
  Make("two-names", two);
  authority().IssueSelfSigned("own-shop", Named("shop-1", {}));
  Start("halon-external.conf",
        {.files = {{"users",
                    "newsletter: news.example.org\nshop-1: shop.example.org : "
                    "example.org\n"}}});
  EXPECT_EQ(example_->complaints(), "");

  const std::string id = "external:shop-1";
  const Visit shop{Program::kMsmtp, "shop", "orders@shop.example.org"};
  ExpectAccepted(shop.Auth("EXTERNAL", "shop-1"), id);
  for (const Program program :
       {Program::kCurl, Program::kPython, Program::kOpenssl, Program::kGnutlsCli}) {
    ExpectAccepted(Visit{program, "shop", "shop@example.org"}.Auth("EXTERNAL", "shop-1"), id);
  }
  // The server knows the name without being told, and it is nobody else's.
  ExpectAccepted(Visit{Program::kOpenssl, "shop", "shop@example.org"}.Auth("EXTERNAL"), id);
  ExpectRefused(shop.Auth("EXTERNAL", "newsletter"), "535 5.7.8 Incorrect authentication data",
                "external authenticator failed for H=(client.example.org) [127.0.0.1]: 535");
  ExpectRefused(
      Visit{Program::kCurl, "newsletter", "shop@example.org"}.Auth("EXTERNAL", "newsletter"), "550",
      "newsletter may not send for example.org");
  for (const char* name : {"former", "two-names"}) {
    ExpectRefused(Visit{Program::kOpenssl, name, "shop@example.org"}.Auth("EXTERNAL"),
                  "535 5.7.8 Incorrect authentication data", "external authenticator failed");
  }
  // Without a good certificate nothing is shown, and without logging in nothing is open.
  for (const char* name : {"own-shop", ""}) {
    EXPECT_THAT(Client(name).reply(), Not(HasSubstr("AUTH")));
    ExpectRefused(Visit{Program::kOpenssl, name, "shop@example.org"}.Auth("EXTERNAL", "shop-1"),
                  "503 5.5.1", "");
  }
  EXPECT_THAT(Client("shop").reply(), HasSubstr("AUTH EXTERNAL"));
  ExpectRefused({Program::kSwaks, "shop", "shop@example.org"},
                "530 5.7.0 log in with AUTH EXTERNAL first", "rejected MAIL");
}

TEST_F(Examples, HalonFingerprint) {
  const auto print = [](const std::string& name, char separator) {
    return HexDigest("SHA256", authority().issued(name).der, separator);
  };
  authority().IssueSelfSigned("customer", Named("whatever", {}));
  authority().IssueSelfSigned("customer-new", Named("whatever", {}));
  authority().IssueSelfSigned("customer-later", Named("whatever", {}));
  Make("other", Named("other", {}));
  Start("halon-fingerprint.conf",
        {.files = {{"domains", "customer.example: " + print("customer", ':') + ", " +
                                   Lower(print("customer-new", '\0')) + "\nother.example: " +
                                   print("other", '\0') + "\nempty.example:\n"}}});
  EXPECT_EQ(example_->complaints(), "");

  ExpectAccepted({Program::kSwaks, "customer", "a@customer.example"}, "");
  ExpectAccepted({Program::kPython, "customer-new", "b@customer.example"}, "");
  ExpectAccepted(Visit{Program::kCurl, "other", "c@other.example"}.OnConnect(), "");
  EXPECT_THAT(Log(), HasSubstr(" P=esmtps X="));
  const std::string refusal = "550 5.7.1 your certificate is not one of customer.example";
  ExpectRefused({Program::kSwaks, "customer-later", "a@customer.example"}, refusal,
                "rejected MAIL <a@customer.example>");
  ExpectRefused({Program::kGnutlsCli, "other", "a@customer.example"}, refusal, "rejected MAIL");
  ExpectRefused({Program::kOpenssl, "", "a@customer.example"}, refusal, "rejected MAIL");
  for (const char* sender : {"a@empty.example", "a@unknown.example"}) {
    ExpectRefused({Program::kMsmtp, "customer", sender}, "your certificate is not one of",
                  "rejected MAIL");
  }
  SmtpClient client(example_->starttls_port());
  client.Say("EHLO client.example.org");
  EXPECT_THAT(client.Say("MAIL FROM:<a@customer.example>"), StartsWith("530 5.7.0 start TLS"));
}

TEST_F(Examples, PasswordsAndCertificates) {
  Make("alice", Named("Alice", {MailName("alice@example.org")}));
  Make("alias", Named("Alice", {MailName("a.miller@example.com"), MailName("Alice@example.org")}));
  Make("mallory", Named("Mallory", {MailName("mallory@example.org")}));
  for (const char* name : {"alice", "bob"}) {
    site().slapd.Modify("dn: mailname=" + std::string(name) +
                        "@example.org,ou=users,dc=example,dc=org\nchangetype: modify\n"
                        "replace: userPassword\nuserPassword: " +
                        name + "'s word\n");
  }
  const Finished hash = test::Run({"openssl", "passwd", "-6", "-salt", "pepper", "old scanner"});
  Start("passwords-and-certificates.conf",
        {.places = {{"ldap.example.org", site().slapd.host_and_port()}},
         .files = {{"passwd", "scanner-3@example.org: " + hash.output}}});
  EXPECT_EQ(example_->complaints(), "");
  const std::string alice = "alice@example.org", bob = "bob@example.org";

  // With a certificate, and with programs that insist on more.
  const std::string by_certificate = "certificate:alice@example.org";
  ExpectAccepted({Program::kSwaks, "alice", alice}, by_certificate);
  ExpectAccepted({Program::kSwaks, "alias", alice}, by_certificate);
  ExpectAccepted(Visit{Program::kMsmtp, "alice", alice}.Auth("EXTERNAL", alice), by_certificate);
  ExpectAccepted(Visit{Program::kPython, "alice", alice}.Auth("PLAIN", alice, "alice's word"),
                 by_certificate);
  ExpectRefused(Visit{Program::kCurl, "alice", alice}.Auth("PLAIN", bob, "bob's word"), "535",
                "plain authenticator failed");
  ExpectRefused(Visit{Program::kCurl, "alice", alice}.Auth("EXTERNAL", bob), "535",
                "authenticator failed");

  // With a password.
  for (const Program program : {Program::kSwaks, Program::kCurl, Program::kPython}) {
    ExpectAccepted(Visit{program, "", bob}.Auth("PLAIN", bob, "bob's word"),
                   "plain:bob@example.org");
  }
  ExpectAccepted(
      Visit{Program::kSwaks, "mallory", bob}.Auth("LOGIN", "Bob@Example.org", "bob's word"),
      "login:bob@example.org");
  const std::string scanner = "scanner-3@example.org";
  ExpectAccepted(Visit{Program::kGnutlsCli, "", scanner}.Auth("PLAIN", scanner, "old scanner"),
                 "plain:" + scanner);
  ExpectAccepted(Visit{Program::kOpenssl, "", scanner}.Auth("LOGIN", scanner, "old scanner"),
                 "login:" + scanner);
  struct Wrong {
    const char *name, *password;
  };
  for (const Wrong& wrong : {Wrong{"bob@example.org", "alice's word"},
                             {"nobody@example.org", "bob's word"},
                             {"scanner-3@example.org", "bob's word"},
                             {"zero@example.org", "*"}}) {
    ExpectRefused(Visit{Program::kMsmtp, "", bob}.Auth("PLAIN", wrong.name, wrong.password),
                  "535 5.7.8 Incorrect authentication data", "plain authenticator failed");
    EXPECT_THAT(Log(), Not(HasSubstr(wrong.password)));
  }
  ExpectRefused(Visit{Program::kSwaks, "", alice}.Auth("PLAIN", bob, "bob's word"),
                "550 5.7.1 bob@example.org may not send as alice@example.org", "rejected MAIL");
  ExpectRefused({Program::kMsmtp, "", alice}, "show a certificate or log in first",
                "rejected MAIL");

  // Nobody acts for another.
  SmtpClient proxy = Client("");
  EXPECT_THAT(proxy.Say("AUTH PLAIN " + EncodeBase64(std::string(
                                            "alice@example.org\0bob@example.org\0bob's word", 44))),
              StartsWith("535"));

  // In clear nobody is asked for a password; a password does not open everything.
  SmtpClient clear(example_->starttls_port());
  EXPECT_THAT(clear.Say("EHLO client.example.org"), Not(HasSubstr("AUTH")));
  EXPECT_THAT(clear.Say("AUTH PLAIN AGEAYg=="), StartsWith("503"));
  const auto recipients = [](SmtpClient& client) {
    int good = 0;
    while (good < 40 &&
           client.Say("RCPT TO:<r" + std::to_string(good) + "@example.net>")[0] == '2') {
      ++good;
    }
    return good;
  };
  SmtpClient with_password = Client("");
  with_password.Say("AUTH PLAIN " + EncodeBase64(std::string("\0bob@example.org\0bob's word", 27)));
  EXPECT_EQ(with_password.code(), 235) << with_password.reply();
  with_password.Say("MAIL FROM:<bob@example.org>");
  EXPECT_EQ(recipients(with_password), 20);
  EXPECT_THAT(with_password.reply(), StartsWith("550 5.7.1 more than 20 recipients"));
  SmtpClient with_certificate = Client("alice");
  EXPECT_THAT(with_certificate.reply(), HasSubstr("AUTH EXTERNAL PLAIN LOGIN"));
  with_certificate.Say("MAIL FROM:<alice@example.org>");
  EXPECT_EQ(recipients(with_certificate), 40);

  // Without the directory, those of the file still get in; the others are told to come again.
  site().slapd.Kill();
  ExpectAccepted(Visit{Program::kOpenssl, "", scanner}.Auth("PLAIN", scanner, "old scanner"),
                 "plain:" + scanner);
  ExpectRefused(Visit{Program::kSwaks, "", bob}.Auth("PLAIN", bob, "bob's word"), "435 4.7.0",
                "435 Unable to authenticate at present");
  ExpectRefused({Program::kPython, "alice", alice}, "451", "435 Unable to authenticate");
  site().slapd.Start();
}

// As the openssl program makes them: self-signed, and calling themselves an authority.
CertificateSpec SelfMade(const std::string& common_name) {
  CertificateSpec spec;
  spec.subject = testing::CommonName(common_name);
  spec.ca = true;
  spec.purposes = {std::string(testing::kClientAuth)};
  return spec;
}

TEST_F(Examples, PostfixRelayClientcerts) {
  const auto print = [](const std::string& name) {
    return HexDigest("SHA256", authority().issued(name).der, ':');
  };
  authority().IssueSelfSigned("lutzpc", SelfMade("lutzpc"));
  authority().IssueSelfSigned("neighbour", SelfMade("lutzpc"));
  CertificateSpec old = SelfMade("old");
  old.not_after = testing::kYear2020 + 86'400;
  authority().IssueSelfSigned("expired", old);
  Make("bought", Named("bought", {}));
  authority().Issue("bought-renewed", Named("bought", {}), authority().issued("bought").key);
  // Postfix's table, made into ours as the example's head says.
  const std::string postfix = "# who may relay\n" + print("lutzpc") + "  lutzpc\n" +
                              print("bought") + "\tbought\n" + print("expired") + " old\n";
  TempDir directory;
  WriteFile(directory / "relay_clientcerts", postfix);
  const Finished made = test::Run({"awk", "!/^#/ && NF > 1 { print $2 \": fingerprint=\" $1 }",
                                   directory / "relay_clientcerts"});
  Start("postfix-relay-clientcerts.conf", {.files = {{"relay_clientcerts", made.output}}});
  EXPECT_EQ(example_->complaints(), "");

  const std::string anybody = "anybody@example.com";
  ExpectAccepted({Program::kSwaks, "lutzpc", anybody}, "clientcert:lutzpc");
  ExpectAccepted(Visit{Program::kOpenssl, "lutzpc", anybody}.OnConnect(), "clientcert:lutzpc");
  ExpectAccepted({Program::kPython, "bought", anybody}, "clientcert:bought");
  EXPECT_THAT(example_->Log(), HasSubstr(PublicKeyPin(authority().issued("bought").key)));
  for (const char* name : {"", "neighbour", "expired", "bought-renewed"}) {
    ExpectRefused({Program::kCurl, name, anybody}, "550", "relay access denied");
  }
}

TEST_F(Examples, SpkiPins) {
  for (const char* name : {"printer-2", "backup", "backup-next", "contractor", "stranger"})
    authority().IssueSelfSigned(name, SelfMade(name));
  const auto pin = [](const std::string& name) {
    return PublicKeyPin(authority().issued(name).key);
  };
  TempDir directory;
  const std::string pins = directory / "pins";
  const auto add = [&](const std::string& name, const std::string& certificate,
                       std::vector<std::string> more = {}) {
    std::vector<std::string> words = {
        SignetProgram(), "pins", "add", pins, name, authority().pem(certificate)};
    words.insert(words.end(), more.begin(), more.end());
    const Finished added = test::Run(words);
    EXPECT_EQ(added.status, 0) << added.output;
  };
  add("printer-2", "printer-2");
  add("backup", "backup");
  add("backup", "backup-next");
  add("contractor", "contractor", {"--from", "2024-01-01", "--until", "2025-06-30"});
  Start("spki-pins.conf", {.files = {{"pins", ReadFile(pins)}}});
  EXPECT_EQ(example_->complaints(), "");

  const std::string printer = "printer-2@devices.example.org";
  const std::string backup = "backup@devices.example.org";
  ExpectAccepted({Program::kCurl, "printer-2", printer}, "pinned:printer-2");
  ExpectAccepted({Program::kMsmtp, "backup", backup}, "pinned:backup");
  ExpectAccepted({Program::kGnutlsCli, "backup-next", backup}, "pinned:backup");
  // Renewed with the same key, by somebody else even.
  authority().Issue("renewed", Named("printer", {}), authority().issued("printer-2").key);
  ExpectAccepted({Program::kPython, "renewed", printer}, "pinned:printer-2");
  ExpectRefused({Program::kSwaks, "printer-2", backup},
                "550 5.7.1 printer-2 may not send as backup@devices.example.org", "rejected MAIL");
  const std::string refusal = "this host knows its clients by their keys";
  for (const char* name : {"", "stranger", "contractor"}) {
    ExpectRefused({Program::kOpenssl, name, printer}, refusal, "rejected MAIL");
  }
  // The next client sees a change of the file: a key that was stolen is out, a new one in.
  example_->Write(
      "pins", "printer-2: pin=" + pin("stranger") + "\nbackup: pin=" + pin("backup-next") + "\n");
  ExpectAccepted({Program::kOpenssl, "stranger", printer}, "pinned:printer-2");
  ExpectRefused({Program::kSwaks, "printer-2", printer}, refusal, "rejected MAIL");
  ExpectRefused({Program::kSwaks, "backup", backup}, refusal, "rejected MAIL");
  ExpectAccepted({Program::kSwaks, "backup-next", backup}, "pinned:backup");
}

}  // namespace
}  // namespace signet::test
