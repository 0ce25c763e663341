#include "src/crypto/describe.h"

#include <gtest/gtest.h>

#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

namespace make = signet::testing;
using namespace std::string_literals;  // NOLINT: octets with NUL among them

CertificatePtr Made(const make::CertificateSpec& spec) {
  auto read = Certificate::FromDer(
      make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).der);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error());
  return read.ok() ? read.value() : nullptr;
}

std::vector<std::string> Constraints(const make::CertificateSpec& spec) {
  const auto said = NameConstraintsOf(*Made(spec));
  if (!said) return {said.error()};
  return said.value().value_or(std::vector<std::string>{"none"});
}

TEST(Describe, NameConstraintsAreInWords) {
  make::CertificateSpec spec;
  EXPECT_EQ(Constraints(spec), std::vector<std::string>{"none"});
  spec.permitted = {make::MailName("example.org"), make::DnsName(""),
                    make::IpName("\x0a\x01\0\0\xff\xff\0\0"s),
                    make::IpName("\x20\x01\x0d\xb8"s + std::string(12, '\0') + "\xff\xff\xff\xff"s +
                                 std::string(12, '\0')),
                    make::DirectoryName(make::CommonName("x"))};
  spec.excluded = {make::UriName(".example.net"), make::IpName("\x0a\0\0\x01\xff\0\0\xff"s),
                   make::RegisteredId("1.2.3"), make::OtherName("1.2.3.4", make::Utf8("x"))};
  EXPECT_EQ(Constraints(spec),
            (std::vector<std::string>{
                "permitted mail example.org", "permitted dns (all)", "permitted ip 10.1.0.0/16",
                "permitted ip 2001:db8::/32", "permitted dirname CN=x", "excluded uri .example.net",
                "excluded ip 10.0.0.1/255.0.0.255", "excluded rid 1.2.3 (not evaluated)",
                "excluded othername 1.2.3.4 (not evaluated)"}));
}

TEST(Describe, MalformedNameConstraintsAreAnError) {
  make::CertificateSpec spec;
  spec.extra = {{"2.5.29.30", false, "\x30\x01\x00"s}};
  EXPECT_EQ(Constraints(spec),
            std::vector<std::string>{"malformed name constraints in the certificate"});
}

TEST(Describe, KindsOfNamesAreThoseOfTheLanguage) {
  make::CertificateSpec spec;
  spec.alternative_names = {make::MailName("a@b"),
                            make::DnsName("b"),
                            make::UriName("http://b"),
                            make::IpName("\x01\x02\x03\x04"s),
                            make::DirectoryName(make::CommonName("x")),
                            make::RegisteredId("1.2.3"),
                            make::OtherName("1.3.6.1.4.1.311.20.2.3", make::Utf8("u@p")),
                            make::OtherName("1.3.6.1.5.5.7.8.9", make::Utf8("ü@b")),
                            make::OtherName("1.3.6.1.5.5.7.8.7", make::Ia5("_imap.b")),
                            make::OtherName("1.3.6.1.5.5.7.8.5", make::Utf8("x@b")),
                            make::OtherName("1.2.3.4", make::Utf8("other"))};
  const CertificatePtr certificate = Made(spec);
  std::string kinds;
  for (const SanName& name : certificate->alternative_names()) kinds += KindOfName(name) + " ";
  EXPECT_EQ(kinds, "mail dns uri ip dirname rid upn smtputf8 srv xmpp othername=1.2.3.4 ");
}

TEST(Describe, RuleI6WhatIsLeftOutHasItsReason) {
  make::CertificateSpec spec;
  spec.subject = make::Name({{"2.5.4.3", make::Utf8("bad\n")}, {"2.5.4.10", make::Utf8("good")}});
  spec.alternative_names = {make::MailName("nul\0@b"s), make::DnsName("\xff"),
                            make::MailName("good@b")};
  std::string told;
  for (const LeftOut& one : LeftOutOf(*Made(spec))) told += one.kind + ": " + one.why + "\n";
  EXPECT_EQ(told,
            "CN: has control characters\n"
            "mail: has control characters\n"
            "dns: not ASCII, which such names have to be\n");
}

}  // namespace
}  // namespace signet::crypto
