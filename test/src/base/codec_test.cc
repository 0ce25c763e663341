#include "src/base/codec.h"

#include <gtest/gtest.h>

namespace signet {
namespace {

TEST(Codec, Base64HasOneTextPerOctetString) {
  for (std::string octets : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(DecodeBase64(EncodeBase64(octets)), octets);
  EXPECT_EQ(EncodeBase64("foob"), "Zm9vYg==");
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zg==Zg=="})
    EXPECT_EQ(DecodeBase64(bad), std::nullopt) << bad;
}

TEST(Codec, XtextRoundTripsAllOctets) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(DecodeXtext(EncodeXtext(all)), all);
  EXPECT_EQ(EncodeXtext("a+b=c d"), "a+2Bb+3Dc+20d");
  for (const char* bad : {"a b", "a=b", "a+", "a+4", "a+zz"})
    EXPECT_EQ(DecodeXtext(bad), std::nullopt);
}

TEST(Codec, LdapFilterQuotingEscapesForFilterThenUrl) {
  EXPECT_EQ(QuoteLdapFilter("(cn=Ann*) \\ M\xfc, \"x\"<y>;#=/?+&%@:!$'-._~"),
            "%5C28cn%3DAnn%5C2A%5C29%20%5C5C%20M%FC%2C%20%22x%22%3Cy%3E%3B%23%3D%2F%3F+%26%25%40%"
            "3A!$'-._%7E");
  EXPECT_EQ(QuoteLdapFilter(std::string_view("\0", 1)), "%5C00");
}

TEST(Codec, LdapDnQuotingProtectsTheEnds) {
  EXPECT_EQ(QuoteLdapDn("#(cn=Ann*) \\ \"x\"<y>;#=+,! "),
            "%5C%23(cn%3DAnn*)%20%5C%5C%20%5C%22x%5C%22%5C%3Cy%5C%3E%5C%3B%23%3D%5C+%5C%2C!%5C%20");
  EXPECT_EQ(QuoteLdapDn(" # a"), "%5C%20%5C%23%5C%20a");
  EXPECT_EQ(QuoteLdapDn("  "), "%5C%20%5C%20");
  EXPECT_EQ(QuoteLdapDn(""), "");
  EXPECT_EQ(QuoteLdapDn("alice@test.ex"), "alice%40test.ex");
}

}  // namespace
}  // namespace signet
