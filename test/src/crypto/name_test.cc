#include "src/crypto/name.h"

#include <gtest/gtest.h>

#include <random>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/der.h"
#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

using namespace signet::testing;            // NOLINT: the maker's vocabulary
using namespace std::string_literals;       // NOLINT
using namespace std::string_view_literals;  // NOLINT

constexpr std::string_view kCn = "2.5.4.3";

// The one attribute of a name that holds `value` as its CN.
NameAttribute Only(std::uint8_t tag, std::string_view octets) {
  const auto name = ParseName(Name({{std::string(kCn), Tlv(tag, octets)}}));
  EXPECT_TRUE(name && name->attributes.size() == 1);
  return name && !name->attributes.empty() ? name->attributes[0] : NameAttribute{};
}

// What is decoded, or "invalid".
std::string Decoded(std::uint8_t tag, std::string_view octets) {
  const NameAttribute attribute = Only(tag, octets);
  return attribute.valid ? attribute.value : "invalid";
}

TEST(Name, RuleI6Utf8IsTakenAsItIs) {
  EXPECT_EQ(Decoded(der::kUtf8String, "Müller 🙂"), "Müller 🙂");
  EXPECT_EQ(Decoded(der::kUtf8String, ""), "");
  EXPECT_EQ(Decoded(der::kUtf8String, "\xc3"), "invalid");
  EXPECT_EQ(Decoded(der::kUtf8String, "\xc0\xaf"), "invalid");          // overlong
  EXPECT_EQ(Decoded(der::kUtf8String, "\xed\xa0\x80"), "invalid");      // a surrogate
  EXPECT_EQ(Decoded(der::kUtf8String, "\xf4\x90\x80\x80"), "invalid");  // beyond Unicode
}

TEST(Name, RuleI6PrintableStringHasItsAlphabet) {
  EXPECT_EQ(Decoded(der::kPrintableString, "A z9'()+,-./:=?"), "A z9'()+,-./:=?");
  for (const char* text : {"a@b", "a*", "a&b", "a_b", "M\xc3\xbcller", "a<b"})
    EXPECT_EQ(Decoded(der::kPrintableString, text), "invalid") << text;
}

TEST(Name, RuleI6Ia5IsSevenBits) {
  EXPECT_EQ(Decoded(der::kIa5String, "ann@one.test"), "ann@one.test");
  EXPECT_EQ(Decoded(der::kIa5String, "\x80"), "invalid");
  EXPECT_EQ(Decoded(der::kIa5String, "ann@\xc3\xbc.test"), "invalid");
}

TEST(Name, RuleI6TeletexIsReadWhereItIsAscii) {
  EXPECT_EQ(Decoded(der::kTeletexString, "plain"), "plain");
  EXPECT_EQ(Decoded(der::kTeletexString, "M\xfcller"), "invalid");
}

TEST(Name, RuleI6BmpIsConvertedStrictly) {
  EXPECT_EQ(Decoded(der::kBmpString, "\0A\0\xfc\x20\xac"sv), "Aü€");
  EXPECT_EQ(Decoded(der::kBmpString, "\0A\0"sv), "invalid");             // half a character
  EXPECT_EQ(Decoded(der::kBmpString, "\xd8\x3d\xde\x42"sv), "invalid");  // surrogates
  EXPECT_EQ(Decoded(der::kBmpString, "\0A\0\0"sv), "invalid");
}

TEST(Name, RuleI6UniversalIsConvertedStrictly) {
  EXPECT_EQ(Decoded(der::kUniversalString, "\0\0\0A\0\1\xf6\x42"sv), "A🙂");
  EXPECT_EQ(Decoded(der::kUniversalString, "\0\0\0"sv), "invalid");
  EXPECT_EQ(Decoded(der::kUniversalString, "\0\x11\0\0"sv), "invalid");
  EXPECT_EQ(Decoded(der::kUniversalString, "\0\0\xd8\0"sv), "invalid");
}

TEST(Name, RuleI6OtherTypesAreNoText) {
  for (const std::uint8_t tag : {der::kInteger, der::kOctetString, der::kBitString, der::kUtcTime})
    EXPECT_EQ(Decoded(tag, "text"), "invalid");
  EXPECT_EQ(Decoded(der::Context(12), "text"), "invalid") << "another class of tag";
}

TEST(Name, RuleI6ControlCharactersAnywhereMakeAValueInvalid) {
  for (const std::string_view control :
       {"\0"sv, "\n"sv, "\r"sv, "\t"sv, "\x1b"sv, "\x7f"sv, "\xc2\x85"sv}) {
    for (const char* frame : {"%ab", "a%b", "ab%"}) {
      std::string text = frame;
      text.replace(text.find('%'), 1, control);
      EXPECT_EQ(Decoded(der::kUtf8String, text), "invalid");
      if (control.size() == 1) {
        EXPECT_EQ(Decoded(der::kIa5String, text), "invalid");
      }
    }
  }
  EXPECT_EQ(Decoded(der::kUtf8String,
                    "a\xc2\xa0"
                    "b"),
            "a\xc2\xa0"
            "b")
      << "a blank is none";
}

TEST(Name, RuleI6WhatIsInvalidIsKeptForTheLogOnly) {
  const NameAttribute attribute = Only(der::kUtf8String, "a\0b"sv);
  EXPECT_FALSE(attribute.valid);
  EXPECT_EQ(attribute.value, "a\0b"sv);
}

TEST(Name, RuleI9ValuesAreNotNormalisedFoldedOrTrimmed) {
  for (const char* text :
       {"é", "e\u0301", "İstanbul", "ﬁsh", "ADMIN", " admin ", "a\u200bdmin", "аdmin"})
    EXPECT_EQ(Decoded(der::kUtf8String, text), text);
}

TEST(Name, RuleI8MultiValuedRdnsGiveAllTheirValues) {
  const std::string der = Name({{"2.5.4.10", Utf8("Org")},
                                {"2.5.4.3", Utf8("Bob")},
                                {"0.9.2342.19200300.100.1.1", Utf8("bob1"), true}});
  const auto name = ParseName(der);
  ASSERT_TRUE(name);
  ASSERT_EQ(name->attributes.size(), 3u);
  EXPECT_EQ(name->attributes[0].label, "O");
  EXPECT_EQ(name->attributes[2].label, "UID");
  EXPECT_EQ(name->attributes[2].value, "bob1");
  EXPECT_NE(name->attributes[0].rdn, name->attributes[1].rdn);
  EXPECT_EQ(name->attributes[1].rdn, name->attributes[2].rdn);
  EXPECT_EQ(PrintName(der), "O=Org,CN=Bob+UID=bob1");
}

TEST(Name, RuleI8ValuesWithDnSyntaxStayOneValue) {
  for (const std::string& text :
       {"x,CN=admin"s, "x+UID=admin"s, "\\"s, "\",CN=a"s, "#0c01"s, " x "s, "a;b<c>d=e"s}) {
    const auto name = ParseName(Name({{"2.5.4.3", Utf8(text)}}));
    ASSERT_TRUE(name);
    ASSERT_EQ(name->attributes.size(), 1u) << text;
    EXPECT_EQ(name->attributes[0].value, text);
  }
}

TEST(Name, UnknownAttributesHaveTheirOidForALabel) {
  const std::string der = Name({{"1.2.3.4", Utf8("hi")}});
  const auto name = ParseName(der);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->attributes[0].label, "1.2.3.4");
  EXPECT_EQ(name->attributes[0].value, "hi");
  EXPECT_EQ(PrintName(der), "1.2.3.4=#0c026869");
}

TEST(Name, RuleI18SixtyFourAttributesAreReadAndSixtyFiveAreNot) {
  std::vector<Attribute> attributes(limits::kSubjectMaxAttributes, {"2.5.4.11", Utf8("x")});
  auto name = ParseName(Name(attributes));
  ASSERT_TRUE(name);
  EXPECT_FALSE(name->over_limit);
  EXPECT_EQ(name->attributes.size(), limits::kSubjectMaxAttributes);
  attributes.push_back({"2.5.4.3", Utf8("y")});
  name = ParseName(Name(attributes));
  ASSERT_TRUE(name);
  EXPECT_TRUE(name->over_limit);
  EXPECT_TRUE(name->attributes.empty()) << "never evaluated in part";
}

TEST(Name, MalformedNamesAreNone) {
  EXPECT_FALSE(ParseName(""));
  EXPECT_FALSE(ParseName("x"));
  EXPECT_FALSE(ParseName(Tlv(0x30, Tlv(0x31, ""))));                          // an empty RDN
  EXPECT_FALSE(ParseName(Tlv(0x30, Tlv(0x30, Sequence({Oid("2.5.4.3")})))));  // no set
  EXPECT_FALSE(ParseName(Tlv(0x30, Tlv(0x31, Sequence({Oid("2.5.4.3")})))));  // no value
  EXPECT_FALSE(ParseName(CommonName("x") + "y"));
  const std::string extra = Sequence({Oid("2.5.4.3"), Utf8("a"), Utf8("b")});
  EXPECT_FALSE(ParseName(Tlv(0x30, Tlv(0x31, extra))));
}

TEST(Name, AnEmptyNameHasNoAttributes) {
  const auto name = ParseName(Name({}));
  ASSERT_TRUE(name);
  EXPECT_TRUE(name->attributes.empty());
  EXPECT_EQ(PrintName(Name({})), "");
}

// Our own printing against the library's, over values that are made of what matters to it.
TEST(Name, ValuesPrintAsTheLibraryPrintsThem) {
  constexpr std::string_view kOids[] = {"2.5.4.3", "2.5.4.10", "2.5.4.42", "1.2.3.4.5"};
  constexpr std::string_view kOctets = ",+\"\\<>;# =a\xc3\xbcz'/";
  std::mt19937 random(4514);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Attribute> attributes;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      std::string value;
      for (std::size_t size = 1 + random() % 5; size > 0; --size) {
        const char c = kOctets[random() % kOctets.size()];
        if (static_cast<unsigned char>(c) < 0x80)
          value += c;
        else
          value += "\xc3\xbc";
      }
      attributes.push_back({std::string(kOids[random() % 4]), Utf8(value), random() % 3 == 0});
    }
    attributes[0].same_rdn = false;
    const std::string der = Name(attributes);
    const auto name = ParseName(der);
    ASSERT_TRUE(name);
    EXPECT_EQ(PrintAttributes(name->attributes), PrintName(der));
  }
}

TEST(Name, AListOfValuesNeedsNoEscapedCommas) {
  const std::string der = Name({{"2.5.4.10", Utf8("Acme, \\, <Inc>")}});
  const auto name = ParseName(der);
  ASSERT_TRUE(name);
  EXPECT_EQ(PrintValue(name->attributes[0], Commas::kEscaped), "Acme\\, \\\\\\, \\<Inc\\>");
  EXPECT_EQ(PrintValue(name->attributes[0], Commas::kBare), "Acme, \\\\, \\<Inc\\>");
}

}  // namespace
}  // namespace signet::crypto
