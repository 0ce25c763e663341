#include "src/crypto/other_name.h"

#include <gtest/gtest.h>

#include "src/crypto/certificate.h"
#include "src/crypto/constraints.h"
#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

namespace make = signet::testing;
using namespace std::string_literals;  // NOLINT

// The text of an otherName with this element as its value, or "none".
std::string TextWith(std::string_view oid, std::string_view element) {
  const std::string name = make::OtherName(oid, element);
  const auto parsed = ParseOtherName(name);
  if (!parsed) return "malformed";
  const auto text = TextOf(*parsed);
  EXPECT_EQ(text.has_value() || parsed->oid == "1.2.3.5", IsValid(*parsed)) << oid;
  return text.value_or("none");
}

TEST(OtherName, IsReadByItsIdentifier) {
  const auto name = ParseOtherName(make::OtherName("1.2.3.4", make::Utf8("x")));
  ASSERT_TRUE(name);
  EXPECT_EQ(name->oid, "1.2.3.4");
  EXPECT_EQ(TextWith("1.2.3.4", make::Utf8("Zoë")), "Zoë");
  EXPECT_EQ(TextWith("1.2.3.4", make::Ia5("x")), "x");
  EXPECT_EQ(TextWith("1.2.3.5", make::Tlv(0x04, "octets")), "none") << "no text, and fine";
}

TEST(OtherName, RuleI6WhatIsMalformedIsNoName) {
  const std::string oid = make::Oid("1.2.3.4");
  for (const std::string& content :
       {oid, oid + make::Utf8("x"), oid + make::Tlv(0xa0, ""),
        oid + make::Tlv(0xa0, make::Utf8("x") + make::Utf8("y")),
        oid + make::Tlv(0xa0, make::Utf8("x")) + make::Utf8("y"), make::Tlv(0xa0, oid)})
    EXPECT_FALSE(ParseOtherName(make::Tlv(0xa0, content)));
  EXPECT_FALSE(ParseOtherName(make::MailName("a@b")));
  EXPECT_FALSE(ParseOtherName(make::OtherName("1.2.3", make::Utf8("x")) + "\x05\x00"s));
}

TEST(OtherName, RuleI6KnownKindsHaveTheirType) {
  for (const std::string_view oid : {kOidUpn, kOidXmpp}) {
    EXPECT_EQ(TextWith(oid, make::Utf8("a@b.test")), "a@b.test");
    for (const std::uint8_t tag : {0x04, 0x13, 0x14, 0x16, 0x1e})
      EXPECT_EQ(TextWith(oid, make::Tlv(tag, "ab")), "none");
    for (const std::string& octets : {""s, "\xff"s, "a\0b"s, "a\n"s, "\xc2\x85"s})
      EXPECT_EQ(TextWith(oid, make::Utf8(octets)), "none");
  }
  EXPECT_EQ(TextWith(kOidServiceName, make::Utf8("_smtp.one.test")), "none");
}

TEST(OtherName, RuleI5AMailboxOfRfc9598CannotBeAnotherSpellingOfAnOrdinaryOne) {
  const auto text = [](std::string_view mailbox) {
    return TextWith(kOidSmtpUtf8, make::Utf8(mailbox));
  };
  EXPECT_EQ(text("é@one.test"), "é@one.test");
  EXPECT_EQ(text("é@xn--bcher-kva.test"), "é@xn--bcher-kva.test");
  EXPECT_EQ(text("é@[192.0.2.1]"), "é@[192.0.2.1]");
  for (const std::string_view bad :
       {"ann@one.test", "é@bücher.test", "é", "@one.test", "é@", "é@.test", "é@one..test",
        "é@one.test.", "é@one test", "\xef\xbb\xbfé@one.test", "é@[]", "é@[x"})
    EXPECT_EQ(text(bad), "none") << bad;
}

TEST(OtherName, AServiceNameBeginsWithItsService) {
  const auto text = [](std::string_view name) {
    return TextWith(kOidServiceName, make::Ia5(name));
  };
  EXPECT_EQ(text("_smtp.one.test"), "_smtp.one.test");
  for (const std::string_view bad :
       {"smtp.one.test", "_.one.test", "_smtp", "_smtp.", "_smtp..x", "_s m.x", "_smtp.one test"})
    EXPECT_EQ(text(bad), "none") << bad;
}

CertificatePtr With(std::vector<std::string> names) {
  make::CertificateSpec spec;
  spec.alternative_names = std::move(names);
  auto made = Certificate::FromDer(
      make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).der);
  EXPECT_TRUE(made.ok());
  return made.ok() ? made.value() : nullptr;
}

TEST(OtherName, RuleI6WhatIsLeftOutIsShown) {
  const auto certificate = With(
      {make::OtherName(kOidUpn, make::Utf8("a\nb")), make::OtherName(kOidUpn, make::Utf8("a@b"))});
  ASSERT_TRUE(certificate);
  EXPECT_FALSE(certificate->alternative_names()[0].valid);
  EXPECT_TRUE(certificate->alternative_names()[1].valid);
  EXPECT_NE(certificate->SkippedNames().find("other name \""), std::string::npos);
}

// RFC 9598 6. Before there was a way to read these names nothing limited them.
TEST(OtherName, RuleI3MailConstraintsBindMailboxesOfRfc9598) {
  const auto allows = [](const std::string& subtrees, std::string_view mailbox) {
    const auto constraints = NameConstraints::Parse(subtrees);
    const auto certificate = With({make::OtherName(kOidSmtpUtf8, make::Utf8(mailbox))});
    return constraints && certificate && constraints->Allow(*certificate);
  };
  const std::string one = make::Sequence({make::MailName("one.test")});
  const std::string permitted = make::Sequence({make::Tlv(0xa0, one)});
  const std::string excluded = make::Sequence({make::Tlv(0xa1, one)});
  EXPECT_TRUE(allows(permitted, "é@one.test"));
  EXPECT_TRUE(allows(permitted, "é@ONE.test"));
  EXPECT_FALSE(allows(permitted, "é@two.test"));
  EXPECT_TRUE(allows(excluded, "é@two.test"));
  EXPECT_FALSE(allows(excluded, "é@one.test"));
  EXPECT_FALSE(allows(permitted, "ann@two.test")) << "not valid, and no way around";
  EXPECT_FALSE(allows(excluded, "é\n@two.test")) << "in doubt it is excluded";
}

}  // namespace
}  // namespace signet::crypto
