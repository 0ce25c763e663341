#include "expand/steps.h"

#include <gtest/gtest.h>

#include "expand/query.h"
#include "expand/show.h"
#include "src/crypto/certificate.h"
#include "src/facts/written.h"
#include "test/support/certificates.h"
#include "test/support/fake_world.h"
#include "test/support/trace_dump.h"

// What an expression writes down of itself.
namespace signet::expand {
namespace {

using test::FakeNames;
using test::FakeServices;

class StepsTest : public ::testing::Test {
 protected:
  StepsTest() {
    session_.trace = &trace_;
    session_.primary_hostname = "gw.example.net";
    session_.phase = facts::Phase::kRcpt;
    services_.known = &names_;
  }
  ProgramPtr Compiled(std::string text) {
    Diagnostics found;
    texts_.push_back(std::make_unique<SourceText>("test.conf", std::move(text)));
    ProgramPtr program =
        Compile(texts_.back()->whole(), facts::Phase::kQuit, names_, &found, Reading::kTrial);
    EXPECT_NE(program, nullptr) << texts_.back()->text() << ": "
                                << (found.empty() ? "?" : found.front().message);
    return program;
  }
  std::string StepsOf(std::string text) {
    const ProgramPtr program = Compiled(std::move(text));
    if (program != nullptr) static_cast<void>(Evaluate(*program, session_, services_, budget_));
    return test::Dump(trace_);
  }
  void Let(const std::string& name, std::string text, Origins origins) {
    session_.overrides[name] = Value(std::move(text), origins);
  }

  FakeNames names_;
  FakeServices services_;
  facts::Trace trace_;
  facts::Session session_;
  Budget budget_;
  std::vector<std::unique_ptr<SourceText>> texts_;
};

TEST_F(StepsTest, TextAloneLeavesNone) {
  EXPECT_EQ(StepsOf("abc"), "");
  EXPECT_EQ(StepsOf("a\\Nb\\Nc"), "");
}

TEST_F(StepsTest, PartsNestInTheirOrder) {
  Let("auth1", "Alice@Example.ORG", kFromCertificate);
  EXPECT_EQ(StepsOf("id=${lc:${local_part:$auth1}}"),
            "expression id=${lc:${local_part:$auth1}} = id=alice (certificate)\n"
            "  expression ${lc:${local_part:$auth1}} = alice (certificate)\n"
            "    expression ${local_part:$auth1} = Alice (certificate)\n"
            "      expression $auth1 = Alice@Example.ORG (certificate)\n");
  ASSERT_EQ(trace_.steps().size(), 4u);
  EXPECT_EQ(trace_.steps()[3].place, "test.conf:1:22");
}

TEST_F(StepsTest, ConditionsSayYesOrNoAndItemsWhichWay) {
  Let("auth1", "a:b", kFromCertificate);
  EXPECT_EQ(StepsOf("${if and{{def:auth1}{!eq{$auth1}{x}}} {yes}{no ${uc:x}}}"),
            "expression yes ${if and{{def:auth1}{!eq{$auth1}{x}}} {yes}{no ${uc:x}}} = yes\n"
            "  expression yes and{{def:auth1}{!eq{$auth1}{x}}}\n"
            "    expression yes def:auth1\n"
            "      expression $auth1 = a:b (certificate)\n"
            "    expression yes !eq{$auth1}{x}\n"
            "      expression $auth1 = a:b (certificate)\n");
}

TEST_F(StepsTest, TheOtherBranchIsTold) {
  EXPECT_EQ(StepsOf("${if eq{a}{b}{yes}{${uc:no}}}"),
            "expression no ${if eq{a}{b}{yes}{${uc:no}}} = NO\n"
            "  expression no eq{a}{b}\n"
            "  expression ${uc:no} = NO\n");
}

TEST_F(StepsTest, EachElementHasItsStep) {
  Let("auth1", "a", kFromCertificate);
  EXPECT_EQ(StepsOf("${map{a:b}{${uc:$item}}} ${if forany{x:y:z}{eq{$item}{y}}{1}{0}}"),
            "expression ${map{a:b}{${uc:$item}}} ${if forany{x:y:z}{eq{$item}{y}}{1}{0}} = A:B 1\n"
            "  expression ${map{a:b}{${uc:$item}}} = A:B\n"
            "    expression $item = a\n"
            "      expression ${uc:$item} = A\n"
            "    expression $item = b\n"
            "      expression ${uc:$item} = B\n"
            "  expression yes ${if forany{x:y:z}{eq{$item}{y}}{1}{0}} = 1\n"
            "    expression yes forany{x:y:z}{eq{$item}{y}}\n"
            "      expression no $item = x\n"
            "        expression no eq{$item}{y}\n"
            "      expression yes $item = y\n"
            "        expression yes eq{$item}{y}\n");
}

TEST_F(StepsTest, ALookupSaysWhatWasAskedAndWhatItSaid) {
  Let("auth1", "al*ce", kFromCertificate);
  services_.answers["ldap:///dc=org?uid?sub?(mail=al%5C2Ace)"] = {LookupAnswer::kFound, "alice"};
  EXPECT_EQ(
      StepsOf("${lookup ldap{ldap:///dc=org?uid?sub?(mail=${quote_ldap:$auth1})}{$value}fail}"),
      "expression yes ${lookup "
      "ldap{ldap:///dc=org?uid?sub?(mail=${quote_ldap:$auth1})}{$value}fail} = alice "
      "(directory)\n"
      "  expression ${quote_ldap:$auth1} = al%5C2Ace (certificate)\n"
      "    expression $auth1 = al*ce (certificate)\n"
      "  lookup yes ldap [ldap:///dc=org?uid?sub?(mail=al%5C2Ace)] = alice (directory)\n"
      "  expression $value = alice (directory)\n");
  EXPECT_GE(trace_.steps()[3].microseconds, 0);
}

TEST_F(StepsTest, ALookupByKeySaysInWhichFile) {
  services_.answers["bob /etc/aliases"] = {LookupAnswer::kNotFound, ""};
  EXPECT_EQ(StepsOf("${lookup{bob}lsearch{/etc/aliases}{$value}{none}}"),
            "expression no ${lookup{bob}lsearch{/etc/aliases}{$value}{none}} = none\n"
            "  lookup no lsearch [bob in /etc/aliases] = not found\n");
}

TEST_F(StepsTest, AFailureIsToldOnceWhereItHappened) {
  services_.answers["ldap:///x"] = {LookupAnswer::kDeferred, "server is down"};
  EXPECT_EQ(StepsOf("${uc:${lookup ldap{ldap:///x}}}"),
            "expression later ${uc:${lookup ldap{ldap:///x}}}\n"
            "  expression later ${lookup ldap{ldap:///x}} = lookup of \"ldap:///x\" gave DEFER: "
            "\"server is down\"\n"
            "    lookup later ldap [ldap:///x] = server is down\n");
}

TEST_F(StepsTest, AForcedFailureIsOne) {
  EXPECT_EQ(StepsOf("${if eq{a}{b}{x}fail}"),
            "expression failed ${if eq{a}{b}{x}fail} = \"if\" failed and \"fail\" requested\n"
            "  expression no eq{a}{b}\n");
}

TEST_F(StepsTest, ACertificatesFieldIsNamed) {
  namespace make = signet::testing;
  const make::Issued root = make::MakeRoot();
  const make::Issued client =
      make::Issue(make::ClientSpec(), make::SharedKey(make::KeyType::kEcdsaP256), &root);
  session_.tls.peer = crypto::Certificate::FromDer(client.der).value();
  session_.tls.active = true;
  EXPECT_EQ(StepsOf("${certextract{subj_altname,mail}{$tls_in_peercert}}"),
            "expression yes ${certextract{subj_altname,mail}{$tls_in_peercert}} = "
            "alice@example.org (certificate: subject alternative name (mail))\n"
            "  expression $tls_in_peercert = certificate of CN=client (certificate)\n");
}

TEST_F(StepsTest, AListSaysWhichItemDecided) {
  Let("domain", "b.example", kFromClient);
  names_.AddList("domainlist", "ours", "*.example");
  EXPECT_EQ(StepsOf("${if match_domain{$domain}{a.example : +ours : *}{y}{n}}"),
            "expression yes ${if match_domain{$domain}{a.example : +ours : *}{y}{n}} = y\n"
            "  expression yes match_domain{$domain}{a.example : +ours : *}\n"
            "    expression $domain = b.example (client)\n"
            "    expression yes item of the list = +ours\n");
}

TEST_F(StepsTest, TextThatIsExpandedAgainHasNoPlace) {
  StepsOf("${expand:\\$primary_hostname}");
  bool found = false;
  for (const facts::TraceStep& step : trace_.steps())
    if (step.what == "$primary_hostname") found = true;
  EXPECT_TRUE(found) << test::Dump(trace_);
}

// --- what must not be in it ------------------------------------------------------------

class SecretsTest : public StepsTest {
 protected:
  void ExpectNo(const std::string& secret) {
    EXPECT_EQ(test::AllTextOf(trace_).find(secret), std::string::npos) << test::Dump(trace_);
    EXPECT_FALSE(trace_.steps().empty());
  }
};

TEST_F(SecretsTest, RuleC7APasswordInAQueryIsNotShown) {
  Let("auth2", "s3cret", kFromClient);
  services_.answers["user=\"cn=x,dc=org\" pass=s3cret ldap:///x"] = {LookupAnswer::kFound, "1"};
  StepsOf("${lookup ldap{user=\"cn=x,dc=org\" pass=${quote:$auth2} ldap:///x}}");
  ExpectNo("s3cret");
  ExpectNo("dc=org");
}

TEST_F(SecretsTest, RuleC7AnAdministratorsPasswordIsNotShown) {
  StepsOf("${lookup ldap{user=\"cn=x\" pass=s3cret ldap:///${quote_ldap_dn:$primary_hostname}}}");
  ExpectNo("s3cret");
}

TEST_F(SecretsTest, RuleC7APasswordFromALookupIsNotShown) {
  services_.answers["ldap /etc/passwords"] = {LookupAnswer::kFound, "s3cret"};
  StepsOf("${lookup ldap{pass=${lookup{ldap}lsearch{/etc/passwords}} ldap:///x}}");
  ExpectNo("s3cret");
}

TEST_F(SecretsTest, RuleC7PasswordsOfUrlsAndServersAreNotShown) {
  StepsOf("${lc:http://joe:s3cret@host/$primary_hostname} servers=db/name/joe/s3cret;");
  ExpectNo("s3cret");
}

TEST_F(SecretsTest, RuleC7AKeyOfAnHmacIsNotShown) {
  StepsOf("${hmac{md5}{s3cret}{$primary_hostname}}");
  ExpectNo("s3cret");
}

TEST_F(SecretsTest, RuleC7CredentialsAreNotShown) {
  Let("auth2", "s3cret", kFromClient);
  StepsOf("${if ldapauth{user=\"cn=x\" pass=${quote:$auth2} ldap:///}{yes}{no}}");
  ExpectNo("s3cret");
  StepsOf("${if crypteq{$auth2}{\\{crypt\\}s3cretx}{yes}{no}}");
  EXPECT_EQ(trace_.steps().back().hidden, true);
}

TEST_F(SecretsTest, RuleC7AHiddenOptionIsNotShown) {
  const ProgramPtr program = Compiled("s3cret ${lc:S3CRET}");
  Hide(*program);
  static_cast<void>(Evaluate(*program, session_, services_, budget_));
  EXPECT_TRUE(trace_.steps().empty()) << test::Dump(trace_);
}

TEST_F(SecretsTest, RuleC7NoPartOfAMessageIsShown) {
  session_.phase = facts::Phase::kData;
  session_.envelope.headers_read = true;
  session_.envelope.headers = {{"Subject", "Subject: s3cret"}};
  session_.envelope.body_start = "s3cret";
  StepsOf("${lc:$h_subject: $message_body}");
  ExpectNo("s3cret");
}

TEST_F(SecretsTest, RuleC7WhatIsKeptOfAMessageIsNotShownLater) {
  session_.phase = facts::Phase::kRcpt;
  session_.acl_c["acl_c_s"] = Value("s3cret", kFromClient);
  session_.acl_c["acl_c_n"] = Value("known");
  StepsOf("${lc:$acl_c_s}");
  ExpectNo("s3cret");
  EXPECT_NE(StepsOf("${lc:$acl_c_n}").find("= known"), std::string::npos);
}

// --- as it is written ------------------------------------------------------------------

TEST(Written, IsOneLine) {
  EXPECT_EQ(facts::AsWritten("  ${if  \n\t eq{a}{b}}  "), "${if eq{a}{b}}");
  const std::string shown = facts::AsWritten(std::string(300, 'a') + std::string(300, 'b'), 100);
  EXPECT_LE(shown.size(), 100u);
  EXPECT_TRUE(shown.starts_with("aaa") && shown.ends_with("bbb")) << shown;
  EXPECT_EQ(facts::AsWritten(std::string(100, 'a'), 100).size(), 100u);
  // Of a very long one the end is not looked for.
  const std::string list = facts::AsWritten(std::string(5000, 'a') + "b", 100);
  EXPECT_LE(list.size(), 100u);
  EXPECT_TRUE(list.ends_with("a ...")) << list;
  EXPECT_EQ(facts::AsWritten("a" + std::string(5000, ' ') + "b"), "a ...");
}

TEST(Written, HasNoCredentials) {
  const auto without = &facts::WithoutCredentials;
  EXPECT_EQ(without("pass=x ldap:///"), "pass=*** ldap:///");
  EXPECT_EQ(without("pass=a}b{c ldap:///"), "pass=*** ldap:///");
  EXPECT_EQ(facts::AsWritten("a{pass=\"x y\" ldap:///}"), "a{pass=*** ldap:///}");
  EXPECT_EQ(facts::AsWritten("a{pass=x} {pass=${if eq{a}{b}{c}} ldap:///}"),
            "a{pass=***} {pass=*** ldap:///}");
  EXPECT_EQ(without("pass=x y z"), "pass=***");
  EXPECT_EQ(without("PASS=x USER=cn=y ldap:///"), "PASS=*** USER=*** ldap:///");
  EXPECT_EQ(facts::AsWritten("{user=x pass=${quote:$auth2} ldap:///}"),
            "{user=*** pass=*** ldap:///}");
  EXPECT_EQ(without("bypass=x"), "bypass=x");
  EXPECT_EQ(without("user=joe"), "user=joe");
  EXPECT_EQ(without("https://joe:x@y/z"), "https://***@y/z");
  EXPECT_EQ(without("ldap://host/x?y@z"), "ldap://host/x?y@z");
  EXPECT_EQ(without("servers=a/b/c/x; get k"), "servers=***; get k");
  EXPECT_EQ(facts::AsWritten("${hmac{md5}{x}{$y}} z"), "${hmac{md5}{***}{$y}} z");
  // Any white space is as good as a blank.
  EXPECT_EQ(without("pass=\vx\f ldap:///"), "pass=***\f ldap:///");
  const FakeNames names;
  EXPECT_EQ(WithoutPasswords("pass=a\vb\f ldap:///", *names.FindLookup("ldap")),
            "pass=***\f ldap:///");
  // Of many that seem to stand in each other, all of it goes.
  std::string many;
  for (int i = 0; i < 400; ++i) many += "pass=";
  EXPECT_EQ(without(many + " a b=c"), "pass=***");
}

TEST(Written, KnowsWhereAPasswordGoesOn) {
  EXPECT_TRUE(facts::EndsInPassword("user=x pass="));
  EXPECT_TRUE(facts::EndsInPassword("pass=\"a b"));
  EXPECT_TRUE(facts::EndsInPassword("pass=\""));
  EXPECT_TRUE(facts::EndsInPassword("servers=h/d/u/"));
  EXPECT_FALSE(facts::EndsInPassword("pass=x "));
  EXPECT_FALSE(facts::EndsInPassword("pass=\"a b\" ldap:///"));
  EXPECT_FALSE(facts::EndsInPassword("ldap:///"));
}

}  // namespace
}  // namespace signet::expand
