// signet cert from outside: what it prints of certificates is what the language says of them.
#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <jansson.h>
#include <algorithm>
#include <memory>
#include <sstream>

#include "src/base/text.h"
#include "test/support/authority.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;

struct Row {
  std::string section, label, value, expression, note;
};

std::string TextOf(const json_t* object, const char* name) {
  const json_t* text = json_object_get(object, name);
  return json_is_string(text) ? std::string(json_string_value(text), json_string_length(text)) : "";
}

// A context-specific element, constructed or not.
std::string Tagged(int number, std::string_view content, bool constructed) {
  return testing::Tlv(static_cast<std::uint8_t>((constructed ? 0xa0 : 0x80) | number), content);
}

testing::CertificateSpec Rich() {
  using testing::Oid;
  using testing::Sequence;
  testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
  spec.subject = testing::Name({{"2.5.4.6", testing::Tlv(0x13, "AT")},
                                {"2.5.4.11", testing::Utf8("Küche")},
                                {"2.5.4.3", testing::Utf8("Alice, the \"first\"")},
                                {"2.5.4.5", testing::Tlv(0x13, "7"), true},
                                {"2.5.4.11", testing::Utf8("Tür#2")},
                                {"1.2.3.4.5", testing::Utf8("odd")},
                                {"2.5.4.4", testing::Utf8("bell\a")}});
  spec.alternative_names = {
      testing::MailName("alice@example.org"),
      testing::MailName("a:b@example.org"),
      testing::MailName(std::string_view("nul\0@example.org", 16)),
      testing::DnsName("host.example.org"),
      testing::UriName("https://example.org:443/~alice"),
      testing::IpName("\x0a\x01\x02\x03"),
      testing::DirectoryName(testing::CommonName("inside")),
      testing::RegisteredId("1.2.3.4"),
      testing::OtherName("1.3.6.1.4.1.311.20.2.3", testing::Utf8("alice@corp.example")),
      testing::OtherName("1.3.6.1.5.5.7.8.9", testing::Utf8("älice@example.org")),
      testing::OtherName("1.3.6.1.5.5.7.8.7", testing::Ia5("_imap.example.org")),
      testing::OtherName("1.2.3.99", testing::Utf8("of a kind of its own"))};
  spec.purposes = {std::string(testing::kClientAuth), "1.3.6.1.5.5.7.3.4", "1.2.3.4.77"};
  const std::string ocsp = Sequence({Oid("1.3.6.1.5.5.7.48.1"), testing::UriName("http://o/1")});
  const std::string issuer = Sequence({Oid("1.3.6.1.5.5.7.48.2"), testing::UriName("http://i/1")});
  const std::string point =
      Sequence({Tagged(0, Tagged(0, testing::UriName("http://c/1.crl"), true), true)});
  const std::string policies = Sequence({Sequence({Oid("1.2.3.5")}), Sequence({Oid("1.2.3.6")})});
  spec.extra = {{"1.3.6.1.5.5.7.1.1", false, Sequence({ocsp, issuer})},
                {"2.5.29.31", false, Sequence({point})},
                {"2.5.29.32", false, policies},
                {"1.2.3.4.5.6", true, testing::Utf8("what is this")}};
  return spec;
}

class Cert : public ::testing::Test {
 protected:
  Finished Signet(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SignetProgram());
    return test::Run(arguments);
  }
  std::vector<std::vector<Row>> Rows(const std::string& file) {
    const Finished finished = Signet({"cert", "--json", "-C", Config(), file});
    EXPECT_EQ(finished.status, 0) << finished.output;
    const Json files(json_loads(finished.output.c_str(), 0, nullptr), &json_decref);
    EXPECT_EQ(json_array_size(files.get()), 1u) << finished.output;
    std::vector<std::vector<Row>> all;
    std::size_t i = 0, k = 0;
    json_t *certificate = nullptr, *field = nullptr;
    json_array_foreach(json_object_get(json_array_get(files.get(), 0), "certificates"), i,
                       certificate) {
      all.emplace_back();
      json_array_foreach(json_object_get(certificate, "fields"), k, field) {
        all.back().push_back({TextOf(field, "section"), TextOf(field, "label"),
                              TextOf(field, "value"), TextOf(field, "expression"),
                              TextOf(field, "note")});
      }
    }
    if (all.empty()) throw std::runtime_error("no certificates: " + finished.output);
    return all;
  }
  std::string Config(const std::string& more = "") {
    const std::string file = directory_ / "signet.conf";
    WriteFile(file,
              "primary_hostname = mx.example.org\n"
              "daemon_smtp_ports = 587 : 465\ntls_on_connect_ports = 465\n"
              "local_interfaces = 127.0.0.1\n"
              "tls_certificate = " +
                  ServerPem() +
                  "\n"
                  "tls_try_verify_hosts = *\n"
                  "tls_verify_certificates = " +
                  authority_.root() + "\n" + more +
                  "begin authenticators\n"
                  "tls:\n"
                  "  driver = tls\n"
                  "  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
                  "  server_condition = ${if eq{${listcount:$auth1}}{1}}\n"
                  "  server_set_id = $auth1\n");
    return file;
  }
  const std::string& ServerPem() {
    if (server_.empty()) {
      authority_.Issue("server", testing::ServerSpec());
      server_ = authority_.pem("server");
    }
    return server_;
  }
  std::string Written(const std::string& name, const std::string& text) {
    WriteFile(directory_ / name, text);
    return directory_ / name;
  }
  // Each value is what its expression gives for that certificate.
  void ExpectExpressionsHold(const std::string& pem, const std::vector<Row>& rows) {
    std::size_t count = 0;
    for (const Row& row : rows) {
      if (row.expression.empty()) continue;
      ++count;
      const Finished expanded =
          Signet({"expand", "-C", Config(), "--set", "tls_in_peercert=" + pem, row.expression});
      EXPECT_EQ(expanded.status, 0) << row.expression << ": " << expanded.output;
      EXPECT_EQ(expanded.output, row.value + "\n") << row.label << ": " << row.expression;
    }
    EXPECT_GE(count, 15u);
  }

  TempDir directory_;
  Authority authority_{"Cert"};
  std::string server_;
};

TEST_F(Cert, EachExpressionGivesWhatStandsBesideIt) {
  authority_.Issue("rich", Rich());
  authority_.Issue("alice", testing::ClientSpec("alice@example.org"));
  for (const char* name : {"rich", "alice"}) {
    const auto sheets = Rows(authority_.pem(name));
    ASSERT_EQ(sheets.size(), 2u) << "the certificate and the intermediate behind it";
    ExpectExpressionsHold(authority_.pem(name), sheets[0]);
    ExpectExpressionsHold(Written("ca.pem", authority_.intermediate().Pem()), sheets[1]);
  }
}

TEST_F(Cert, EveryPartOfACertificateIsShown) {
  authority_.Issue("rich", Rich());
  const auto sheets = Rows(authority_.pem("rich"));
  std::map<std::string, Row> rows;
  for (const Row& row : sheets[0]) {
    if (rows.count(row.label) == 0) rows[row.label] = row;
  }
  EXPECT_THAT(rows["subject"].value, HasSubstr("CN=Alice\\, the \\\"first\\\"+serialNumber=7"));
  EXPECT_EQ(rows["in order"].value,
            "C=AT\nOU=Küche\nCN=Alice, the \\\"first\\\"\nserialNumber=7\nOU=Tür#2\n"
            "1.2.3.4.5=#0c036f6464");
  EXPECT_EQ(rows["OU"].value, "Küche\nTür#2");
  EXPECT_EQ(rows["version"].value, "3");
  EXPECT_THAT(rows["valid until"].note, HasSubstr("days left"));
  EXPECT_EQ(rows["purposes"].value, "clientAuth\nemailProtection\n1.2.3.4.77");
  EXPECT_EQ(rows["as OIDs"].value, "1.3.6.1.5.5.7.3.2\n1.3.6.1.5.5.7.3.4\n1.2.3.4.77");
  EXPECT_EQ(rows["dns"].value, "host.example.org");
  EXPECT_EQ(rows["uri"].value, "https://example.org:443/~alice");
  EXPECT_EQ(rows["ip"].value, "10.1.2.3");
  EXPECT_EQ(rows["dirname"].value, "CN=inside");
  EXPECT_EQ(rows["rid"].value, "1.2.3.4");
  EXPECT_EQ(rows["upn"].value, "alice@corp.example");
  EXPECT_EQ(rows["smtputf8"].value, "älice@example.org");
  EXPECT_EQ(rows["srv"].value, "_imap.example.org");
  EXPECT_EQ(rows["othername=1.2.3.99"].value, "of a kind of its own");
  EXPECT_EQ(rows["policies"].value, "1.2.3.5\n1.2.3.6");
  EXPECT_EQ(rows["CRL at"].value, "http://c/1.crl");
  EXPECT_EQ(rows["OCSP at"].value, "http://o/1");
  EXPECT_EQ(rows["issuer at"].value, "http://i/1");
  EXPECT_EQ(rows["critical"].value, "1.2.3.4.5.6");
  EXPECT_EQ(rows["pin"].value, PublicKeyPin(authority_.issued("rich").key));
  std::string hex = HexDigest("sha256", authority_.issued("rich").der);
  EXPECT_EQ(Lower(rows["SHA-256"].value), Lower(hex));
}

TEST_F(Cert, RuleI6NamesThatAreLeftOutAreShownWithTheReason) {
  authority_.Issue("rich", Rich());
  std::string left_out;
  const auto sheets = Rows(authority_.pem("rich"));
  for (const Row& row : sheets[0])
    if (row.label == "left out") left_out += row.value + " (" + row.note + ")\n";
  EXPECT_THAT(left_out, HasSubstr("surName bell\\007 (has control characters)"));
  EXPECT_THAT(left_out, HasSubstr("mail nul\\000@example.org (has control characters)\n"));
  const Finished shown = Signet({"cert", "-C", Config(), authority_.pem("rich")});
  EXPECT_THAT(shown.output, HasSubstr("mail nul\\000@example.org")) << "nothing raw on a terminal";
  EXPECT_THAT(shown.output, Not(HasSubstr("\a")));
}

TEST_F(Cert, ALineEndInANameIsNoLineOfOurs) {
  testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
  spec.subject = testing::CommonName("x\n\r\n  + verified\x1b[2J");
  authority_.Issue("forged", spec);
  const Finished shown = Signet({"cert", authority_.pem("forged"), "-C", Config()});
  EXPECT_EQ(shown.status, 0) << shown.output;
  EXPECT_THAT(shown.output, Not(HasSubstr("\n  + verified\x1b")));
  EXPECT_EQ(shown.output.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.output.find('\r'), std::string::npos);
  const std::size_t at = shown.output.find("  subject ");
  const std::string line = shown.output.substr(at, shown.output.find('\n', at) - at);
  EXPECT_THAT(line, HasSubstr("x\\n\\r\\n"));
}

TEST_F(Cert, NameConstraintsAndPathLengthOfAnAuthorityAreShown) {
  testing::CertificateSpec spec;
  spec.subject = testing::CommonName("Bounded CA");
  spec.ca = true;
  spec.path_length = 0;
  spec.key_usage = testing::kKeyCertSign;
  spec.permitted = {testing::MailName(".example.org"), testing::DnsName("example.org")};
  spec.excluded = {testing::IpName(std::string_view("\x0a\0\0\0\xff\0\0\0", 8))};
  authority_.Issue("bounded", spec);
  std::map<std::string, Row> rows;
  const auto sheets = Rows(authority_.pem("bounded"));
  for (const Row& row : sheets[0]) rows[row.label] = row;
  EXPECT_EQ(rows["path length"].value, "0");
  EXPECT_EQ(rows["authority"].value, "true");
  EXPECT_EQ(rows["constraints"].value,
            "permitted mail .example.org\npermitted dns example.org\nexcluded ip 10.0.0.0/8");
}

TEST_F(Cert, EachListenerSaysWhetherItVerifiesAndWhoItIs) {
  authority_.Issue("alice", testing::ClientSpec("alice@example.org"));
  Authority others("Others", 1);
  others.Issue("bob", testing::ClientSpec("bob@example.org"));
  const Finished alice = Signet({"cert", "-C", Config(), authority_.pem("alice")});
  EXPECT_EQ(alice.status, 0);
  EXPECT_THAT(alice.output, HasSubstr("[127.0.0.1]:587, STARTTLS"));
  EXPECT_THAT(alice.output, HasSubstr("[127.0.0.1]:465, TLS at once"));
  EXPECT_THAT(alice.output,
              HasSubstr("+ the client's certificate is asked for (tls_try_verify_hosts)"));
  EXPECT_THAT(alice.output, HasSubstr("+ verified"));
  EXPECT_THAT(alice.output, HasSubstr("+ authenticated as alice@example.org by \"tls\""));
  const Finished bob = Signet({"cert", "-C", Config(), others.pem("bob")});
  EXPECT_THAT(bob.output, HasSubstr("- not verified: unknown CA"));
  EXPECT_THAT(bob.output, Not(HasSubstr("authenticated as")));
  const Finished later =
      Signet({"cert", "-C", Config(), "--at", "2121-01-01", authority_.pem("alice")});
  EXPECT_THAT(later.output, HasSubstr("expired"));
  EXPECT_THAT(later.output, HasSubstr("- not verified: certificate expired"));
}

TEST_F(Cert, RuleC7APrivateKeyIsAnErrorWithItsLineAndIsNotShown) {
  authority_.Issue("alice", testing::ClientSpec("alice@example.org"));
  const std::string key = ReadFile(authority_.key("alice"));
  const std::string both =
      Written("both.pem", "# a comment\n" + ReadFile(authority_.pem("alice")) + key);
  const std::string before = "# a comment\n" + ReadFile(authority_.pem("alice"));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const Finished finished = Signet({"cert", both});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr(both + ":" + std::to_string(line) + ": a private key"));
  std::istringstream lines(key);
  for (std::string text; std::getline(lines, text);) {
    if (text.starts_with("-----")) continue;
    EXPECT_THAT(finished.output, Not(HasSubstr(text.substr(0, 16))));
  }
}

TEST_F(Cert, WhatIsNoCertificateIsNamedWithItsLine) {
  authority_.Issue("alice", testing::ClientSpec("alice@example.org"));
  const std::string good = ReadFile(authority_.pem("alice"));
  const struct {
    const char* name;
    std::string text, expected;
  } kCases[] = {
      {"empty", "", "no certificate in it"},
      {"words", "these are\nno certificates\n", "no certificate in it"},
      {"cut", good.substr(0, good.size() - 30), "block that begins here has no end"},
      {"letters", Replace(good, "MII", "M!I"), ":2: not base64"},
      {"crl", testing::PemBlock("X509 CRL", "x"), ":1: \"X509 CRL\" found where a certificate"},
      {"rubbish", testing::PemBlock("CERTIFICATE", "no DER at all"), ":1: "},
      {"request", testing::PemBlock("CERTIFICATE REQUEST", "x"), ":1: a request"},
      {"crossed", Replace(good, "-----END CERTIFICATE", "-----END X509 CRL"), "the end of"},
  };
  for (const auto& one : kCases) {
    const Finished finished = Signet({"cert", Written(one.name, one.text)});
    EXPECT_EQ(finished.status, 2) << one.name;
    EXPECT_THAT(finished.output, HasSubstr(one.expected)) << one.name;
  }
  EXPECT_EQ(Signet({"cert", directory_ / "missing.pem"}).status, 2);
  EXPECT_EQ(Signet({"cert"}).status, 2);
  EXPECT_EQ(Signet({"cert", "--at", "tomorrow", authority_.pem("alice")}).status, 2);
}

TEST_F(Cert, DerIsReadToo) {
  const testing::Issued& alice =
      authority_.Issue("alice", testing::ClientSpec("alice@example.org"));
  const Finished finished = Signet({"cert", Written("alice.der", alice.der)});
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("alice@example.org"));
}

TEST_F(Cert, NothingIsWiderThanATerminalButExpressions) {
  authority_.Issue("rich", Rich());
  const Finished finished = Signet({"cert", "-C", Config(), authority_.pem("rich")});
  std::istringstream lines(finished.output);
  for (std::string line; std::getline(lines, line);) {
    const auto columns = std::count_if(line.begin(), line.end(),
                                       [](char c) { return (static_cast<int>(c) & 0xc0) != 0x80; });
    const bool ours = line.find("${") == line.npos && line.find(directory_.path()) == line.npos;
    EXPECT_TRUE(!ours || columns <= 80) << line;
    EXPECT_EQ(line.find('\033'), line.npos) << "no colours but on a terminal";
  }
}

}  // namespace
}  // namespace signet::test
