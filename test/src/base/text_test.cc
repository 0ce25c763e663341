#include "src/base/text.h"

#include <gtest/gtest.h>

namespace signet {
namespace {

using Items = std::vector<std::string>;

TEST(Text, CaseFoldsAsciiOnly) {
  EXPECT_EQ(Lower("ÄBC"), "Äbc");
  EXPECT_EQ(Upper("äbc"), "äBC");
  EXPECT_TRUE(EqualsIgnoreCase("MAIL", "mail"));
  EXPECT_FALSE(EqualsIgnoreCase("K", "\xe2\x84\xaa"));  // KELVIN SIGN is not k (rule I9)
}

TEST(Text, Utf8RefusesOverlongSurrogateAndBeyond) {
  EXPECT_TRUE(IsValidUtf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* bad :
       {"\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xc3", "\xff"})
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
}

TEST(Text, AdministratorListsFollowTheirSeparator) {
  EXPECT_EQ(SplitAdministratorList("587 : 465"), (Items{"587", "465"}));
  EXPECT_EQ(SplitAdministratorList("<; ::1 ; 127.0.0.1"), (Items{"::1", "127.0.0.1"}));
  EXPECT_EQ(SplitAdministratorList("h::1389:k"), (Items{"h:1389", "k"}));
  EXPECT_EQ(SplitAdministratorList("a::"), (Items{"a:"}));
  EXPECT_EQ(SplitAdministratorList(" : "), (Items{""}));
  EXPECT_EQ(SplitAdministratorList(""), Items{});
  EXPECT_EQ(SplitAdministratorList("a:"), (Items{"a"}));
}

}  // namespace
}  // namespace signet
