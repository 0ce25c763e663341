#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "expand/expand.h"
#include "src/base/limits.h"
#include "src/crypto/certificate.h"
#include "test/support/certificates.h"
#include "test/support/fake_world.h"

namespace signet::expand {
namespace {

using test::FakeNames;
using test::FakeServices;

// A session, a world and the texts that were compiled in it.
class ExpandTest : public ::testing::Test {
 protected:
  ProgramPtr Compiled(std::string text, facts::Phase at = facts::Phase::kData,
                      Reading reading = Reading::kConfiguration) {
    diagnostics_.clear();
    texts_.push_back(std::make_unique<SourceText>("test.conf", std::move(text)));
    return Compile(texts_.back()->whole(), at, names_, &diagnostics_, reading);
  }
  Outcome Run(std::string text) {
    ProgramPtr program = Compiled(std::move(text), facts::Phase::kData, Reading::kTrial);
    if (program == nullptr) {
      ADD_FAILURE() << texts_.back()->text() << ": "
                    << (diagnostics_.empty() ? "?" : diagnostics_.front().message);
      return Value();
    }
    return Evaluate(*program, session_, services_, budget_);
  }
  Value ValueOf(std::string text) {
    Outcome outcome = Run(std::move(text));
    if (outcome.ok()) return outcome.value();
    ADD_FAILURE() << texts_.back()->text() << ": " << outcome.error().text;
    return Value();
  }
  std::string TextOf(std::string text) { return ValueOf(std::move(text)).text; }
  Failure FailureOf(std::string text) {
    Outcome outcome = Run(std::move(text));
    if (!outcome.ok()) return outcome.error();
    ADD_FAILURE() << texts_.back()->text() << " gave \"" << outcome.value().text << '"';
    return Failure();
  }
  // The first message of a text that does not compile.
  std::string ErrorOf(std::string text, facts::Phase at = facts::Phase::kData) {
    EXPECT_EQ(Compiled(std::move(text), at), nullptr);
    return diagnostics_.empty() ? "" : diagnostics_.front().message;
  }
  void GiveCertificate(const signet::testing::CertificateSpec& spec) {
    static const signet::testing::Issued root = signet::testing::MakeRoot();
    auto issued = signet::testing::Issue(
        spec, signet::testing::SharedKey(signet::testing::KeyType::kEcdsaP256), &root);
    auto certificate = crypto::Certificate::FromDer(issued.der);
    ASSERT_TRUE(certificate.ok()) << certificate.error();
    session_.tls.peer = certificate.value();
  }

  FakeNames names_;
  FakeServices services_;
  facts::Session session_;
  Budget budget_;
  Diagnostics diagnostics_;
  std::vector<std::unique_ptr<SourceText>> texts_;
};

// --- from certificate to list --------------------------------------------------------

std::string RandomMail(std::mt19937& random) {
  constexpr std::string_view kInteresting = ":;,<>!+/\\ *@=$%{}\"'ab";
  std::string name;
  for (std::size_t size = 1 + random() % 10; size > 0; --size)
    name += random() % 3 == 0 ? static_cast<char>(' ' + random() % 95)
                              : kInteresting[random() % kInteresting.size()];
  return name;
}

TEST_F(ExpandTest, RuleI7ANameOfACertificateIsOneElement) {
  std::mt19937 random(587);
  for (int round = 0; round < 200; ++round) {
    signet::testing::CertificateSpec spec = signet::testing::ClientSpec();
    spec.alternative_names.clear();
    std::vector<std::string> names;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      names.push_back(RandomMail(random));
      spec.alternative_names.push_back(signet::testing::MailName(names.back()));
    }
    GiveCertificate(spec);
    std::vector<std::string> usable;
    for (const crypto::SanName& name : session_.tls.peer->alternative_names())
      if (name.valid && name.type == crypto::SanType::kMail) usable.push_back(name.value);
    if (usable.empty()) continue;

    budget_ = Budget();
    Value list = ValueOf("${certextract{subj_altname,mail,>:}{$tls_in_peercert}}");
    EXPECT_TRUE(list.is_list);
    EXPECT_EQ(list.elements, usable);
    EXPECT_EQ(list.element_origins, kFromCertificate);
    session_.auth_vars[0] = list;
    const std::string count = std::to_string(usable.size());
    EXPECT_EQ(TextOf("${listcount:$auth1}"), count);
    EXPECT_EQ(ValueOf("${map{$auth1}{$item}}").elements, usable);
    EXPECT_EQ(ValueOf("${filter{$auth1}{!eq{$item}{}}}").elements, usable);
    EXPECT_EQ(TextOf("${listcount:${uc:${lc:$auth1}}}"), count);
    // Joined into a list of the administrator's, and through a variable again.
    budget_ = Budget();
    EXPECT_EQ(TextOf("${listcount:<:first:$auth1}"), std::to_string(usable.size() + 1));
    session_.acl_m["acl_m_x"] = ValueOf("<:first:$auth1");
    EXPECT_EQ(TextOf("${listcount:$acl_m_x}"), std::to_string(usable.size() + 1));
    for (std::size_t n = 0; n < usable.size(); ++n) {
      const std::string at = std::to_string(n + 1);
      EXPECT_EQ(TextOf("${listextract{" + at + "}{$auth1}}"), usable[n]);
      EXPECT_EQ(ValueOf("${listextract{" + std::to_string(n + 2) + "}{$acl_m_x}}").text, usable[n]);
    }
  }
}

TEST_F(ExpandTest, RuleI7TheIdentityIsOneElementOfAnyList) {
  session_.auth.result = facts::AuthResult::kAuthenticated;
  for (Origins origin : {kFromCertificate, kFromDirectory}) {
    session_.auth.id = "a:b@one.test";
    session_.auth.id_origins = origin;
    session_.envelope.sender = "A:b@one.test";
    EXPECT_EQ(TextOf("${if inlisti{$sender_address}{<: $authenticated_id}{y}{n}}"), "y");
    session_.envelope.sender = "b@one.test";
    EXPECT_EQ(TextOf("${if inlisti{$sender_address}{<: $authenticated_id}{y}{n}}"), "n");
  }
}

TEST_F(ExpandTest, RuleI8AttributesAreSelectedInTheParsedName) {
  using signet::testing::Utf8;
  signet::testing::CertificateSpec spec = signet::testing::ClientSpec();
  spec.subject = signet::testing::Name({{"2.5.4.10", Utf8("x,CN=admin+CN=root")},
                                        {"2.5.4.3", Utf8("Bob, \\ \"the\" <b>;#")},
                                        {"0.9.2342.19200300.100.1.1", Utf8("bob1"), true},
                                        {"2.5.4.3", Utf8(" =,:")}});
  GiveCertificate(spec);
  using Texts = std::vector<std::string>;
  EXPECT_EQ(ValueOf("${certextract{subject,CN,literal,>:}{$tls_in_peercert}}").elements,
            (Texts{"Bob, \\ \"the\" <b>;#", " =,:"}));
  EXPECT_EQ(ValueOf("${certextract{subject,CN,>:}{$tls_in_peercert}}").elements,
            (Texts{"Bob, \\\\ \\\"the\\\" \\<b\\>\\;#", "\\ =,:"}));
  EXPECT_EQ(ValueOf("${certextract{subject,UID}{$tls_in_peercert}}").elements, (Texts{"bob1"}));
  EXPECT_EQ(ValueOf("${certextract{subject,O}{$tls_in_peercert}}").elements,
            (Texts{"x,CN=admin\\+CN=root"}));
  EXPECT_EQ(ValueOf("${certextract{subject,>;}{$tls_in_peercert}}").elements.size(), 4u);
}

TEST_F(ExpandTest, AMultiValuedNameAndOddAccessEntriesGiveWhatIsThere) {
  signet::testing::CertificateSpec spec = signet::testing::ClientSpec();
  spec.alternative_names = {signet::testing::IpName(std::string("\xc0\x00\x02\x09", 4))};
  GiveCertificate(spec);
  EXPECT_EQ(TextOf("${certextract{subj_altname}{$tls_in_peercert}{y}{none}}"), "none");
  EXPECT_EQ(TextOf("${certextract{ocsp_uri}{$tls_in_peercert}{y<$value>}{none}}"), "none");
}

TEST_F(ExpandTest, AccessEntriesThatAreNotOcspAreSkipped) {
  using signet::testing::Oid;
  using signet::testing::Sequence;
  using signet::testing::UriName;
  signet::testing::CertificateSpec spec = signet::testing::ClientSpec();
  const std::string ocsp = Sequence({Oid("1.3.6.1.5.5.7.48.1"), UriName("http://ocsp.one.test/")});
  const std::string issuers = Sequence({Oid("1.3.6.1.5.5.7.48.2"), UriName("http://ca.one.test/")});
  spec.extra = {{"1.3.6.1.5.5.7.1.1", false, Sequence({ocsp, issuers})}};
  GiveCertificate(spec);
  EXPECT_EQ(TextOf("${certextract{ocsp_uri}{$tls_in_peercert}{y<$value>}{none}}"),
            "y<http://ocsp.one.test/>");
}

TEST_F(ExpandTest, ADigestOfNoCertificateIsAFailure) {
  EXPECT_EQ(FailureOf("${sha256:$tls_in_peercert}").kind, FailureKind::kPermanent);
  EXPECT_EQ(TextOf("${if def:tls_in_peercert{${sha256:$tls_in_peercert}}{none}}"), "none");
}

// --- data is never code --------------------------------------------------------------

TEST_F(ExpandTest, RuleE1DataIsNeverExpanded) {
  session_.envelope.sender = "${lc:X}$1\\1";
  EXPECT_EQ(TextOf("$sender_address"), "${lc:X}$1\\1");
  EXPECT_EQ(TextOf("${sg{abc}{b}{$sender_address}}"), "a${lc:X}$1\\1c");
  EXPECT_EQ(TextOf("${sg{abc}{(b)}{\\${uc:$sender_address\\$1\\}}}"), "a${LC:X}$1\\1Bc");
  EXPECT_EQ(TextOf("${map{a:b}{$sender_address}}"), "${lc::X}$1\\1:${lc::X}$1\\1");
}

TEST_F(ExpandTest, AValueInsideANameOfTheReplacementIsAnErrorAtLoad) {
  EXPECT_NE(ErrorOf("${sg{abc}{b}{\\${u$primary_hostname\\:x\\}}}"), "");
}

TEST_F(ExpandTest, RuleE2PatternsFromOutsideAreRefused) {
  session_.envelope.sender = "a.c";
  Failure failure = FailureOf("${if match{abc}{$sender_address}}");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_EQ(failure.text,
            "text from the client in a regular expression is not quoted: use ${rxquote:...}");
  EXPECT_EQ(FailureOf("${sg{abc}{$sender_address}{x}}").kind, FailureKind::kTemporary);
  EXPECT_EQ(TextOf("${if match{abc}{^${rxquote:$sender_address}\\$}{y}{n}}"), "n");
  EXPECT_EQ(TextOf("${if match{a.c}{^${rxquote:$sender_address}\\$}{y}{n}}"), "y");
}

TEST_F(ExpandTest, RuleE2OriginsJoin) {
  session_.envelope.sender = "s";
  session_.tls.sni = "n";
  Value value = ValueOf("a${lc:$sender_address}b${uc:$tls_in_sni}${md5:$sender_address}");
  ASSERT_EQ(value.segments.size(), 5u);
  EXPECT_EQ(value.segments[1], (Segment{2, kFromClient}));
  EXPECT_EQ(value.segments[4].origins, kFromAdministrator);
  EXPECT_EQ(value.origins(), kFromClient);
  services_.answers["k /f"] = {LookupAnswer::kFound, "v"};
  EXPECT_EQ(ValueOf("${lookup{k}lsearch{/f}}").origins(), kFromDirectory);
}

TEST_F(ExpandTest, RuleL1ANestedOutsiderIsRefusedWhenItIsUsed) {
  session_.auth_vars[0] = Value("a*b", kFromCertificate);
  Failure failure = FailureOf("${lookup ldap{ldap:///o=x?u?sub?(m=${lc:$auth1})}}");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_NE(failure.text.find("quote_ldap"), std::string::npos);
  EXPECT_TRUE(services_.asked.empty());
}

TEST_F(ExpandTest, RuleL2QuotedTextReachesTheQueryUnchanged) {
  std::string octets;
  for (int c = 0; c < 256; ++c) octets += static_cast<char>(c);
  session_.auth_vars[0] = Value(octets, kFromCertificate);
  (void)Run("${lookup ldap{ldap:///o=x?u?sub?(m=${quote_ldap:$auth1})}}");
  ASSERT_EQ(services_.asked.size(), 1u);
  // Nothing but the administrator's own octets means something to a filter or a URL.
  std::string_view query = services_.asked[0];
  std::string_view value = query.substr(21, query.size() - 22);
  EXPECT_EQ(query.substr(0, 21), "ldap:///o=x?u?sub?(m=");
  EXPECT_EQ(value.find_first_of(std::string_view("*()\\\0?/# ", 9)), std::string_view::npos);
}

// --- budgets -------------------------------------------------------------------------

std::string NestedOperators(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += "${lc:";
  return text + "A" + std::string(depth, '}');
}

TEST_F(ExpandTest, RuleE3DepthIsRefusedAtLoad) {
  EXPECT_EQ(TextOf(NestedOperators(limits::kExpandDepth)), "a");
  EXPECT_EQ(ErrorOf(NestedOperators(limits::kExpandDepth + 1)), "nested deeper than 100 levels");
  EXPECT_NE(ErrorOf(NestedOperators(100'000)), "");
  std::string conditions;
  for (int i = 0; i < 100'000; ++i) conditions += "and{{";
  EXPECT_NE(ErrorOf("${if " + conditions), "");
}

TEST_F(ExpandTest, RuleE3NodesAreLimited) {
  auto captures = [](std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += "$1";
    return text;
  };
  EXPECT_NE(Compiled(captures(limits::kProgramNodes - 1)), nullptr);
  EXPECT_NE(ErrorOf(captures(limits::kProgramNodes)), "");
}

TEST_F(ExpandTest, RuleE3StepsAreLimited) {
  budget_.steps = 3;
  EXPECT_EQ(TextOf("$1$2"), "");
  budget_.steps = 2;
  Failure failure = FailureOf("$1$2");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_EQ(failure.text, "too many steps in one expansion");
}

TEST_F(ExpandTest, RuleE3OutputIsLimited) {
  session_.primary_hostname = std::string(1000, 'x');
  // Doubles ten times a round; ends at the limit, not at the end of memory.
  std::string doubling =
      "${reduce{a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t}{$primary_hostname}"
      "{$value$value$value$value}}";
  Failure failure = FailureOf(doubling);
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_EQ(failure.text, "\"too much output in one expansion\" inside \"reduce\" item");
  budget_ = Budget();
  session_.primary_hostname = std::string(limits::kExpandOutputBytes / 4, 'x');
  EXPECT_EQ(TextOf("${strlen:$primary_hostname$primary_hostname}"),
            std::to_string(limits::kExpandOutputBytes / 2));
}

TEST_F(ExpandTest, RuleE3WhatIsExpandedAgainCountsAsNested) {
  session_.acl_m["acl_m_x"] = Value("${expand:$acl_m_x}");
  Failure failure = FailureOf("$acl_m_x${expand:$acl_m_x}");
  EXPECT_EQ(failure.kind, FailureKind::kPermanent);
  EXPECT_TRUE(failure.text.ends_with("nested deeper than " + std::to_string(limits::kExpandDepth) +
                                     " levels"));
}

TEST_F(ExpandTest, RuleE3WhatIsCompiledCountsAsOutput) {
  session_.acl_m["acl_m_x"] = Value(std::string(limits::kExpandOutputBytes / 128, 'x'));
  EXPECT_EQ(TextOf("${strlen:${expand:$acl_m_x}}"),
            std::to_string(limits::kExpandOutputBytes / 128));
  budget_ = Budget();
  EXPECT_EQ(FailureOf("${map{a:b:c}{${expand:$acl_m_x}}}").kind, FailureKind::kTemporary);
}

TEST_F(ExpandTest, RuleE3ListElementsAreLimited) {
  session_.primary_hostname = std::string(limits::kListMaxElements, ':');
  EXPECT_EQ(TextOf("${listcount:<,$primary_hostname}"), "1");
  std::string list;
  for (std::size_t i = 0; i < limits::kListMaxElements; ++i) list += "a,";
  session_.primary_hostname = list;
  EXPECT_EQ(TextOf("${listcount:<,$primary_hostname}"), std::to_string(limits::kListMaxElements));
  budget_ = Budget();
  session_.primary_hostname = list + "a";
  EXPECT_EQ(FailureOf("${listcount:<,$primary_hostname}").text, "list has too many elements");
}

TEST_F(ExpandTest, RuleE3LookupsAreLimited) {
  budget_.lookups = 1;
  EXPECT_EQ(TextOf("${lookup{a}lsearch{/f}}"), "");
  Failure failure = FailureOf("${lookup{a}lsearch{/f}}");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_EQ(failure.text, "too many lookups in one session");
}

TEST_F(ExpandTest, RuleE3TheDeadlineEndsALongEvaluation) {
  budget_.deadline = Deadline::At(MonotonicTime::min());
  EXPECT_EQ(FailureOf("${lookup{a}lsearch{/f}}").text, "expansion took too long");
  std::string list;
  for (int i = 0; i < 5000; ++i) list += "a:";
  EXPECT_EQ(FailureOf("${map{" + list + "}{x}}").kind, FailureKind::kTemporary);
}

TEST_F(ExpandTest, NestedLoopsEndAtTheBudget) {
  std::string list = "a";
  for (int i = 0; i < 999; ++i) list += ":a";
  session_.primary_hostname = list;
  std::string text = "x";
  for (int i = 0; i < 6; ++i) text = "${map{$primary_hostname}{" + text + "}}";
  EXPECT_EQ(FailureOf(text).kind, FailureKind::kTemporary);
}

TEST_F(ExpandTest, RuleE5AMatchThatGivesUpIsNotNoMatch) {
  session_.envelope.sender = std::string(40, 'a') + "b";
  Failure failure = FailureOf("${if match{$sender_address}{^(a+)+\\$}{y}{n}}");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
  EXPECT_EQ(failure.text, "regular expression gave up: match limit exceeded");
}

// --- failures ------------------------------------------------------------------------

TEST_F(ExpandTest, RuleE6WhatFailsIsAFailure) {
  services_.answers["a /f"] = {LookupAnswer::kDeferred, "server is down"};
  for (const char* text :
       {"${if eq{${lookup{a}lsearch{/f}}}{}{y}{n}}", "${if !eq{${lookup{a}lsearch{/f}}}{}{y}{n}}",
        "${if or{{eq{${lookup{a}lsearch{/f}}}{}}{eq{a}{a}}}{y}{n}}",
        "${if forany{a:b}{eq{${lookup{$item}lsearch{/f}}}{}}{y}{n}}",
        "${filter{a:b}{eq{${lookup{$item}lsearch{/f}}}{}}}", "${lookup{a}lsearch{/f}{y}fail}"}) {
    Failure failure = FailureOf(text);
    EXPECT_EQ(failure.kind, FailureKind::kTemporary) << text;
    EXPECT_TRUE(failure.lookup_deferred) << text;
    EXPECT_TRUE(failure.text.starts_with("lookup of \"a\" gave DEFER: \"server is down\"")) << text;
  }
}

TEST_F(ExpandTest, AllKeysOfAKeyAreOneLookupAndHaveALimit) {
  budget_.lookups = 1;
  EXPECT_EQ(TextOf("${lookup{a.b.c.d}partial-lsearch*{/f}{y}{n}}"), "n");
  EXPECT_EQ(services_.asked.size(), 5u);
  EXPECT_EQ(FailureOf("${lookup{a}lsearch{/f}}${lookup{a}lsearch{/f}}").text,
            "too many lookups in one session");
  budget_ = Budget();
  // The key itself, the affix and it, and one for each component but the last.
  std::string most = "x";
  for (std::size_t i = 2; i < limits::kKeysPerLookup; ++i) most += ".x";
  EXPECT_EQ(TextOf("${lookup{" + most + "}partial1-lsearch{/f}{y}{n}}"), "n");
  EXPECT_EQ(FailureOf("${lookup{x." + most + "}partial1-lsearch{/f}{y}{n}}").text,
            "the key has too many components for partial matching");
}

TEST_F(ExpandTest, RuleL9AQueryHasALimit) {
  budget_.output_bytes = std::size_t{64} * 1024 * 1024;
  const std::string most(limits::kQueryBytes, 'x');
  EXPECT_EQ(TextOf("${lookup passwd{" + most + "}{y}{n}}"), "n");
  EXPECT_EQ(FailureOf("${lookup passwd{x" + most + "}{y}{n}}").text,
            "the query is longer than " + std::to_string(limits::kQueryBytes) + " octets");
  // Two parts each: the administrator's and the client's.
  session_.acl_m["acl_m_x"] = Value("a", kFromClient);
  std::string parts;
  for (std::size_t i = 0; i < limits::kQueryParts / 2; ++i) parts += "'${quote_sqlish:$acl_m_x}";
  std::string even = parts;
  even.replace(0, 1, "select '");
  EXPECT_EQ(FailureOf("${lookup sqlish{" + even + "}{y}{n}}").text,
            "text from the client in a query of type \"sqlish\" stands outside of a string: put it "
            "between single quotes");
  EXPECT_EQ(FailureOf("${lookup sqlish{" + even + "'}{y}{n}}").text,
            "a query of type \"sqlish\" has more than " + std::to_string(limits::kQueryParts) +
                " parts of different origin");
}

TEST_F(ExpandTest, AFailureHasTheSpanOfTheNodeThatFailed) {
  Failure failure = FailureOf("abc ${if eq{a}{${eval:1/0}}{y}{n}}");
  EXPECT_EQ(failure.span.view(), "${eval:1/0}");
  EXPECT_EQ(PlaceOf(failure.span), "test.conf:1:16");
}

TEST_F(ExpandTest, ABranchNotTakenIsNotEvaluated) {
  EXPECT_EQ(TextOf("${if eq{a}{a}{y}{${eval:1/0}}}"), "y");
  EXPECT_EQ(TextOf("${if or{{eq{a}{a}}{eq{${eval:1/0}}{}}}{y}{n}}"), "y");
  EXPECT_EQ(TextOf("${if and{{eq{a}{b}}{eq{${eval:1/0}}{}}}{y}{n}}"), "n");
}

// --- compiling -----------------------------------------------------------------------

TEST_F(ExpandTest, EveryMistakeIsReportedInOrder) {
  EXPECT_EQ(Compiled("$nosuch ${nosuch:x} ${if nosuch{a}{b}}"), nullptr);
  ASSERT_EQ(diagnostics_.size(), 3u);
  EXPECT_EQ(diagnostics_[0].message, "unknown variable name \"nosuch\"");
  EXPECT_EQ(diagnostics_[1].message, "unknown expansion operator \"nosuch\"");
  EXPECT_EQ(diagnostics_[2].message, "unknown condition \"nosuch\"");
}

TEST_F(ExpandTest, AVariableBeforeItsPhaseIsAnError) {
  EXPECT_NE(Compiled("$sender_address", facts::Phase::kMail), nullptr);
  EXPECT_EQ(ErrorOf("$sender_address", facts::Phase::kHelo),
            "$sender_address is not set before mail; this is evaluated at helo");
  EXPECT_EQ(ErrorOf("${if eq{$local_part}{a}}", facts::Phase::kMail),
            "$local_part is not set before rcpt; this is evaluated at mail");
}

// Asking whether it is set is no mistake, and what depends on it is out of reach.
TEST_F(ExpandTest, AskingForAVariableBeforeItsPhaseIsAWarning) {
  EXPECT_NE(Compiled("${if def:local_part{$local_part}{}}", facts::Phase::kMail), nullptr);
  EXPECT_EQ(diagnostics_.size(), 3u);
  EXPECT_EQ(ErrorOf("${if !def:local_part{$local_part}{}}", facts::Phase::kMail),
            "$local_part is not set before rcpt; this is evaluated at mail");
}

TEST_F(ExpandTest, ConstantsAreTriedWithinALimit) {
  std::string text = "${eval:1/0}";
  EXPECT_EQ(Compiled(text), nullptr);
  // Each level is asked for its condition, and costs what is below it.
  for (int level = 0; level < 90; ++level) text = "${if eq{" + text + "}{a}{b}{c}}";
  EXPECT_EQ(Compiled(text), nullptr);
  // A condition of so many steps is known, one of more is not: then its branches count.
  auto forall = [&](std::size_t elements) {
    std::string list;
    for (std::size_t i = 0; i < elements; ++i) list += "a:";
    return Compiled("${if forall{" + list + "}{eq{a}{a}}{$domain}{${eval:1/0}}}");
  };
  EXPECT_NE(forall(limits::kFoldSteps / 20), nullptr);
  EXPECT_EQ(forall(limits::kFoldSteps / 2), nullptr);
}

TEST_F(ExpandTest, AConstantIsKnownAtLoad) {
  ProgramPtr program = Compiled("a\\x41\\}");
  ASSERT_NE(program, nullptr);
  ASSERT_NE(program->constant(), nullptr);
  EXPECT_EQ(*program->constant(), "aA}");
  program = Compiled("a$primary_hostname");
  EXPECT_EQ(program->constant(), nullptr);
  EXPECT_EQ(*Compiled("")->constant(), "");
}

// The replacement of sg is compiled from a text that the Program owns; a failure's place
// is in the administrator's, which stays.
TEST_F(ExpandTest, AFailureInAReplacementIsPlacedInWhatWasWritten) {
  for (const char* text :
       {"${sg{abc}{b}{\\${eval:x\\}}}", "${sg{abc}{b}{\\N${sg{x}{x}{\\${eval:x\\}}}\\N}}"}) {
    Failure failure = FailureOf(text);
    ASSERT_EQ(failure.span.text, texts_.back().get()) << text;
    EXPECT_NE(failure.span.view().find("eval"), std::string_view::npos) << failure.span.view();
  }
}

TEST_F(ExpandTest, RuleE3ConstantsCountAsOutput) {
  EXPECT_EQ(TextOf(std::string(limits::kExpandOutputBytes, 'x')).size(),
            limits::kExpandOutputBytes);
  EXPECT_EQ(FailureOf(std::string(limits::kExpandOutputBytes + 1, 'x')).kind,
            FailureKind::kTemporary);
}

TEST_F(ExpandTest, RuleE5MatchingOfOneEvaluationHasATime) {
  budget_.regex_time = std::chrono::nanoseconds(1);
  session_.primary_hostname = "host";
  Failure failure = FailureOf("${if match{$primary_hostname}{o}}${if match{$primary_hostname}{o}}");
  EXPECT_EQ(failure.text, "regular expression gave up: time limit exceeded");
  EXPECT_EQ(failure.kind, FailureKind::kTemporary);
}

TEST_F(ExpandTest, RuleE3NothingBlocksWhenTheTimeIsOver) {
  for (const char* text :
       {"${stat:/}", "${if exists{/}}", "${if crypteq{x}{ab}}", "${rfc2047d:=?utf-8?Q?x?=}"}) {
    budget_.deadline = Deadline::After(std::chrono::milliseconds(-1));
    EXPECT_EQ(FailureOf(text).text, "expansion took too long") << text;
  }
}

TEST_F(ExpandTest, RuleE8NulIsAnOctetLikeAnyOther) {
  EXPECT_EQ(TextOf("${base64d:YQBi}"), std::string("a\0b", 3));
  EXPECT_EQ(TextOf("${strlen:${base64d:YQBi}}"), "3");
  session_.envelope.sender = std::string("a\0b", 3);
  EXPECT_EQ(TextOf("${uc:$sender_address}"), std::string("A\0B", 3));
}

// A text of the administrator has none, and nobody else's becomes one by an operator that
// makes text: what stands behind it would be hidden from whatever ends text there.
TEST_F(ExpandTest, RuleE8NulIsNotWritten) {
  for (const char* text : {"a\\0b", "a\\x00b", "a\\xg", "${uc:\\000}", "\\400"})
    EXPECT_EQ(ErrorOf(text), "escape sequence stands for NUL") << text;
  EXPECT_EQ(FailureOf("${xtextd:a+00b}").text, "\"a+00b\" is not xtext");
  EXPECT_EQ(TextOf("${rfc2047d:=?utf-8?Q?=00?=}"), "?");
}

// What is said to print does, for any octets of any length; nothing else breaks either.
TEST_F(ExpandTest, RuleE8OperatorsTakeAnyOctets) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::mt19937 random(4242);
  std::vector<std::string> subjects{"", all, std::string(10'000, '\0'),
                                    std::string(10'000, '\xff')};
  for (int i = 0; i < 50; ++i) {
    std::string some;
    for (std::size_t size = random() % 40; size > 0; --size)
      some += static_cast<char>(random() % 256);
    subjects.push_back(some);
  }
  const std::string printing[] = {"base64",  "hexquote",   "md5",           "sha1",   "sha256",
                                  "str2b64", "quote_ldap", "quote_ldap_dn", "strlen", "listcount",
                                  "sha2",    "sha3",       "base32",        "base62", "nh"};
  for (std::string_view row : AllRows("operator")) {
    if (row == "listnamed") continue;  // its operand is a constant
    static const std::set<std::string_view> kCounted{"l",      "s",      "h",    "nh",
                                                     "length", "substr", "hash", "nhash"};
    ProgramPtr program = Compiled("${" + std::string(row) + (kCounted.contains(row) ? "_3" : "") +
                                  ":$sender_address}");
    ASSERT_NE(program, nullptr) << row;
    const bool prints =
        std::find(std::begin(printing), std::end(printing), row) != std::end(printing);
    for (const std::string& subject : subjects) {
      session_.envelope.sender = subject;
      Budget budget;
      Outcome outcome = Evaluate(*program, session_, services_, budget);
      if (!outcome.ok() || !prints) continue;
      for (char c : outcome.value().text) ASSERT_TRUE(c > ' ' && c < '\x7f') << row;
    }
  }
}

TEST_F(ExpandTest, RuleE7NothingRunsAProgramOrOpensAFile) {
  for (const char* text : {"${run{/bin/true}}", "${perl{f}}", "${dlfunc{/f}{g}}", "${readfile{/f}}",
                           "${readsocket{/s}{x}}"})
    EXPECT_TRUE(ErrorOf(text).ends_with(" here")) << text;
}

TEST_F(ExpandTest, OverridesWinOverFacts) {
  session_.envelope.sender = "a@b.test";
  session_.overrides["sender_address"] = Value("c@d.test", kFromClient);
  EXPECT_EQ(TextOf("$sender_address"), "c@d.test");
}

TEST_F(ExpandTest, DumpsShowTheProgram) {
  EXPECT_EQ(Dump(*Compiled("a${if and{{!eq{$1}{b}}{match{x}{y}}}{${substr_1_2:$value}}fail}")),
            "join\n"
            "  text \"a\"\n"
            "  item if\n"
            "    condition and\n"
            "      condition !eq\n"
            "        capture 1\n"
            "        text \"b\"\n"
            "      condition match compiled\n"
            "        text \"x\"\n"
            "        text \"y\"\n"
            "    yes\n"
            "      operator substr 1 2\n"
            "        variable value\n"
            "    fail\n");
  EXPECT_EQ(Dump(*Compiled("${certextract{subj_altname,mail,>:}{$tls_in_peercert}}")),
            "item certextract field subj_altname kind mail separator \":\"\n"
            "  text \"subj_altname,mail,>:\"\n"
            "  variable tls_in_peercert\n");
  EXPECT_EQ(Dump(*Compiled("${lookup{k}lsearch,ret=key{/f}}")),
            "item lookup lsearch options \"ret=key\"\n"
            "  text \"k\"\n"
            "  text \"/f\"\n");
}

// --- state ---------------------------------------------------------------------------

// A lookup may suspend the caller, and another evaluation may run on the thread then.
class Interrupting : public FakeServices {
 public:
  std::function<void()> meanwhile;
  LookupAnswer Lookup(const LookupRequest& request) override {
    if (meanwhile) meanwhile();
    return FakeServices::Lookup(request);
  }
};

TEST_F(ExpandTest, AnEvaluationDuringALookupDisturbsNothing) {
  ProgramPtr outer =
      Compiled("${if match{pq}{(p)(q)}{${map{a:b}{${lookup{$item}lsearch{/f}{y}{$1$2$item}}}}}}");
  ProgramPtr inner = Compiled("${if match{xyz}{(x)(y)(z)}{$1${map{1:2}{$item}}}}");
  Interrupting services;
  services.meanwhile = [&] {
    Budget budget;
    FakeServices none;
    Outcome outcome = Evaluate(*inner, session_, none, budget);
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.value().text, "x1:2");
  };
  Outcome outcome = Evaluate(*outer, session_, services, budget_);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.value().text, "pqa:pqb");
}

TEST_F(ExpandTest, AProgramRunsInSeveralThreadsAtOnce) {
  ProgramPtr program = Compiled(
      "${if match{ab}{(a)(b)}{$2$1}}${sg{xyx}{x}{\\${uc:\\$0\\}}}${md5:$primary_hostname}");
  ASSERT_NE(program, nullptr);
  std::vector<std::thread> threads;
  std::vector<std::string> results(4);
  for (std::string& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        FakeServices services;
        Budget budget;
        result = Evaluate(*program, session_, services, budget).value().text;
      }
    });
  for (std::thread& t : threads) t.join();
  for (const std::string& result : results)
    EXPECT_EQ(result, "baXyXd41d8cd98f00b204e9800998ecf8427e");
}

// --- stack --------------------------------------------------------------------------

// How many octets of stack `work` used, at most.
std::size_t StackUsedBy(const std::function<void()>& work) {
  constexpr std::size_t kStackBytes = 4 * 1024 * 1024;
  constexpr unsigned char kPaint = 0xa5;
  std::vector<unsigned char> stack(kStackBytes, kPaint);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack.data(), stack.size());
  pthread_t thread;
  auto run = [](void* f) -> void* {
    (*static_cast<const std::function<void()>*>(f))();
    return nullptr;
  };
  void* argument = const_cast<std::function<void()>*>(&work);
  EXPECT_EQ(pthread_create(&thread, &attributes, run, argument), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  auto used = std::find_if(stack.begin(), stack.end(), [](unsigned char c) { return c != kPaint; });
  return static_cast<std::size_t>(stack.end() - used);
}

// They outlive the texts that a program makes for itself, and the program.
TEST_F(ExpandTest, DiagnosticsLieInTheTextThatWasCompiled) {
  for (const char* text :
       {"${sg{a}{b}{\\N$ldap_dn\\N}}", "${sg{a}{b}{\\N$ldap_dn\\N}} ${lc:", "${expand:\\$ldap_dn}",
        "${expand:\\${expand:\\\\\\$ldap_dn\\}}", "${sg{a}{b}{\\N${sg{a}{b}{\\$ldap_dn}}\\N}}"}) {
    (void)Compiled(text);
    EXPECT_FALSE(diagnostics_.empty()) << text;
    for (const Diagnostic& d : diagnostics_) {
      ASSERT_EQ(d.span.text, texts_.back().get()) << text << ": " << d.message;
      EXPECT_NE(d.span.view().find("ldap_dn") == d.span.view().npos,
                d.message.find("ldap_dn") != d.message.npos)
          << text << ": " << d.span.view();
    }
  }
}

// The deepest programs there can be leave half of a coroutine's stack for what calls them
// and what they call.
TEST_F(ExpandTest, RuleE3TheDeepestProgramFitsOnACoroutinesStack) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t kMost = limits::kCoroutineStackBytes * 4;  // frames have red zones
#else
  constexpr std::size_t kMost = limits::kCoroutineStackBytes / 2;
#endif
  const std::pair<std::string, std::string> kShapes[] = {
      {"a${lc:", "}b"},
      {"${if eq{a}{a}{x", "y}}"},
      {"${if and{{eq{a", "}{}}}{y}{n}}"},
      {"${map{a}{x", "y}}"},
      {"${filter{a}{eq{x", "}{}}}"},
      {"${reduce{a}{b}{x", "y}}"},
      {"${sg{a", "}{b}{c}}"},
      {"${sg{a}{a}{x", "y}}"},
      {"${extract{1}{:}{a:b", "}{<$value>}}"},
      {"${lookup{a", "}lsearch{/f}}"},
      {"${if match{a", "}{a}{y}{n}}"},
      {"${if forany{a}{inlist{a", "}{a:b}}}"},
  };
  for (const auto& [before, after] : kShapes) {
    // The deepest that compiles; a shape may nest by more than one level.
    ProgramPtr program;
    for (std::size_t depth = limits::kExpandDepth; program == nullptr && depth > 20; --depth) {
      std::string text;
      for (std::size_t i = 0; i < depth; ++i) text += before;
      for (std::size_t i = 0; i < depth; ++i) text += after;
      program = Compiled(text);
    }
    ASSERT_NE(program, nullptr) << before;
    std::size_t used = StackUsedBy([&] {
      Budget budget;
      (void)Evaluate(*program, session_, services_, budget);
    });
    EXPECT_LT(used, kMost) << before;
    // The same where all of it is written down.
    facts::Trace trace(false, std::size_t{1} << 30);
    session_.trace = &trace;
    session_.phase = facts::Phase::kRcpt;
    const std::size_t traced = StackUsedBy([&] {
      Budget budget;
      (void)Evaluate(*program, session_, services_, budget);
    });
    session_.trace = nullptr;
    EXPECT_GT(trace.steps().size(), 20u) << before;
    EXPECT_LT(traced, kMost) << before;
    used = std::max(used, traced);
    if (std::getenv("SIGNET_SHOW_STACK") != nullptr) std::printf("%7zu %s\n", used, before.c_str());
  }
}

// --- truth ---------------------------------------------------------------------------

TEST(TruthTest, TheTablesDiffer) {
  for (const char* text : {"", "0", "no", "FALSE", "00", "-0"})
    EXPECT_EQ(AclTruth(text), Truth::kFalse) << text;
  for (const char* text : {"1", "-1", "yes", "True", "42"})
    EXPECT_EQ(AclTruth(text), Truth::kTrue) << text;
  for (const char* text : {" ", " 0", "on", "1x"})
    EXPECT_EQ(AclTruth(text), Truth::kInvalid) << text;

  for (const char* text : {"", "0", "no", "false"})
    EXPECT_EQ(AuthTruth(text), Truth::kFalse) << text;
  for (const char* text : {"1", "yes", "true"}) EXPECT_EQ(AuthTruth(text), Truth::kTrue) << text;
  for (const char* text : {"00", "2", "-1", " 1", "on"})
    EXPECT_EQ(AuthTruth(text), Truth::kInvalid) << text;

  for (const char* text : {"", "0", "no", "false"}) EXPECT_FALSE(LaxTruth(text)) << text;
  for (const char* text : {"00", "off", "-1"}) EXPECT_TRUE(LaxTruth(text)) << text;
}

}  // namespace
}  // namespace signet::expand
