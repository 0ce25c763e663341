#include "expand/match.h"

#include <gtest/gtest.h>

#include <random>

#include "src/base/limits.h"
#include "test/support/fake_world.h"

namespace signet::expand {
namespace {

class MatchTest : public ::testing::Test {
 protected:
  MatchTest() { session_.primary_hostname = "gw.example.net"; }

  // "yes", "no", or "deferred: why"; "error: why" where the list does not compile.
  std::string Says(ListKind kind, std::string_view subject, const std::string& list,
                   Origins origins = kFromClient) {
    texts_.push_back(std::make_unique<SourceText>("list", list));
    diagnostics_.clear();
    auto patterns = CompilePatterns(list, texts_.back()->whole(), {kind, HostUse::kAddress}, names_,
                                    &diagnostics_);
    if (patterns == nullptr) return "error: " + diagnostics_.front().message;
    const Segment whole{static_cast<std::uint32_t>(subject.size()), origins};
    const MatchWorld world{session_, services_, budget_, &names_, &arena_};
    result_ = Match(*patterns, {subject, {&whole, subject.empty() ? 0u : 1u}}, world);
    if (result_.kind == ListMatch::kDeferred) return "deferred: " + result_.why;
    return result_.kind == ListMatch::kIn ? "yes" : "no";
  }
  std::string Domain(std::string_view subject, const std::string& list) {
    return Says(ListKind::kDomain, subject, list);
  }
  std::string LocalPart(std::string_view subject, const std::string& list) {
    return Says(ListKind::kLocalPart, subject, list);
  }
  std::string Address(std::string_view subject, const std::string& list) {
    return Says(ListKind::kAddress, subject, list);
  }
  std::string Ip(std::string_view subject, const std::string& list) {
    return Says(ListKind::kHost, subject, list);
  }
  std::string ValueText() const { return result_.value ? std::string(result_.value->text) : "-"; }

  void Found(const std::string& question, const std::string& answer) {
    services_.answers[question] = {LookupAnswer::kFound, answer};
  }

  facts::Session session_;
  test::FakeNames names_;
  test::FakeServices services_;
  Budget budget_;
  std::pmr::monotonic_buffer_resource arena_;
  std::vector<std::unique_ptr<SourceText>> texts_;
  Diagnostics diagnostics_;
  ListMatch result_;
};

const char* const kHostile[] = {"*",      "!x",       "+d_local",       "/etc/passwd", "^.*",
                                "@",      "@[]",      "lsearch;/users", "a:b",         "<;x",
                                "*@*",    ":",        "(?i)",           "\\N",         "$value",
                                "a\x80z", "\xff\xfe", "\xc3\xa9",       "a\nb",        "+caseful",
                                ">more",  "!*",       "@@x;y",          "a@b@c",       "net-x;/y"};

TEST_F(MatchTest, HostileSubjectsAreData) {
  names_.AddList("domainlist", "d_local", "one.test");
  for (const char* subject : kHostile) {
    EXPECT_EQ(Domain(subject, "one.test : *.one.test : ^one : +d_local"), "no") << subject;
    EXPECT_EQ(LocalPart(subject, "alice : *bob : ^carol"), "no") << subject;
    EXPECT_EQ(Address(subject, "alice@one.test : *@two.test : ^carol@"), "no") << subject;
    EXPECT_EQ(Ip(subject, "192.0.2.1 : 10.0.0.0/8 : @[]"), "no") << subject;
    EXPECT_EQ(Domain(subject, "*"), "yes") << subject;
  }
  EXPECT_TRUE(services_.asked.empty());
}

TEST_F(MatchTest, NulIsAnOctet) {
  using namespace std::string_view_literals;
  EXPECT_EQ(Domain("one.test\0"sv, "one.test"), "no");
  EXPECT_EQ(Domain("\0one.test"sv, "*one.test"), "yes");
  EXPECT_EQ(Domain("a\0b"sv, "^a.b$"), "yes");
  EXPECT_EQ(Ip("192.0.2.1\0"sv, "192.0.2.1"), "no");
  EXPECT_EQ(Address("a\0@b"sv, "*@b"), "yes");
}

TEST_F(MatchTest, LongSubjectsCostNoMoreThanTheirLength) {
  const std::string subject(1'000'000, 'a');
  EXPECT_EQ(Domain(subject, "b : *b : ^b"), "no");
  EXPECT_EQ(Domain(subject, "*a"), "yes");
  EXPECT_EQ(Address(subject + "@b", "*@c : *@b"), "yes");
}

TEST_F(MatchTest, CapturesKeepWhereTheyCameFrom) {
  EXPECT_EQ(Domain("Mail.One.test", "*.one.test"), "yes");
  ASSERT_EQ(result_.captures.size(), 2u);
  EXPECT_EQ(result_.captures[1].text, "mail");
  EXPECT_EQ(result_.captures[1].origins(), kFromClient);
  EXPECT_EQ(result_.value->origins(), kFromAdministrator);
  Found("one.test /f", "data");
  EXPECT_EQ(Domain("one.test", "lsearch;/f"), "yes");
  EXPECT_EQ(result_.value->origins(), kFromDirectory);
}

TEST_F(MatchTest, TheEndOfTheListSetsNothing) {
  EXPECT_EQ(Domain("x", "!y"), "yes");
  EXPECT_EQ(ValueText(), "-");
  EXPECT_EQ(Domain("x", "!*"), "no");
}

TEST_F(MatchTest, DecidingLineOfAFileDecidesTheList) {
  services_.files["/f"] = "# all\n! neg.test\n*.wild.test # tail\n/etc/passwd\n+d_local\n\n";
  EXPECT_EQ(Domain("neg.test", "/f : neg.test"), "no");
  EXPECT_EQ(Domain("neg.test", "!/f : zzz"), "yes");
  EXPECT_EQ(Domain("q.wild.test", "!/f : q.wild.test"), "no");
  EXPECT_EQ(Domain("other", "/f : other"), "yes");
  EXPECT_EQ(Domain("/etc/passwd", "/f"), "yes");
  EXPECT_EQ(Domain("+d_local", "/f"), "yes");
  EXPECT_EQ(Domain("x", "/none"),
            "deferred: failed to open /none when checking \"/none\": No such file or directory");
}

TEST_F(MatchTest, CommentsInFilesOfAddressesBeginBehindABlank) {
  services_.files["/f"] = "fred#1@x.test\njoe@x.test # no\n#all@x.test\n";
  EXPECT_EQ(Address("fred#1@x.test", "/f"), "yes");
  EXPECT_EQ(Address("joe@x.test", "/f"), "yes");
  EXPECT_EQ(Address("#all@x.test", "/f"), "no");
}

TEST_F(MatchTest, LinesOfAFileAreSteps) {
  std::string lines;
  for (int i = 0; i < 1'000'000; ++i) lines += "x\n";
  services_.files["/f"] = lines + "last\n";
  EXPECT_EQ(Domain("last", "/f"), "deferred: too many steps in one expansion");
  budget_ = Budget();
  services_.files["/f"] = lines.substr(0, 100'000) + "last\n";
  EXPECT_EQ(Domain("last", "/f"), "yes");
}

TEST_F(MatchTest, ListsHaveALimit) {
  std::string list;
  for (std::size_t i = 0; i < limits::kListMaxElements; ++i) list += "x:";
  EXPECT_EQ(Domain("y", list), "no");
  EXPECT_EQ(Domain("y", list + "y").substr(0, 20), "error: list has more");
}

TEST_F(MatchTest, LocalPartsUnderADomain) {
  Found("one.test /f", "ann : !bob : *-x : ^\\d+$ : >more");
  Found("more /f", "carol");
  for (const char* good : {"Ann@one.test", "q-x@One.test", "42@one.test", "carol@one.test"})
    EXPECT_EQ(Address(good, "@@lsearch;/f"), "yes") << good;
  for (const char* bad : {"bob@one.test", "dave@one.test", "ann@two.test", "one.test", ""})
    EXPECT_EQ(Address(bad, "@@lsearch;/f"), "no") << bad;
  EXPECT_EQ(Address("ann@one.test", "!@@lsearch;/f : *"), "no");
}

TEST_F(MatchTest, LocalPartsGoOnUpToTheLimit) {
  const auto chain = [&](std::size_t length) {
    Found("d /f", ">k1");
    for (std::size_t i = 1; i < length; ++i)
      Found("k" + std::to_string(i) + " /f",
            i + 1 == length ? "ann" : ">k" + std::to_string(i + 1));
    budget_ = Budget();
    budget_.lookups = 1000;
    return Address("ann@d", "@@lsearch;/f");
  };
  EXPECT_EQ(chain(limits::kLocalPartSteps), "yes");
  EXPECT_EQ(chain(limits::kLocalPartSteps + 1),
            "deferred: Loop detected in lookup of local part of ann@d in @@lsearch;/f");
}

// What a query answers is data of outsiders: no pattern that names files or is compiled.
TEST_F(MatchTest, RuleE2AnswersOfQueriesAreNoRegularExpressions) {
  Found("get d", "^a");
  EXPECT_EQ(Address("ann@d", "@@sqlish;get d").substr(0, 9), "deferred:");
}

TEST_F(MatchTest, ListsThatNameEachOtherEnd) {
  names_.AddList("domainlist", "a", "+b");
  names_.AddList("domainlist", "b", "+a");
  EXPECT_EQ(Domain("x", "+a"), "deferred: named lists nested too deep at \"a\": possible loop");
  EXPECT_EQ(budget_.list_depth, limits::kNamedListDepth);
}

TEST_F(MatchTest, AListCanLookAtItselfThroughItsExpansion) {
  names_.AddList("domainlist", "a", "${if match_domain{x}{+a}{y}{z}}");
  services_.known = &names_;
  EXPECT_EQ(Domain("x", "+a").substr(0, 9), "deferred:");
}

TEST_F(MatchTest, CasefulGoesIntoNamedLists) {
  names_.AddList("localpartlist", "l", "Alice");
  EXPECT_EQ(LocalPart("alice", "+l"), "yes");
  EXPECT_EQ(LocalPart("alice", "+caseful : +l"), "no");
  EXPECT_EQ(LocalPart("Alice", "+caseful : +l"), "yes");
  EXPECT_EQ(LocalPart("Alice", "+caseful : ^alice"), "no");
  EXPECT_EQ(LocalPart("Alice", "+caseful : ^Alice"), "yes");
}

TEST_F(MatchTest, UnknownHostsEndTheList) {
  EXPECT_EQ(Ip("192.0.2.1", "relay.test : 192.0.2.1"), "no");
  EXPECT_EQ(Ip("192.0.2.1", "!relay.test : 192.0.2.1"), "no");
  EXPECT_EQ(Ip("192.0.2.1", "+ignore_unknown : relay.test : 192.0.2.1"), "yes");
  EXPECT_EQ(Ip("192.0.2.9", "+include_unknown : relay.test"), "yes");
  EXPECT_EQ(Ip("192.0.2.9", "+include_unknown : +ignore_unknown : relay.test"), "no");
  EXPECT_EQ(Ip("192.0.2.1", "192.0.2.1/33"), "yes");
  EXPECT_EQ(Ip("192.0.2.1", "192.0.2 : *"), "no");
  EXPECT_EQ(diagnostics_.size(), 1u);
}

TEST_F(MatchTest, HostsAreKeysInTheirOwnWay) {
  Found("2001:0db8:0000:0000:0000:0000:0000:0001 /n", "six");
  Found("2001.0db8.0000.0000.0000.0000.0000.0000/32 /h", "net");
  EXPECT_EQ(Ip("2001:db8::1", "<; iplsearch;/n"), "no");  // ";" parts items
  EXPECT_EQ(Ip("2001:db8::1", "net-iplsearch;/n"), "yes");
  EXPECT_EQ(Ip("2001:db8::1", "net32-lsearch;/h"), "yes");
  EXPECT_EQ(Ip("2001:db8::1", "net-lsearch*;/h"), "error: unknown lookup type \"lsearch*\"");
}

TEST_F(MatchTest, MistakesAreFoundAtLoadAtTheirPlace) {
  EXPECT_EQ(Domain("x", "a : ^(b : c"),
            "error: regular expression error: missing closing parenthesis at offset 3 while "
            "compiling ^(b");
  EXPECT_EQ(diagnostics_.front().span.view(), "^(b");
  EXPECT_EQ(Domain("x", "a : +nix"), "error: unknown named domain list \"+nix\"");
  EXPECT_EQ(diagnostics_.front().span.view(), "+nix");
  EXPECT_EQ(Address("x", "*@+nix"), "error: unknown named domain list \"+nix\"");
  EXPECT_EQ(Domain("x", "nosuch;/x"), "error: unknown lookup type \"nosuch\"");
  EXPECT_EQ(Domain("x", "lsearch;x"), "error: absolute file name expected for \"lsearch\" lookup");
  EXPECT_EQ(Domain("x", "partialx-lsearch;/x"),
            "error: format error in lookup type \"partialx-lsearch\"");
  EXPECT_EQ(Domain("x", "@mx_any").substr(0, 6), "error:");
}

TEST_F(MatchTest, KeysOfFilesArePatternsOfTheirOwn) {
  const MatchWorld world{session_, services_, budget_, &names_, &arena_};
  const auto matches = [&](std::string_view key, std::string_view pattern, bool expand) {
    LookupAnswer answer = KeyMatcher(key, world).Match(pattern, expand);
    return answer.kind == LookupAnswer::kFound      ? std::string("yes")
           : answer.kind == LookupAnswer::kNotFound ? std::string("no")
                                                    : answer.text;
  };
  EXPECT_EQ(matches("EXP", "${lc:EXP}", true), "yes");
  EXPECT_EQ(matches("EXP", "${lc:EXP}", false), "no");
  EXPECT_EQ(matches("n12", "\\N^n(\\d+)$\\N", true), "yes");
  EXPECT_EQ(matches("n12", "^n\\d+$", false), "yes");
  EXPECT_EQ(matches("x", "${if eq{a}{b}{x}fail}", true), "no");
  EXPECT_EQ(matches("x", "${nosuch:x}", true).substr(0, 7), "unknown");
  EXPECT_EQ(matches("+d_local", "+d_local", false), "yes");
  EXPECT_EQ(matches("a:b", "a:b", false), "yes");
  EXPECT_EQ(matches("x", "!y", false), "yes");
  session_.helo = "*";
  EXPECT_EQ(matches("x", "$sender_helo_name", true), "no");
  EXPECT_EQ(matches("*", "$sender_helo_name", true), "yes");
}

}  // namespace
}  // namespace signet::expand
