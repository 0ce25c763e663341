#include "src/crypto/der.h"

#include <gtest/gtest.h>

namespace signet::crypto::der {
namespace {

using namespace std::string_view_literals;  // NOLINT

TEST(Reader, TakesElementsInOrder) {
  Reader reader("\x02\x01\x05\x0c\x02hi"sv);
  const auto number = reader.Expect(kInteger);
  ASSERT_TRUE(number);
  EXPECT_EQ(number->content, "\x05");
  EXPECT_FALSE(reader.Optional(kInteger));
  const auto text = reader.Next();
  ASSERT_TRUE(text);
  EXPECT_EQ(text->whole, "\x0c\x02hi");
  EXPECT_TRUE(reader.done());
  EXPECT_FALSE(reader.Next());
  EXPECT_FALSE(reader.failed());
}

TEST(Reader, RefusesWhatIsNotDer) {
  for (const std::string_view text :
       {"\x30"sv, "\x30\x80\x00\x00"sv, "\x30\x81\x05hello"sv, "\x30\x82\x00\x80"sv, "\x30\x05hi"sv,
        "\x1f\x81\x01\x00"sv, "\x30\x85\x01\x00\x00\x00\x00"sv, "\x30\x84\xff\xff\xff\xff"sv}) {
    Reader reader(text);
    EXPECT_FALSE(reader.Next());
    EXPECT_TRUE(reader.failed());
    EXPECT_FALSE(reader.done());
  }
}

TEST(Reader, AnotherTagThanExpectedFails) {
  Reader reader("\x02\x01\x05\x02\x01\x05"sv);
  EXPECT_FALSE(reader.Expect(kOid));
  EXPECT_TRUE(reader.failed());
  EXPECT_FALSE(reader.Next()) << "nothing comes after a failure";
}

TEST(Only, WantsExactlyOneElement) {
  EXPECT_TRUE(Only("\x02\x01\x05"sv, kInteger));
  EXPECT_FALSE(Only("\x02\x01\x05\x00"sv, kInteger));
  EXPECT_FALSE(Only(""sv, kInteger));
}

TEST(Oid, IsDottedText) {
  EXPECT_EQ(OidText("\x55\x04\x03"sv), "2.5.4.3");
  EXPECT_EQ(OidText("\x00"sv), "0.0");
  EXPECT_EQ(OidText("\x4f"sv), "1.39");
  EXPECT_EQ(OidText("\x88\x37"sv), "2.999");
  EXPECT_EQ(OidText("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"sv), "1.2.840.113549.1.9.1");
}

TEST(Oid, ArcsOf128BitsAreReadAndLargerOnesAreNot) {
  // 2.25.(2^128 - 1), the largest that a UUID makes
  std::string content = "\x69\x83";
  content += std::string(17, '\xff') + '\x7f';
  EXPECT_EQ(OidText(content), "2.25.340282366920938463463374607431768211455");
  content[1] = '\x84';
  EXPECT_FALSE(OidText(content));
}

TEST(Oid, RefusesWhatIsNotMinimalOrNotWhole) {
  EXPECT_FALSE(OidText(""));
  EXPECT_FALSE(OidText("\x55\x80\x03"sv));
  EXPECT_FALSE(OidText("\x55\x84"sv));
}

TEST(Integers, AreSmallAndMinimal) {
  EXPECT_EQ(SmallInteger("\x00"sv), 0u);
  EXPECT_EQ(SmallInteger("\x00\x80"sv), 128u);
  EXPECT_EQ(SmallInteger("\x7f\xff\xff\xff"sv), 0x7fffffffu);
  EXPECT_FALSE(SmallInteger("\x80"sv)) << "negative";
  EXPECT_FALSE(SmallInteger("\x00\x05"sv));
  EXPECT_FALSE(SmallInteger("\x01\x00\x00\x00\x00"sv));
  EXPECT_FALSE(SmallInteger(""));
}

TEST(Bits, AreNumberedFromTheFirst) {
  EXPECT_EQ(NamedBits("\x07\x80"sv), 1u);
  EXPECT_EQ(NamedBits("\x01\x06"sv), (1u << 5) | (1u << 6));
  EXPECT_EQ(NamedBits("\x07\x00\x80"sv), 1u << 8);
  EXPECT_EQ(NamedBits("\x00"sv), 0u);
  EXPECT_FALSE(NamedBits(""));
  EXPECT_FALSE(NamedBits("\x08\x80"sv));
  EXPECT_FALSE(NamedBits("\x01"sv));
}

TEST(Booleans, AreAllOnesOrAllZeros) {
  EXPECT_EQ(Boolean("\xff"sv), true);
  EXPECT_EQ(Boolean("\x00"sv), false);
  EXPECT_FALSE(Boolean("\x01"sv));
  EXPECT_FALSE(Boolean(""));
}

std::optional<std::int64_t> Utc(std::string_view text) { return Time({kUtcTime, text, {}}); }
std::optional<std::int64_t> General(std::string_view text) {
  return Time({kGeneralizedTime, text, {}});
}

TEST(Times, AreSecondsSinceTheEpoch) {
  EXPECT_EQ(Utc("700101000000Z"), 0);
  EXPECT_EQ(Utc("240305010203Z"), 1709600523);
  EXPECT_EQ(Utc("491231235959Z"), 2524607999);
  EXPECT_EQ(Utc("500101000000Z"), -631152000) << "the century turns at 50";
  EXPECT_EQ(General("99991231235959Z"), 253402300799);
  EXPECT_EQ(General("20240229000000Z"), 1709164800);
}

TEST(Times, RefuseWhatIsNoTime) {
  for (const char* text :
       {"", "240305010203", "2403050102Z", "240305010203+0100", "241305010203Z", "240230010203Z",
        "240305240203Z", "240305016003Z", "240305010260Z", "2403050102 3Z", "240005010203Z"})
    EXPECT_FALSE(Utc(text)) << text;
  EXPECT_FALSE(General("240305010203Z"));
  EXPECT_FALSE(General("20230229000000Z"));
  EXPECT_FALSE(General("20240305010203.5Z"));
  EXPECT_FALSE(Time({kUtf8String, "240305010203Z", {}}));
}

}  // namespace
}  // namespace signet::crypto::der
