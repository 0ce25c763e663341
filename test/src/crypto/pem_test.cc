#include "src/crypto/pem.h"

#include <gtest/gtest.h>

#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

namespace make = signet::testing;

std::string Mistake(std::string_view text) {
  const auto read = ReadCertificates(text);
  return read ? "none" : read.error().Text("file");
}

TEST(Pem, CertificatesHaveTheLinesTheirBlocksBeginOn) {
  const make::Issued root = make::MakeRoot(), leaf = make::MakeIntermediate(root);
  const std::string text = "subject=somebody\n\n" + leaf.Pem() + "issued by\r\n" + root.Pem();
  const auto read = ReadCertificates(text);
  ASSERT_TRUE(read.ok()) << Mistake(text);
  ASSERT_EQ(read.value().size(), 2u);
  EXPECT_EQ(read.value()[0].line, 3u);
  EXPECT_EQ(read.value()[0].certificate->der(), leaf.der);
  EXPECT_GT(read.value()[1].line, 4u);
  EXPECT_EQ(read.value()[1].certificate->der(), root.der);
}

TEST(Pem, LinesMayEndAsOnOtherSystems) {
  std::string text;
  for (const char c : make::MakeRoot().Pem()) text += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(Mistake(text), "none");
}

TEST(Pem, DerIsOneCertificate) {
  const make::Issued root = make::MakeRoot();
  const auto read = ReadCertificates(root.der);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value()[0].line, 0u);
  EXPECT_NE(Mistake(root.der + root.der), "none") << "strict, nothing behind it";
}

TEST(Pem, RuleC7OfAKeyOnlyTheLabelIsTold) {
  const std::string key = make::SharedKey(make::KeyType::kEcdsaP256).Pem();
  const std::string told = Mistake("\n\n" + key);
  EXPECT_TRUE(told.starts_with("file:3: a private key (\"PRIVATE KEY\"), which is not shown"))
      << told;
  const std::string octets = key.substr(key.find('\n') + 1, 20);
  EXPECT_EQ(told.find(octets), std::string::npos);
  for (const char* label :
       {"RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"})
    EXPECT_NE(Mistake(make::PemBlock(label, "secret")).find("a private key"), std::string::npos)
        << label;
}

TEST(Pem, MistakesHaveTheirPlaceAndReason) {
  const std::string good = make::MakeRoot().Pem();
  const std::size_t end = good.find("-----END");
  const struct {
    std::string text;
    const char* mistake;
  } kCases[] = {
      {"", "file: no certificate in it"},
      {"words\n", "file: no certificate in it"},
      {good.substr(0, end), "file:1: the block that begins here has no end"},
      {good.substr(0, end) + good, "file:1: the block that begins here has no end"},
      {good.substr(end), "file:1: an end of a block that has not begun"},
      {"-----BEGIN CERTIFICATE-----\nMII=x\n-----END CERTIFICATE-----\n",
       "file:1: the block that begins here is not whole base64"},
      {"-----BEGIN CERTIFICATE-----\nM I\n-----END CERTIFICATE-----\n", "file:2: not base64"},
      {"-----BEGIN CERTIFICATE----\n", "file:1: a line of dashes"},
      {make::PemBlock("PUBLIC KEY", "x"), "file:1: \"PUBLIC KEY\" found where a certificate"},
      {make::PemBlock("TRUSTED CERTIFICATE", "x"), "file:1: a certificate with OpenSSL's own"},
      {good + "-----BEGIN X509 CRL-----\n", ": \"X509 CRL\" found"},
  };
  for (const auto& one : kCases)
    EXPECT_NE(Mistake(one.text).find(one.mistake), std::string::npos)
        << one.mistake << "\nis not in\n"
        << Mistake(one.text);
}

}  // namespace
}  // namespace signet::crypto
