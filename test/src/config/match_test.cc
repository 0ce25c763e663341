#include "src/config/match.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "test/support/policy.h"

namespace signet::config {
namespace {

using testing::Policy;

class MatchTest : public ::testing::Test {
 protected:
  // "yes", "no", or "temporary: why".
  std::string Match(ListKind kind, std::string_view subject, std::string list) {
    lists_.push_back(policy.Expanded(std::move(list)));
    MatchContext context = policy.Context();
    auto matched = MatchList(lists_.back(), kind, subject, context);
    if (matched.ok()) return matched.value() ? "yes" : "no";
    EXPECT_EQ(matched.error().kind, FailureKind::kTemporary);
    return "temporary: " + matched.error().text;
  }
  std::string Host(std::string_view subject, std::string list) {
    return Match(ListKind::kHost, subject, std::move(list));
  }
  std::string Domain(std::string_view subject, std::string list) {
    return Match(ListKind::kDomain, subject, std::move(list));
  }
  std::string LocalPart(std::string_view subject, std::string list) {
    return Match(ListKind::kLocalPart, subject, std::move(list));
  }
  std::string Address(std::string_view subject, std::string list) {
    return Match(ListKind::kAddress, subject, std::move(list));
  }
  std::string String(std::string_view subject, std::string list) {
    return Match(ListKind::kString, subject, std::move(list));
  }
  std::string Check(ListKind kind, std::string list) {
    Diagnostics diagnostics;
    lists_.push_back(policy.Expanded(std::move(list)));
    CheckList(lists_.back(), kind, policy.config, &diagnostics);
    return testing::Summary(diagnostics);
  }
  void SetHelo(std::string_view text) { policy.session.helo = text; }

  Policy policy;

 private:
  std::vector<Expanded> lists_;
};

bool StartsTemporary(const std::string& answer) { return answer.starts_with("temporary: "); }

TEST_F(MatchTest, FirstItemThatMatchesDecides) {
  EXPECT_EQ(Domain("a", "a : b"), "yes");
  EXPECT_EQ(Domain("b", "a : b"), "yes");
  EXPECT_EQ(Domain("c", "a : b"), "no");
  EXPECT_EQ(Domain("y.test", "! y.test : *"), "no");
  EXPECT_EQ(Domain("z.test", "!y.test : *"), "yes");
  EXPECT_EQ(Domain("y.test", "* : !y.test"), "yes");
}

TEST_F(MatchTest, WithoutAMatchANegatedLastItemMeansYes) {
  EXPECT_EQ(Domain("a", "b : !c"), "yes");
  EXPECT_EQ(Domain("c", "b : !c"), "no");
  EXPECT_EQ(Domain("a", "!b : c"), "no");
}

TEST_F(MatchTest, EmptyListHasNobody) {
  EXPECT_EQ(Domain("x", ""), "no");
  EXPECT_EQ(Host("192.0.2.1", ""), "no");
  MatchContext context = policy.Context();
  auto unset = MatchList(Expanded(), ListKind::kHost, "192.0.2.1", context);
  ASSERT_TRUE(unset.ok());
  EXPECT_FALSE(unset.value());
}

TEST_F(MatchTest, SeparatorCanBeDeclared) {
  EXPECT_EQ(Host("2001:db8::1", "<; 192.0.2.1 ; 2001:db8::/32"), "yes");
  EXPECT_EQ(Host("2001:db8::1", "2001::db8::::/32"), "yes");
}

TEST_F(MatchTest, ForcedFailureIsNo) { EXPECT_EQ(Domain("a", "${if eq{a}{b}{x}fail}"), "no"); }

TEST_F(MatchTest, RuleE6OtherFailureIsTemporary) {
  policy.services.Defer("a@/f", "out of reach");
  EXPECT_TRUE(StartsTemporary(Domain("a", "${lookup{a}lsearch{/f}}")));
}

TEST_F(MatchTest, HostsMatchByAddressAndNetwork) {
  EXPECT_EQ(Host("192.0.2.9", "!192.0.2.1"), "yes");
  EXPECT_EQ(Host("192.0.2.1", "!192.0.2.1 : 192.0.2.0/24"), "no");
  EXPECT_EQ(Host("192.0.2.1", "192.0.2.0/24"), "yes");
  EXPECT_EQ(Host("192.0.3.1", "192.0.2.0/24"), "no");
  EXPECT_EQ(Host("192.0.3.1", "192.0.2.0/23"), "yes");
  EXPECT_EQ(Host("192.0.2.1", "*"), "yes");
  EXPECT_EQ(Host("", "*"), "yes");
  EXPECT_EQ(Host("", ":"), "yes");
  EXPECT_EQ(Host("192.0.2.1", ":"), "no");
  EXPECT_EQ(Host("127.0.0.1", "@[]"), "yes");
  EXPECT_EQ(Host("192.0.2.1", "@[]"), "no");
  EXPECT_EQ(Host("2001:db8::1", "<; 2001:db8:0:0::1"), "yes");
  EXPECT_EQ(Host("::ffff:192.0.2.1", "192.0.2.1"), "yes");
}

TEST_F(MatchTest, HostNamesAreTemporaryBecauseTheyNeedDns) {
  EXPECT_TRUE(StartsTemporary(Host("192.0.2.1", "mail.example.org")));
  EXPECT_TRUE(StartsTemporary(Host("192.0.2.1", "*.example.org")));
  EXPECT_TRUE(StartsTemporary(Host("192.0.2.1", "192.0.2")));
  EXPECT_EQ(Host("192.0.2.1", "192.0.2.1 : mail.example.org"), "yes");
}

TEST_F(MatchTest, HostsCanBeLookedUpByAddressOrNetwork) {
  policy.services.Find("192.0.2.1@/hosts", "");
  policy.services.Find("198.51.100.0/24@/hosts", "x");
  policy.services.Find("2001.0db8.0000.0000.0000.0000.0000.0001@/hosts", "x");
  EXPECT_EQ(Host("192.0.2.1", "net-lsearch;/hosts"), "yes");
  EXPECT_EQ(Host("192.0.2.2", "net-lsearch;/hosts"), "no");
  EXPECT_EQ(Host("198.51.100.77", "net24-lsearch;/hosts"), "yes");
  EXPECT_EQ(Host("198.51.101.77", "net24-lsearch;/hosts"), "no");
  EXPECT_EQ(Host("2001:db8::1", "net-lsearch;/hosts"), "yes");
}

TEST_F(MatchTest, DomainsMatchLiterallyByTailAndByPattern) {
  EXPECT_EQ(Domain("Example.ORG", "example.org"), "yes");
  EXPECT_EQ(Domain("a.Two.Test", "*.two.test"), "yes");
  EXPECT_EQ(Domain("two.test", "*.two.test"), "no");
  EXPECT_EQ(Domain("", "*"), "yes");
  EXPECT_EQ(Domain("", ":"), "yes");
  EXPECT_EQ(Domain("A1.b", "\\N^(\\w)(\\d)\\N"), "yes");
  EXPECT_EQ(Domain("UP", "\\N^up$\\N"), "yes");
  EXPECT_EQ(Domain("UP", "\\N^(?-i)up\\N"), "no");
  EXPECT_EQ(Domain("mx.example.org", "@"), "yes");
  EXPECT_EQ(Domain("@", "@"), "no");
  EXPECT_EQ(Domain("[127.0.0.1]", "@[]"), "yes");
  EXPECT_EQ(Domain("[192.0.2.1]", "@[]"), "no");
  EXPECT_TRUE(StartsTemporary(Domain("a", "@mx_any")));
}

TEST_F(MatchTest, LookupsTakeTheSubjectAsKeyInLowerCase) {
  policy.services.Find("ann@/users", "uid=100");
  policy.services.Defer("tom@/users", "file is being written");
  EXPECT_EQ(Domain("ANN", "lsearch;/users"), "yes");
  EXPECT_EQ(Domain("zoe", "lsearch;/users"), "no");
  EXPECT_EQ(LocalPart("ann", "lsearch,ret=key;/users"), "yes");
  EXPECT_EQ(Domain("tom", "lsearch;/users : *"), "temporary: file is being written");
  EXPECT_EQ(Domain("tom", "!lsearch;/users"), "temporary: file is being written");
  EXPECT_TRUE(StartsTemporary(Domain("x", "lsaerch;/users")));
}

TEST_F(MatchTest, LookupsAreCounted) {
  policy.budget.lookups = 1;
  EXPECT_EQ(Domain("x", "lsearch;/users"), "no");
  EXPECT_TRUE(StartsTemporary(Domain("x", "lsearch;/users")));
}

TEST_F(MatchTest, LocalPartsIgnoreCaseUntilToldOtherwise) {
  EXPECT_EQ(LocalPart("Alice", "alice"), "yes");
  EXPECT_EQ(LocalPart("Alice", "*ice : +caseful : alice"), "yes");
  EXPECT_EQ(LocalPart("Alice", "+caseful : alice"), "no");
  EXPECT_EQ(LocalPart("Alice", "+caseful : Alice"), "yes");
  EXPECT_EQ(LocalPart("@", "@"), "yes");
}

TEST_F(MatchTest, AddressesMatchBothSides) {
  EXPECT_EQ(Address("Joe@One.Test", "joe@one.test"), "yes");
  EXPECT_EQ(Address("joe@two.test", "joe@one.test"), "no");
  EXPECT_EQ(Address("x@two.test", "*@two.test"), "yes");
  EXPECT_EQ(Address("x@two.test", "two.test"), "yes");
  EXPECT_EQ(Address("x@a.two.test", "*.two.test"), "yes");
  EXPECT_EQ(Address("x@a.two.test", "x@*.two.test"), "yes");
  EXPECT_EQ(Address("ax@two.test", "*x@two.test"), "yes");
  EXPECT_EQ(Address("jo+x@two.test", "jo*@two.test"), "no");
  EXPECT_EQ(Address("Joe@One.Test", "+caseful : joe@one.test"), "no");
  EXPECT_EQ(Address("Joe@One.Test", "+caseful : Joe@one.test"), "yes");
  EXPECT_EQ(Address("a@b", "*"), "yes");
  EXPECT_EQ(Address("joe@one.test", "\\N^joe@\\N"), "yes");
}

TEST_F(MatchTest, EmptyAddressMatchesOnlyAnEmptyItem) {
  EXPECT_EQ(Address("", ":"), "yes");
  EXPECT_EQ(Address("", "*"), "no");
  EXPECT_EQ(Address("", "a@b : "), "no");
  EXPECT_EQ(Address("", "\\N^$\\N"), "yes");
  EXPECT_EQ(Address("a@b", ":"), "no");
  EXPECT_EQ(Address("", "lsearch;/mail"), "no");
}

TEST_F(MatchTest, AddressesCanBeLookedUp) {
  policy.services.Find("u@dom.test@/mail", "x");
  policy.services.Find("dom4.test@/mail", "x");
  EXPECT_EQ(Address("U@dom.test", "lsearch;/mail"), "yes");
  EXPECT_EQ(Address("u@dom4.test", "*@lsearch;/mail"), "yes");
  EXPECT_EQ(Address("u@dom5.test", "*@lsearch;/mail"), "no");
}

TEST_F(MatchTest, StringsKnowNoReferences) {
  EXPECT_EQ(String("TLS", "tls"), "yes");
  EXPECT_EQ(String("tls", "*"), "yes");
  EXPECT_EQ(String("+x", "+x"), "yes");
  EXPECT_EQ(String("tls", "plain : !tls"), "no");
  EXPECT_EQ(String("ECDHE_X25519__ECDSA__AES_256_GCM", "*AES_256_GCM"), "yes");
}

TEST_F(MatchTest, NamedListIsOneItem) {
  policy.NamedList("domainlist", "d_local", "one.test : !two.test : *.three.test");
  policy.NamedList("domainlist", "d_not", "!x.test");
  policy.NamedList("addresslist", "a_vip", "joe@+d_local");
  policy.NamedList("hostlist", "h_lan", "192.0.2.0/24");
  EXPECT_EQ(Domain("one.test", "+d_local"), "yes");
  EXPECT_EQ(Domain("four.test", "+d_local"), "no");
  EXPECT_EQ(Domain("one.test", "!+d_local"), "no");
  EXPECT_EQ(Domain("four.test", "!+d_local"), "yes");
  EXPECT_EQ(Domain("y.test", "+d_not"), "yes");
  EXPECT_EQ(Address("a@one.test", "*@+d_local"), "yes");
  EXPECT_EQ(Address("joe@one.test", "+a_vip"), "yes");
  EXPECT_EQ(Host("192.0.2.1", "+h_lan"), "yes");
  EXPECT_TRUE(StartsTemporary(Domain("a", "+h_lan")));
  EXPECT_TRUE(StartsTemporary(Domain("a", "+nobody")));
}

TEST_F(MatchTest, NamedListsThatNameEachOtherEnd) {
  policy.NamedList("domainlist", "a", "x");
  policy.NamedList("domainlist", "b", "+a");
  policy.config.lists[0].list = policy.Expanded("+b");
  EXPECT_TRUE(StartsTemporary(Domain("y", "+a")));
}

TEST_F(MatchTest, NamedListsNestToTheLimit) {
  policy.NamedList("domainlist", "l0", "x");
  for (std::size_t i = 1; i <= limits::kNamedListDepth; ++i)
    policy.NamedList("domainlist", "l" + std::to_string(i), "+l" + std::to_string(i - 1));
  std::string most = std::to_string(limits::kNamedListDepth - 1);
  std::string over = std::to_string(limits::kNamedListDepth);
  EXPECT_EQ(Domain("x", "+l" + most), "yes");
  EXPECT_TRUE(StartsTemporary(Domain("x", "+l" + over)));
}

TEST_F(MatchTest, FileGivesItemsByLine) {
  char path[] = "/tmp/signet_match_XXXXXX";
  int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << "# people\nx.test # and more\n\n  !neg.test\n*.wild.test\n/etc/passwd\n";
  EXPECT_EQ(Domain("x.test", path), "yes");
  EXPECT_EQ(Domain("neg.test", path), "no");
  EXPECT_EQ(Domain("neg.test", std::string("!") + path), "yes");
  EXPECT_EQ(Domain("x.test", std::string("!") + path), "no");
  EXPECT_EQ(Domain("q.wild.test", path), "yes");
  EXPECT_EQ(Domain("root", path), "no");
  EXPECT_TRUE(StartsTemporary(Domain("x", "/no/such/file")));
  std::remove(path);
}

TEST_F(MatchTest, RuleI7TextOfTheClientIsNoListStructure) {
  SetHelo("a : b");
  EXPECT_EQ(Domain("b", "$sender_helo_name"), "no");
  EXPECT_EQ(Domain("a : b", "$sender_helo_name"), "yes");
  for (const char* trick :
       {"*", "!x", "^.*", "+local", "<;x", "*.org", "/etc/passwd", "lsearch;/users", "@"}) {
    SetHelo(trick);
    policy.NamedList("domainlist", "local", "*");
    EXPECT_EQ(Domain("example.org", "$sender_helo_name"), "no") << trick;
    EXPECT_EQ(LocalPart("someone", "$sender_helo_name"), "no") << trick;
    EXPECT_EQ(Address("someone@example.org", "$sender_helo_name"), "no") << trick;
    EXPECT_EQ(Host("192.0.2.1", "$sender_helo_name"), "no") << trick;
    EXPECT_EQ(String("tls", "$sender_helo_name"), "no") << trick;
    EXPECT_EQ(String(trick, "$sender_helo_name"), "yes") << trick;
  }
}

TEST_F(MatchTest, RuleI7NetworkOfTheClientIsNoNetwork) {
  SetHelo("0.0.0.0/0");
  EXPECT_EQ(Host("192.0.2.1", "$sender_helo_name"), "no");
  SetHelo("192.0.2.1");
  EXPECT_EQ(Host("192.0.2.1", "$sender_helo_name"), "yes");
}

TEST_F(MatchTest, AdministratorsMarksAroundTheClientsTextCount) {
  SetHelo("example.org");
  EXPECT_EQ(Address("x@example.org", "*@$sender_helo_name"), "yes");
  EXPECT_EQ(Address("x@a.example.org", "*@$sender_helo_name"), "no");
  EXPECT_EQ(Domain("a.example.org", "*.$sender_helo_name"), "yes");
  EXPECT_EQ(Domain("example.org", "!$sender_helo_name : *"), "no");
}

TEST_F(MatchTest, DomainOfTheClientIsNotEverybodyThere) {
  SetHelo("example.org");
  EXPECT_EQ(Address("x@example.org", "$sender_helo_name"), "no");
  SetHelo("x@example.org");
  EXPECT_EQ(Address("x@example.org", "$sender_helo_name"), "yes");
}

TEST_F(MatchTest, RuleE2PatternsAndFilesTakeNoTextOfTheClient) {
  SetHelo("x");
  EXPECT_TRUE(StartsTemporary(Domain("x", "^$sender_helo_name")));
  EXPECT_TRUE(StartsTemporary(Domain("x", "/tmp/$sender_helo_name")));
  EXPECT_TRUE(StartsTemporary(Domain("x", "lsearch;/tmp/$sender_helo_name")));
}

TEST_F(MatchTest, RuleL1QueriesWantQuotedText) {
  SetHelo("x");
  EXPECT_TRUE(StartsTemporary(Domain("x", "ldap;ldap::///??sub?(cn=$sender_helo_name)")));
  EXPECT_EQ(Domain("x", "ldap;ldap::///??sub?(cn=${quote_ldap::$sender_helo_name})"), "no");
}

TEST_F(MatchTest, RuleE5PatternThatRunsAwayIsTemporary) {
  std::string subject(60, 'a');
  EXPECT_TRUE(StartsTemporary(Domain(subject + "!", "\\N^(a+)+$\\N")));
  EXPECT_EQ(Domain(subject, "\\N^(a+)+$\\N"), "yes");
}

TEST_F(MatchTest, CheckFindsWhatCanBeKnown) {
  policy.NamedList("hostlist", "lan", "192.0.2.0/24");
  EXPECT_EQ(Check(ListKind::kHost, "192.0.2.1 : 10.0.0.0/8 : * : @[] : +lan : net-lsearch;/x"), "");
  EXPECT_EQ(Check(ListKind::kHost, "192.0.2.0/33"),
            "error: malformed IPv4 address or address mask: 192.0.2.0/33\n");
  EXPECT_EQ(Check(ListKind::kHost, "192.0.2"),
            "error: malformed IPv4 address or address mask: 192.0.2\n");
  EXPECT_NE(Check(ListKind::kHost, "mail.example.org").find("not supported"), std::string::npos);
  EXPECT_EQ(Check(ListKind::kHost, "+lam"),
            "error: unknown named host list \"+lam\"; did you mean \"lan\"?\n");
  EXPECT_EQ(Check(ListKind::kDomain, "lsaerch;/x"),
            "error: unknown lookup type \"lsaerch\"; did you mean \"lsearch\"?\n");
  EXPECT_EQ(Check(ListKind::kDomain, "lsearch;x"),
            "error: absolute file name expected for \"lsearch\" lookup\n");
  EXPECT_NE(Check(ListKind::kDomain, "\\N^(\\N").find("regular expression"), std::string::npos);
  EXPECT_NE(Check(ListKind::kDomain, "@mx_any").find("needs DNS"), std::string::npos);
  EXPECT_EQ(Check(ListKind::kAddress, "*@+nix"), "error: unknown named domain list \"+nix\"\n");
  EXPECT_EQ(Check(ListKind::kString, "+x : a"), "");
}

TEST_F(MatchTest, CheckPointsAtTheItem) {
  Diagnostics diagnostics;
  Expanded list = policy.Expanded("192.0.2.1 : 192.0.2.300 : *");
  CheckList(list, ListKind::kHost, policy.config, &diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].span.view(), "192.0.2.300");
}

TEST(IpInNetworkTest, ComparesPrefixes) {
  EXPECT_EQ(IpInNetwork("10.1.2.3", "10.0.0.0/8"), true);
  EXPECT_EQ(IpInNetwork("11.1.2.3", "10.0.0.0/8"), false);
  EXPECT_EQ(IpInNetwork("10.1.2.3", "0.0.0.0/0"), true);
  EXPECT_EQ(IpInNetwork("10.1.2.3", "10.1.2.3"), true);
  EXPECT_EQ(IpInNetwork("10.1.2.3", "10.1.2.2/31"), true);
  EXPECT_EQ(IpInNetwork("10.1.2.4", "10.1.2.2/31"), false);
  EXPECT_EQ(IpInNetwork("2001:db8::1", "2001:db8::/32"), true);
  EXPECT_EQ(IpInNetwork("2001:db9::1", "2001:db8::/32"), false);
  EXPECT_EQ(IpInNetwork("10.1.2.3", "::/0"), false);
  EXPECT_EQ(IpInNetwork("::ffff:10.1.2.3", "10.0.0.0/8"), true);
  EXPECT_EQ(IpInNetwork("10.1.2.3", "::ffff:10.0.0.0/104"), true);
}

TEST(IpInNetworkTest, RefusesWhatIsNoNetwork) {
  for (const char* text : {"", "x", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                           "10.0.0.0/8x", "10.0.0.0/+8", "::/129", "010.0.0.1/8", "10.0.0.0/8 "})
    EXPECT_EQ(IpInNetwork("10.1.2.3", text), std::nullopt) << text;
  EXPECT_EQ(IpInNetwork("not an address", "0.0.0.0/0"), false);
}

}  // namespace
}  // namespace signet::config
