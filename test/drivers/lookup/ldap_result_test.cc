#include "drivers/lookup/ldap_result.h"

#include <gtest/gtest.h>

namespace signet::ldap {
namespace {

const std::vector<Entry> kAnn = {
    {"uid=ann",
     {{"cn", {"Ann, M", "Ann \"Q\" B\\S"}}, {"mail", {"ann@one.test", "a,n@two.test"}}}}};

TEST(LdapResult, OneAttributeGivesItsValuesWithCommasDoubled) {
  EXPECT_EQ(FormatEntries({{"x", {{"mail", {"a", "b,c"}}}}}, Form::kOne, 1), "a,b,,c");
  EXPECT_EQ(FormatEntries({{"x", {{"d", {"a\n\"\\"}}}}}, Form::kOne, 1), "a\n\"\\");
}

TEST(LdapResult, AStarIsOneAttributeAndAllValuesAreOneList) {
  EXPECT_EQ(FormatEntries({{"x", {{"a", {"1"}}, {"b", {"2", "3"}}}}}, Form::kOne, 1), "1,2,3");
}

TEST(LdapResult, SeveralOrNoneGivePairsInTheServersOrder) {
  EXPECT_EQ(FormatEntries(kAnn, Form::kOne, 2),
            "cn=\"Ann,, M,Ann \\\"Q\\\" B\\\\S\" mail=\"ann@one.test,a,,n@two.test\"");
  EXPECT_EQ(FormatEntries(kAnn, Form::kOne, 0), FormatEntries(kAnn, Form::kOne, 2));
  EXPECT_EQ(FormatEntries({{"x", {{"a", {"l\nm"}}, {"b", {}}, {"c", {""}}}}}, Form::kOne, 3),
            "a=\"l\\nm\" c=\"\"");
}

TEST(LdapResult, ValuesThatAreNoTextAreInBase64) {
  const std::vector<Entry> entries = {
      {"x", {{"userCertificate;binary", {"", "0", "0,", std::string("0,\0", 3), "0,\xff\xfe"}}}}};
  EXPECT_EQ(FormatEntries(entries, Form::kOne, 1), ",MA==,MCw=,MCwA,MCz//g==");
  EXPECT_EQ(FormatEntries({{"x", {{"c;x-a;BINARY", {"0,"}}}}}, Form::kOne, 0),
            "c;x-a;BINARY=\"MCw=\"");
  EXPECT_EQ(FormatEntries({{"x", {{"c;binary-x", {"a,"}}, {"binary", {"b"}}}}}, Form::kOne, 1),
            "a,,,b");
}

TEST(LdapResult, EntriesAreLines) {
  const std::vector<Entry> entries = {{"x", {{"a", {"1"}}}}, {"y", {}}, {"z", {{"a", {"2"}}}}};
  EXPECT_EQ(FormatEntries(entries, Form::kMany, 1), "1\n\n2");
  EXPECT_EQ(FormatEntries(entries, Form::kMany, 2), "a=\"1\"\n\na=\"2\"");
}

TEST(LdapResult, DnIsTheNameAsItIs) {
  EXPECT_EQ(FormatEntries({{"cn=O\\2C K,o=x", {}}}, Form::kDn, 1), "cn=O\\2C K,o=x");
}

TEST(LdapResult, AnEmptyValueIsAValue) {
  EXPECT_TRUE(HasValues({{"x", {{"a", {""}}}}}));
  EXPECT_FALSE(HasValues({{"x", {{"a", {}}}}}));
  EXPECT_FALSE(HasValues({{"x", {}}, {"y", {}}}));
}

}  // namespace
}  // namespace signet::ldap
