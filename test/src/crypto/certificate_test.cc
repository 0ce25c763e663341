#include "src/crypto/certificate.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/crypto/digest.h"
#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

CertificatePtr Load(const std::string& name) {
  std::ifstream file("test/src/crypto/data/" + name);
  std::stringstream text;
  text << file.rdbuf();
  auto certificate = Certificate::FromPem(text.str());
  EXPECT_TRUE(certificate.ok()) << name << ": " << (certificate.ok() ? "" : certificate.error());
  return certificate.ok() ? certificate.value() : nullptr;
}

std::vector<std::string> Values(const Certificate& certificate, std::string_view label) {
  std::vector<std::string> values;
  for (const NameAttribute& attribute : certificate.subject())
    if (attribute.label == label) values.push_back(attribute.value);
  return values;
}

using Strings = std::vector<std::string>;

TEST(Certificate, FixedFieldsAreRead) {
  const auto a = Load("ann.pem");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->version(), 3);
  EXPECT_EQ(a->serial_hex(), "a1b2c3d4");
  EXPECT_EQ(a->not_before(), 1709600523);
  EXPECT_EQ(a->not_after(), 2036102399);
  EXPECT_EQ(a->signature_algorithm(), "ECDSA-SHA256");
  EXPECT_EQ(HexLower(a->signature()).substr(0, 16), "3044022010ce1760");
  EXPECT_TRUE(a->within_limits());
  EXPECT_FALSE(a->is_ca());
}

TEST(Certificate, DerIsTheOctetsOfThePem) {
  const auto a = Load("ann.pem");
  ASSERT_TRUE(a);
  EXPECT_EQ(HexUpper(Md5(a->der())), "226917EB129DFA1437EF32C13A792391");
  EXPECT_EQ(HexUpper(Sha1(a->der())), "1EB6D6E16A5E2ECFAA569B319D86AA6733435E6F");
  EXPECT_EQ(HexUpper(Sha256(a->der())),
            "796DD17DDC18EAD898512666B44DDB62621151BB5EDAB3B44CDD740BF118D355");
  EXPECT_EQ(EncodeBase64(a->der()).size(), 1096u);
  const auto again = Certificate::FromDer(a->der());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->subject_text(), a->subject_text());
}

TEST(Certificate, NamesPrintInEncodedOrderAsGnutlsProgramsPrintThem) {
  const auto a = Load("ann.pem"), b = Load("odd-names.pem");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->subject_text(),
            "DC=test,DC=sig,O=Acme\\, Inc.,OU=Sales,OU=West\\;1,CN=Ann Müller,CN=ann,"
            "EMAIL=ann@one.test");
  EXPECT_EQ(a->issuer_text(), "C=GB,O=Test Org,CN=Sig Root");
  EXPECT_EQ(b->subject_text(),
            "CN=\\ sp#ace\\ ,O=A=B \\\"q\\\" \\\\x\\<y\\>,UID=u1,givenName=G,CN=\\#hash");
}

TEST(Certificate, RuleI8AttributesAreReadFromTheStructure) {
  const auto a = Load("ann.pem"), b = Load("odd-names.pem");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(Values(*a, "CN"), (Strings{"Ann Müller", "ann"}));
  EXPECT_EQ(Values(*a, "O"), (Strings{"Acme, Inc."}));
  EXPECT_EQ(Values(*a, "OU"), (Strings{"Sales", "West;1"}));
  EXPECT_EQ(Values(*a, "DC"), (Strings{"test", "sig"}));
  EXPECT_EQ(Values(*a, "EMAIL"), (Strings{"ann@one.test"}));
  EXPECT_EQ(Values(*b, "CN"), (Strings{" sp#ace ", "#hash"}));
  EXPECT_EQ(Values(*b, "O"), (Strings{"A=B \"q\" \\x<y>"}));
  EXPECT_EQ(b->serial_hex(), "7");
}

TEST(Certificate, AlternativeNamesKeepOrderAndKind) {
  const auto a = Load("ann.pem");
  ASSERT_TRUE(a);
  const auto& names = a->alternative_names();
  ASSERT_EQ(names.size(), 7u);
  EXPECT_EQ(names[0].type, SanType::kMail);
  EXPECT_EQ(names[0].value, "ann@one.test");
  EXPECT_EQ(names[1].type, SanType::kDns);
  EXPECT_EQ(names[1].value, "h1.one.test");
  EXPECT_EQ(names[3].type, SanType::kUri);
  EXPECT_EQ(names[3].value, "urn:uuid:1234");
  EXPECT_EQ(names[4].value, "http://x.test/a,b");
  EXPECT_EQ(names[5].type, SanType::kIp);
  EXPECT_EQ(HexLower(names[5].value), "c0000201");
  EXPECT_EQ(names[6].value, "a.n@two.test");
  for (const SanName& name : names) EXPECT_TRUE(name.valid) << name.value;
}

TEST(Certificate, LocationsAreListedInOrder) {
  const auto a = Load("ann.pem"), b = Load("odd-names.pem");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->ocsp_uris(), (Strings{"http://ocsp.one.test:8080/", "http://ocsp.two.test/"}));
  EXPECT_EQ(a->crl_uris(),
            (Strings{"http://crl.one.test/a.crl?x=1:2", "http://crl.two.test/b.crl"}));
  EXPECT_TRUE(b->ocsp_uris().empty());
  EXPECT_TRUE(b->crl_uris().empty());
  EXPECT_TRUE(b->alternative_names().empty());
}

TEST(Certificate, ExtensionsAreFoundByOid) {
  const auto b = Load("odd-names.pem");
  ASSERT_TRUE(b);
  EXPECT_EQ(HexLower(b->extension("1.2.3.4.5").value_or("")), "0c0568656c6c6f");
  EXPECT_FALSE(b->extension("9.9.9").has_value());
}

TEST(Certificate, RuleI3OctetsAfterItAreRefused) {
  const auto b = Load("odd-names.pem");
  ASSERT_TRUE(b);
  EXPECT_FALSE(Certificate::FromDer(std::string(b->der()) + '\0').ok());
  EXPECT_FALSE(Certificate::FromDer(b->der().substr(0, b->der().size() - 1)).ok());
  EXPECT_FALSE(Certificate::FromDer("").ok());
}

TEST(Certificate, ChainFromPemTakesAllAndSkipsOtherText) {
  std::ifstream a("test/src/crypto/data/ann.pem"), b("test/src/crypto/data/odd-names.pem");
  std::stringstream text;
  text << "subject: x\n" << a.rdbuf() << "some words\n" << b.rdbuf();
  const auto chain = Certificate::ChainFromPem(text.str());
  ASSERT_TRUE(chain.ok()) << chain.error();
  ASSERT_EQ(chain.value().size(), 2u);
  EXPECT_EQ(chain.value()[0]->serial_hex(), "a1b2c3d4");
  EXPECT_EQ(chain.value()[1]->serial_hex(), "7");
}

TEST(Certificate, PemWithoutAnEndOrWithoutACertificateIsAnError) {
  EXPECT_FALSE(Certificate::FromPem("").ok());
  EXPECT_FALSE(Certificate::FromPem("-----BEGIN CERTIFICATE-----\nMIID").ok());
  EXPECT_FALSE(
      Certificate::FromPem("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").ok());
}

// --- made here ---------------------------------------------------------------------------

namespace make = signet::testing;

CertificatePtr Made(const make::CertificateSpec& spec) {
  const auto key = make::SharedKey(make::KeyType::kEcdsaP256, 1);
  auto certificate = Certificate::FromDer(make::Issue(spec, key, nullptr).der);
  EXPECT_TRUE(certificate.ok()) << (certificate.ok() ? "" : certificate.error());
  return certificate.ok() ? certificate.value() : nullptr;
}

CertificatePtr WithNames(const std::vector<std::string>& names) {
  make::CertificateSpec spec;
  spec.alternative_names = names;
  return Made(spec);
}

std::string ErrorOf(const make::CertificateSpec& spec) {
  const auto key = make::SharedKey(make::KeyType::kEcdsaP256, 1);
  const auto certificate = Certificate::FromDer(make::Issue(spec, key, nullptr).der);
  return certificate.ok() ? "" : certificate.error();
}

TEST(Certificate, RuleI7ANameIsOneNameWhateverIsInIt) {
  const Strings values = {"a@one.test:b@two.test",
                          "a@x\\,b@y",
                          "<x@y",
                          "<;a@b;c@d",
                          " a@b ",
                          "!a@b",
                          "+a@b",
                          "a@b,CN=x",
                          "${lookup}",
                          "a:::b",
                          "*@b",
                          "/etc/x"};
  Strings encoded;
  for (const std::string& value : values) encoded.push_back(make::MailName(value));
  const auto certificate = WithNames(encoded);
  ASSERT_TRUE(certificate);
  ASSERT_EQ(certificate->alternative_names().size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(certificate->alternative_names()[i].value, values[i]);
    EXPECT_TRUE(certificate->alternative_names()[i].valid) << values[i];
  }
}

TEST(Certificate, RuleI6NamesWithControlOrHighOctetsAreMarked) {
  for (const std::string& octets :
       {std::string("a@b\0c", 5), std::string("\0", 1), std::string("a@b\n"), std::string("\ra@b"),
        std::string("a\x7f@b"), std::string("m\xc3\xbc@b"), std::string("\xff")}) {
    const auto certificate = WithNames({make::MailName(octets), make::DnsName(octets),
                                        make::UriName(octets), make::MailName("good@b.test")});
    ASSERT_TRUE(certificate);
    const auto& names = certificate->alternative_names();
    ASSERT_EQ(names.size(), 4u);
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(names[i].valid) << HexLower(octets);
      EXPECT_EQ(names[i].value, octets) << "kept for the log";
    }
    EXPECT_TRUE(names[3].valid) << "other names count";
  }
}

TEST(Certificate, RuleI6WhatIsLeftOutIsSaidInOneLine) {
  const auto certificate = WithNames({make::MailName(std::string("a\0b", 3)),
                                      make::MailName("good@b.test"), make::DnsName("x\ny")});
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->SkippedNames(), "mail \"a\\000b\", dns \"x\\ny\"");
  EXPECT_EQ(WithNames({make::MailName("good@b.test")})->SkippedNames(), "");
  const auto many = WithNames(std::vector<std::string>(7, make::MailName("\n")));
  EXPECT_NE(many->SkippedNames().find(" and 2 more"), std::string::npos) << many->SkippedNames();
}

TEST(Certificate, RuleI5KindsOfNamesAreKeptApart) {
  const std::string upn = make::OtherName("1.3.6.1.4.1.311.20.2.3", make::Utf8("a@b"));
  const auto certificate =
      WithNames({upn, make::DirectoryName(make::CommonName("a@b")), make::RegisteredId("1.2.3"),
                 make::IpName("abcd"), make::IpName("abc"), make::DnsName("a@b")});
  ASSERT_TRUE(certificate);
  const auto& names = certificate->alternative_names();
  ASSERT_EQ(names.size(), 6u);
  EXPECT_EQ(names[0].type, SanType::kOther);
  EXPECT_EQ(names[0].value, upn);
  EXPECT_EQ(names[1].type, SanType::kDirectoryName);
  EXPECT_EQ(names[1].value, make::CommonName("a@b"));
  EXPECT_EQ(names[2].type, SanType::kRegisteredId);
  EXPECT_EQ(names[2].value, "1.2.3");
  EXPECT_TRUE(names[3].valid);
  EXPECT_FALSE(names[4].valid) << "three octets are no address";
  EXPECT_EQ(names[5].type, SanType::kDns);
  for (const SanName& name : names) EXPECT_NE(name.type, SanType::kMail);
}

TEST(Certificate, RuleI18CountOfNamesIsLimited) {
  std::vector<std::string> names(limits::kSanMaxNames, make::MailName("a@b"));
  EXPECT_TRUE(WithNames(names)->within_limits());
  names.push_back(make::MailName("a@b"));
  const auto over = WithNames(names);
  EXPECT_FALSE(over->within_limits());
  EXPECT_TRUE(over->alternative_names().empty()) << "never in part";
}

TEST(Certificate, RuleI18LengthOfOneNameIsLimited) {
  const std::string name(limits::kSanNameMaxBytes, 'x');
  EXPECT_TRUE(WithNames({make::MailName(name)})->within_limits());
  const auto over = WithNames({make::MailName("a@b"), make::MailName(name + "x")});
  EXPECT_FALSE(over->within_limits());
  EXPECT_TRUE(over->alternative_names().empty());
}

TEST(Certificate, RuleI18OctetsOfAllNamesAreLimited) {
  std::vector<std::string> names(16, make::MailName(std::string(1024, 'x')));
  EXPECT_TRUE(WithNames(names)->within_limits());
  names.push_back(make::MailName("x"));
  EXPECT_FALSE(WithNames(names)->within_limits());
}

TEST(Certificate, RuleI18AttributesOfTheSubjectAreLimited) {
  make::CertificateSpec spec;
  spec.issuer = make::CommonName("ca");
  std::vector<make::Attribute> attributes(limits::kSubjectMaxAttributes,
                                          {"2.5.4.11", make::Utf8("x")});
  spec.subject = make::Name(attributes);
  EXPECT_TRUE(Made(spec)->within_limits());
  attributes.push_back({"2.5.4.11", make::Utf8("x")});
  spec.subject = make::Name(attributes);
  const auto over = Made(spec);
  EXPECT_FALSE(over->within_limits());
  EXPECT_TRUE(over->subject().empty());
}

TEST(Certificate, RuleI3MalformedPartsAreRefused) {
  make::CertificateSpec repeated, names, constraints, usage, old, many;
  repeated.extra = {{"1.2.3", false, "x"}, {"1.2.3", false, "y"}};
  EXPECT_EQ(ErrorOf(repeated), "malformed certificate: repeated extension 1.2.3");
  names.extra = {{"2.5.29.17", false, make::Sequence({make::MailName("a@b")}) + "x"}};
  EXPECT_EQ(ErrorOf(names), "malformed certificate: subject alternative name");
  constraints.extra = {{"2.5.29.19", true, "x"}};
  EXPECT_EQ(ErrorOf(constraints), "malformed certificate: basic constraints");
  usage.extra = {{"2.5.29.15", true, make::Utf8("x")}};
  EXPECT_EQ(ErrorOf(usage), "malformed certificate: key usage");
  for (int i = 0; i < 70; ++i) many.extra.push_back({"1.2.3." + std::to_string(i), false, "x"});
  EXPECT_EQ(ErrorOf(many), "malformed certificate: too many extensions");
}

TEST(Certificate, RuleI19WhoMaySignCertificatesIsACa) {
  make::CertificateSpec spec;
  EXPECT_FALSE(Made(spec)->is_ca());
  spec.ca = false;
  spec.key_usage = make::kDigitalSignature;
  EXPECT_FALSE(Made(spec)->is_ca());
  spec.key_usage = make::kKeyCertSign;
  EXPECT_TRUE(Made(spec)->is_ca());
  spec.key_usage.reset();
  spec.ca = true;
  EXPECT_TRUE(Made(spec)->is_ca());
}

TEST(Certificate, SerialNumbersLoseTheirLeadingZeros) {
  make::CertificateSpec spec;
  spec.serial = std::string("\0", 1);
  EXPECT_EQ(Made(spec)->serial_hex(), "0");
  spec.serial = std::string("\0\xff", 2);
  EXPECT_EQ(Made(spec)->serial_hex(), "ff");
  spec.serial = "\x07";
  EXPECT_EQ(Made(spec)->serial_hex(), "7");
}

TEST(Certificate, DatesBeyond2106AreWhole) {
  make::CertificateSpec spec;
  spec.not_after = 253402300799;
  EXPECT_EQ(Made(spec)->not_after(), 253402300799);
}

TEST(Certificate, OcspLocationsAreListedBesideOthers) {
  make::CertificateSpec spec;
  const std::string ca_issuers =
      make::Sequence({make::Oid("1.3.6.1.5.5.7.48.2"), make::UriName("http://ca/")});
  const std::string ocsp =
      make::Sequence({make::Oid("1.3.6.1.5.5.7.48.1"), make::UriName("http://ocsp/")});
  spec.extra = {{"1.3.6.1.5.5.7.1.1", false, make::Sequence({ocsp, ca_issuers})}};
  EXPECT_EQ(Made(spec)->ocsp_uris(), Strings{"http://ocsp/"});
  spec.extra = {{"1.3.6.1.5.5.7.1.1", false, make::Sequence({ca_issuers})}};
  EXPECT_TRUE(Made(spec)->ocsp_uris().empty());
}

}  // namespace
}  // namespace signet::crypto
