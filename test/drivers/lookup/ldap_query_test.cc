#include "drivers/lookup/ldap_query.h"

#include <gtest/gtest.h>

namespace signet::ldap {
namespace {

std::string ErrorOf(std::string_view text) {
  Query query;
  return ParseQuery(text, &query);
}

// What a query means, on one line.
std::string Show(std::string_view text) {
  Query query;
  if (std::string why = ParseQuery(text, &query); !why.empty()) return "error " + why;
  std::string shown =
      query.scheme + " " + (query.server ? query.server->Name() : "-") + " [" + query.base + "] ";
  for (const std::string& attribute : query.attributes) shown += "(" + attribute + ")";
  shown += query.scope == Scope::kBase ? " base" : query.scope == Scope::kOne ? " one" : " sub";
  return shown + " [" + query.filter + "]";
}

TEST(LdapQuery, UrlsAreTakenApart) {
  EXPECT_EQ(Show("ldap:///dc=x?mail"), "ldap - [dc=x] (mail) base []");
  EXPECT_EQ(Show("  LDAP://h:1389/dc=x?a,b?sub?(cn=*)  "),
            "ldap h:1389 [dc=x] (a)(b) sub [(cn=*)]");
  EXPECT_EQ(Show("ldaps://[2001:db8::1]:636/"), "ldaps [2001:db8::1]:636 []  base []");
  EXPECT_EQ(Show("ldap://[::1]/"), "ldap [::1] []  base []");
  EXPECT_EQ(Show("ldapi://%2Frun%2Fldapi/dc=x??one"), "ldapi /run/ldapi [dc=x]  one []");
  EXPECT_EQ(Show("ldap://%2Frun%2Fldapi/dc=x"), "ldap /run/ldapi [dc=x]  base []");
  EXPECT_EQ(Show("ldap://h"), "ldap h []  base []");
  EXPECT_EQ(Show("ldap://h/"), "ldap h []  base []");
  EXPECT_EQ(Show("ldap:///dc=x?*?SUB"), "ldap - [dc=x] (*) sub []");
  EXPECT_EQ(Show("ldap:///dc=x????ext=1"), "ldap - [dc=x]  base []");
}

TEST(LdapQuery, PartsArePercentDecodedAfterTheyAreSplit) {
  EXPECT_EQ(Show("ldap:///cn=a%3Fb%2Cc?at%2Ctr?\?(cn=%3F%25)"),
            "ldap - [cn=a?b,c] (at,tr) base [(cn=?%)]");
}

TEST(RuleL2, ANulOctetReachesTheDirectoryAsItsEscape) {
  EXPECT_EQ(Show("ldap:///cn=a%00b?\?\?(cn=%00)"), "ldap - [cn=a\\00b]  base [(cn=\\00)]");
  EXPECT_EQ(Show("ldap:///cn=%5C%5C%00"), "ldap - [cn=\\\\\\00]  base []");
  EXPECT_EQ(ErrorOf("ldap:///cn=%5C%00"),
            "ldap_url_parse: (error 5) parsing \"ldap:///cn=%5C%00\"");
  EXPECT_EQ(ErrorOf("ldap:///x?a%00b").substr(0, 25), "ldap_url_parse: (error 7)");
  EXPECT_EQ(ErrorOf("ldap://h%00x/").substr(0, 25), "ldap_url_parse: (error 6)");
  EXPECT_EQ(ErrorOf("user=a%00b pass=x ldap:///"), "LDAP USER contains a NUL octet");
}

TEST(LdapQuery, BadUrlsSayWhatIsWrong) {
  const char* const kStart =
      "LDAP URL does not start with \"ldap://\", \"ldaps://\", or "
      "\"ldapi://\" (it starts with \"";
  EXPECT_EQ(ErrorOf("ldap:/x"), std::string(kStart) + "ldap:/x...\")");
  EXPECT_EQ(ErrorOf("ldap:0123456789abcdefgh"), std::string(kStart) + "ldap:0123456789a...\")");
  EXPECT_EQ(ErrorOf("ldap:///x?a?deep"), "ldap_url_parse: (error 8) parsing \"ldap:///x?a?deep\"");
  EXPECT_EQ(ErrorOf("ldap:///x%zz").substr(0, 25), "ldap_url_parse: (error 5)");
  EXPECT_EQ(ErrorOf("ldap:///x%4").substr(0, 25), "ldap_url_parse: (error 5)");
  EXPECT_EQ(ErrorOf("ldap:///x???%4").substr(0, 25), "ldap_url_parse: (error 9)");
  EXPECT_EQ(ErrorOf("ldap:///x?\?\?\?!e").substr(0, 26), "ldap_url_parse: (error 10)");
  EXPECT_EQ(ErrorOf("ldap://h:0/").substr(0, 25), "ldap_url_parse: (error 6)");
  EXPECT_EQ(ErrorOf("ldap://h:65536/").substr(0, 25), "ldap_url_parse: (error 6)");
  EXPECT_EQ(ErrorOf("ldap://h:65535/"), "");
  EXPECT_EQ(ErrorOf("ldap://[::1/").substr(0, 25), "ldap_url_parse: (error 6)");
  EXPECT_EQ(ErrorOf("ldap://h?mail").substr(0, 25), "ldap_url_parse: (error 5)");
  EXPECT_EQ(ErrorOf("ldapi://127.0.0.1/x"),
            "ldapi requires an absolute path (\"127.0.0.1\" given)");
}

TEST(LdapQuery, SettingsComeBeforeTheUrl) {
  Query query;
  ASSERT_EQ(ParseQuery(" user=cn=%41%2Cb,o=c PASS=\"a b\\\"\\x41\" size=3 TIME=5 connect=7 "
                       "Dereference=always referrals=nofollow servers=\"<; h\" ldap:///dc=x",
                       &query),
            "");
  EXPECT_EQ(query.user, "cn=A,b,o=c");
  EXPECT_EQ(query.password, "a b\"A");
  EXPECT_EQ(query.size_limit, 3u);
  EXPECT_EQ(query.time_limit_s, 5u);
  EXPECT_EQ(query.network_timeout_s, 7u);
  EXPECT_EQ(query.dereference, Dereference::kAlways);
  EXPECT_EQ(query.servers, "<; h");
  EXPECT_TRUE(query.has_user && query.has_password);
}

TEST(LdapQuery, BadSettingsSayWhatIsWrong) {
  const std::string malformed = "malformed parameter setting precedes LDAP URL";
  EXPECT_EQ(ErrorOf("bogus=1 ldap:///"), "unknown parameter \"bogus=\" precedes LDAP URL");
  EXPECT_EQ(ErrorOf("bogus ldap:///"), malformed);
  EXPECT_EQ(ErrorOf("user=x"), malformed);
  EXPECT_EQ(ErrorOf("user=\"x\"ldap:///"), malformed);
  EXPECT_EQ(ErrorOf("user=\"x ldap:///"), malformed);
  EXPECT_EQ(ErrorOf(""), malformed);
  EXPECT_EQ(ErrorOf("size=x ldap:///"), "size= wants a number of at most 1000000, found \"x\"");
  EXPECT_EQ(ErrorOf("time=1000001 ldap:///").substr(0, 12), "time= wants ");
  EXPECT_EQ(ErrorOf("time=1000000 ldap:///"), "");
  EXPECT_EQ(ErrorOf("referrals=x ldap:///"),
            "LDAP option REFERRALS is not \"follow\" or \"nofollow\"");
  EXPECT_EQ(ErrorOf("referrals=follow ldap:///"), "");
  EXPECT_EQ(ErrorOf("dereference=x ldap:///"), "");
}

TEST(RuleL1, ASettingInsideAUrlIsPartOfTheUrl) {
  EXPECT_EQ(Show("ldap:///dc=x user=y"), "ldap - [dc=x user=y]  base []");
}

TEST(LdapQuery, FiltersMayBeNestedAsDeepAsTheLimit) {
  const auto nested = [](std::size_t depth) {
    return "ldap:///x???" + std::string(depth, '(') + std::string(depth, ')');
  };
  EXPECT_EQ(ErrorOf(nested(kFilterNestingMax)), "");
  EXPECT_EQ(ErrorOf(nested(kFilterNestingMax + 1)),
            "ldap_search failed: -7, Bad search filter (nested deeper than 50)");
}

std::string ShowServers(std::string_view list) {
  std::vector<Server> servers;
  if (std::string why = ParseServers(list, &servers); !why.empty()) return "error " + why;
  std::string shown;
  for (const Server& server : servers) shown += server.Name() + " ";
  return shown;
}

TEST(LdapServers, AreAListWithDoubledSeparators) {
  EXPECT_EQ(ShowServers("a : b::1389 : /run/x"), "a b:1389 /run/x ");
  EXPECT_EQ(ShowServers("<; a:1 ; [::1]:2 ; ; 2001:db8::1"), "a:1 [::1]:2 [2001:db8::1] ");
  EXPECT_EQ(ShowServers(""), "");
  EXPECT_EQ(ShowServers(" : "), "");
  EXPECT_EQ(ShowServers("<;/a;;b"), "/a;b ");
  EXPECT_EQ(ShowServers("%2Frun%2Fx"), "/run/x ");
  EXPECT_EQ(ShowServers("a::x"), "error malformed LDAP server \"a:x\"");
  EXPECT_EQ(ShowServers("a::99999"), "error malformed LDAP server \"a:99999\"");
}

}  // namespace
}  // namespace signet::ldap
