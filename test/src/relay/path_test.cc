#include "src/relay/path.h"

#include <gtest/gtest.h>

namespace signet::relay {
namespace {

TEST(EncodePathTest, WritesAddressesFromTheirParts) {
  EXPECT_EQ(EncodePath("alice", "example.org"), "<alice@example.org>");
  EXPECT_EQ(EncodePath("a.b+c", "example.org"), "<a.b+c@example.org>");
  EXPECT_EQ(EncodePath("postmaster", ""), "<postmaster>");
  EXPECT_EQ(EncodePath("a", "[192.0.2.1]"), "<a@[192.0.2.1]>");
  EXPECT_EQ(EncodePath("a", "[IPv6:2001:db8::1]"), "<a@[IPv6:2001:db8::1]>");
  EXPECT_EQ(EncodePath("", ""), "<>");
}

TEST(EncodePathTest, QuotesLocalPartsThatNeedIt) {
  EXPECT_EQ(EncodePath("a b", "x"), "<\"a b\"@x>");
  EXPECT_EQ(EncodePath("a\"b\\c", "x"), "<\"a\\\"b\\\\c\"@x>");
  EXPECT_EQ(EncodePath("a..b", "x"), "<\"a..b\"@x>");
  EXPECT_EQ(EncodePath(".a", "x"), "<\".a\"@x>");
  EXPECT_EQ(EncodePath("a@b> SIZE=1", "x"), "<\"a@b> SIZE=1\"@x>");
}

TEST(EncodePathTest, RuleU2RefusesWhatCannotStandInACommand) {
  for (const char* local : {"a\r\nDATA", "a\nb", "a\tb", "a\x7f", "a\xc3\xa4"})
    EXPECT_EQ(EncodePath(local, "x"), std::nullopt) << local;
  EXPECT_EQ(EncodePath(std::string("a\0b", 3), "x"), std::nullopt);
  for (const char* domain : {"x y", "x>", "x\r\nDATA", "x[1]", "x:1", "[]", "x\xc3\xa4"})
    EXPECT_EQ(EncodePath("a", domain), std::nullopt) << domain;
  EXPECT_EQ(EncodePath("", "x"), std::nullopt);
}

TEST(EncodePathTest, RuleU2BoundsTheLength) {
  EXPECT_TRUE(EncodePath(std::string(kPathBytes - 4, 'a'), "x").has_value());
  EXPECT_FALSE(EncodePath(std::string(kPathBytes - 3, 'a'), "x").has_value());
}

}  // namespace
}  // namespace signet::relay
