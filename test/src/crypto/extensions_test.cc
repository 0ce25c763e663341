#include "src/crypto/extensions.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/crypto/digest.h"
#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

namespace make = signet::testing;
using namespace std::string_literals;  // NOLINT
using Strings = std::vector<std::string>;

CertificatePtr With(std::string_view oid, const std::string& value) {
  make::CertificateSpec spec;
  spec.key_identifiers = false;
  spec.extra = {{std::string(oid), false, value}};
  auto made = Certificate::FromDer(
      make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).der);
  EXPECT_TRUE(made.ok());
  return made.ok() ? made.value() : nullptr;
}

constexpr std::string_view kPurposes = "2.5.29.37", kPolicies = "2.5.29.32", kSki = "2.5.29.14",
                           kAki = "2.5.29.35", kSid = "1.3.6.1.4.1.311.25.2";

std::string Repeated(const std::string& text, std::size_t count) {
  std::string out;
  while (count-- > 0) out += text;
  return out;
}

TEST(Extensions, WhatIsAbsentIsNoMistake) {
  const auto plain = With("1.2.3", make::Utf8("x"));
  ASSERT_TRUE(plain);
  EXPECT_FALSE(BasicConstraintsOf(*plain).value());
  EXPECT_FALSE(PurposesOf(*plain).value());
  EXPECT_FALSE(PoliciesOf(*plain).value());
  EXPECT_FALSE(KeyUsagesOf(*plain).value());
  EXPECT_FALSE(SubjectKeyIdOf(*plain).value());
  EXPECT_FALSE(AuthorityKeyIdOf(*plain).value());
  EXPECT_FALSE(SecurityIdOf(*plain).value());
  EXPECT_FALSE(TextOfExtension(*plain, "1.2.4").value());
}

TEST(Extensions, RuleE6WhatIsMalformedIsAnError) {
  for (const std::string& value :
       {""s, make::Utf8("x"), make::Sequence({}), make::Sequence({make::Utf8("x")}),
        make::Sequence({make::Oid("1.2.3")}) + make::Utf8("x"),
        make::Sequence({"\x06\x01\x80"s})}) {
    EXPECT_FALSE(PurposesOf(*With(kPurposes, value)).ok());
    EXPECT_FALSE(PoliciesOf(*With(kPolicies, value)).ok());
  }
  EXPECT_FALSE(PoliciesOf(*With(kPolicies, make::Sequence({make::Sequence({})}))).ok());
  EXPECT_FALSE(SubjectKeyIdOf(*With(kSki, make::Utf8("x"))).ok());
  EXPECT_FALSE(SubjectKeyIdOf(*With(kSki, make::Tlv(0x04, ""))).ok());
  EXPECT_FALSE(AuthorityKeyIdOf(*With(kAki, make::Utf8("x"))).ok());
  EXPECT_FALSE(AuthorityKeyIdOf(*With(kAki, make::Sequence({make::Utf8("x")}))).ok());
  EXPECT_FALSE(TextOfExtension(*With("1.2.3", "x"), "1.2.3").ok());
  EXPECT_FALSE(TextOfExtension(*With("1.2.3", make::Utf8("a\0b"s)), "1.2.3").ok());
  EXPECT_FALSE(TextOfExtension(*With("1.2.3", make::Utf8("a") + make::Utf8("b")), "1.2.3").ok());
}

TEST(Extensions, AnAuthorityThatIsNamedOtherwiseHasNoIdentifier) {
  const auto said = AuthorityKeyIdOf(*With(kAki, make::Sequence({make::Tlv(0x82, "\x05")})));
  ASSERT_TRUE(said.ok());
  EXPECT_FALSE(said.value());
}

TEST(Extensions, RuleI18ListsHaveALimit) {
  const std::string oid = make::Oid("1.2.3");
  const auto list = [&](std::size_t count) { return make::Tlv(0x30, Repeated(oid, count)); };
  const auto just = PurposesOf(*With(kPurposes, list(limits::kExtensionMaxValues)));
  ASSERT_TRUE(just.ok());
  EXPECT_EQ(just.value()->size(), limits::kExtensionMaxValues);
  EXPECT_FALSE(PurposesOf(*With(kPurposes, list(limits::kExtensionMaxValues + 1))).ok());
}

std::string SidExtension(std::string_view text, std::string_view oid = "1.3.6.1.4.1.311.25.2.1",
                         std::uint8_t tag = 0x04) {
  return make::Sequence({make::Tlv(0xa0, make::Oid(oid) + make::Tlv(0xa0, make::Tlv(tag, text)))});
}

TEST(Extensions, RuleI6ASecurityIdentifierHasItsForm) {
  const auto read = [](const std::string& value) {
    const auto said = SecurityIdOf(*With(kSid, value));
    return said.ok() ? said.value().value_or("absent") : "malformed";
  };
  for (const std::string_view good : {"S-1-5-21-1004336348-1177238915-682003330-512", "S-1-0-0",
                                      "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15"})
    EXPECT_EQ(read(SidExtension(good)), good);
  for (const std::string_view bad :
       {"", "S-1-5", "s-1-5-1", "S-2-5-1", "S-1-5-", "S-1-5-01", "S-1-5-x", "S-1-5-1 ", "S-1-5-1\n",
        "S-1-5-12345678901", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"})
    EXPECT_EQ(read(SidExtension(bad)), "malformed") << bad;
  EXPECT_EQ(read(SidExtension("S-1-5-1", "1.3.6.1.4.1.311.25.2.2")), "malformed");
  EXPECT_EQ(read(SidExtension("S-1-5-1", "1.3.6.1.4.1.311.25.2.1", 0x0c)), "malformed");
  EXPECT_EQ(read("S-1-5-1"), "malformed");
}

// --- against openssl -----------------------------------------------------------------

std::string OutputOf(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  pclose(pipe);
  return text;
}

CertificatePtr Load(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  auto certificate = Certificate::FromPem(text.str());
  EXPECT_TRUE(certificate.ok()) << path;
  return certificate.ok() ? certificate.value() : nullptr;
}

// "3B:42" for "\x3b\x42".
std::string Colons(std::string_view octets) {
  std::string text;
  for (char c : octets) {
    if (!text.empty()) text += ':';
    text += HexUpper({&c, 1});
  }
  return text;
}

TEST(Extensions, OpensslReadsTheSame) {
  const std::string file = "test/src/crypto/data/kinds.pem";
  const auto certificate = Load(file);
  ASSERT_TRUE(certificate);
  const std::string shown = OutputOf("openssl x509 -noout -text -in " + file);
  ASSERT_NE(shown.find("X509v3 extensions"), std::string::npos) << "needs openssl";
  const auto says = [&](const std::string& text) {
    EXPECT_NE(shown.find(text), std::string::npos) << text << "\n" << shown;
  };
  EXPECT_EQ(PurposesOf(*certificate).value(),
            (Strings{"1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4", "1.2.3.9"}));
  says("TLS Web Client Authentication, E-mail Protection, 1.2.3.9");
  EXPECT_EQ(KeyUsagesOf(*certificate).value(), (Strings{"digitalSignature", "keyEncipherment"}));
  says("Digital Signature, Key Encipherment");
  EXPECT_EQ(PoliciesOf(*certificate).value(), (Strings{"2.5.29.32.0", "1.3.6.1.4.1.99999.1"}));
  says("Policy: X509v3 Any Policy");
  says("Policy: 1.3.6.1.4.1.99999.1");
  EXPECT_FALSE(BasicConstraintsOf(*certificate).value()->ca);
  says("CA:FALSE");
  says(Colons(*SubjectKeyIdOf(*certificate).value()));
  says(Colons(*AuthorityKeyIdOf(*certificate).value()));
  says(*SecurityIdOf(*certificate).value());
  EXPECT_EQ(certificate->key_algorithm(), "RSA");
  EXPECT_EQ(certificate->key_bits(), 2048u);
  says("Public-Key: (2048 bit)");
  // How the world makes a pin.
  EXPECT_EQ(EncodeBase64(Sha256(certificate->public_key_der())) + "\n",
            OutputOf("openssl x509 -noout -pubkey -in " + file +
                     " | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary"
                     " | openssl base64"));
}

TEST(Extensions, OpensslReadsTheSameOfAnAuthority) {
  const std::string file = "test/src/crypto/data/authority.pem";
  const auto certificate = Load(file);
  ASSERT_TRUE(certificate);
  const std::string shown = OutputOf("openssl x509 -noout -text -in " + file);
  const auto constraints = BasicConstraintsOf(*certificate).value();
  ASSERT_TRUE(constraints);
  EXPECT_TRUE(constraints->ca);
  EXPECT_EQ(constraints->path_length, 1u);
  EXPECT_NE(shown.find("CA:TRUE, pathlen:1"), std::string::npos) << shown;
  EXPECT_EQ(KeyUsagesOf(*certificate).value(), (Strings{"keyCertSign", "cRLSign"}));
  EXPECT_NE(shown.find("Certificate Sign, CRL Sign"), std::string::npos) << shown;
  EXPECT_EQ(certificate->key_algorithm(), "EC/ECDSA");
  EXPECT_EQ(certificate->key_bits(), 256u);
}

// The names that openssl has for the same identifiers.
TEST(Extensions, PurposesHaveTheNamesThatOpensslHas) {
  for (const std::string_view oid :
       {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4",
        "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.7.3.21",
        "1.3.6.1.5.5.7.3.22", "1.3.6.1.5.2.3.4", "1.3.6.1.4.1.311.20.2.2", "2.5.29.37.0"}) {
    const std::string der = make::Oid(oid);
    const std::string path = ::testing::TempDir() + "/signet-oid.der";
    std::ofstream(path, std::ios::binary) << der;
    // "…:OBJECT            :TLS Web Server Authentication" needs the short name asked for.
    const std::string name(NameOfPurpose(oid));
    ASSERT_NE(name, "") << oid;
    const std::string asked =
        OutputOf("openssl asn1parse -genstr OID:" + name + " -noout -out " + path +
                 ".2 2>/dev/null; openssl base64 -A -in " + path + ".2 2>/dev/null");
    EXPECT_EQ(asked, EncodeBase64(der)) << name;
    std::remove(path.c_str());
    std::remove((path + ".2").c_str());
  }
  EXPECT_EQ(NameOfPurpose("1.2.3"), "");
}

}  // namespace
}  // namespace signet::crypto
