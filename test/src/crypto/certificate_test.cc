#include "src/crypto/certificate.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "src/base/codec.h"
#include "src/crypto/digest.h"

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

}  // namespace
}  // namespace signet::crypto
