#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "expand/show.h"
#include "src/acl/acl.h"
#include "src/base/limits.h"
#include "test/support/policy.h"
#include "test/support/trace_dump.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::VerdictKind;
using testing::Policy;

class RecordingEffects : public Effects {
 public:
  explicit RecordingEffects(facts::Session* session) : session_(session) {}
  void SetVariable(const std::string& name, Value value) override {
    (name[4] == 'c' ? session_->acl_c : session_->acl_m)[name] = std::move(value);
  }
  void AddHeader(facts::AddedHeader header) override { headers.push_back(std::move(header.text)); }
  void RemoveHeader(std::string pattern) override { removed.push_back(std::move(pattern)); }
  VerifyAnswer VerifyAddress(const VerifyRequest& request) override {
    verified.push_back(request);
    return verify_answer;
  }
  void LogWrite(std::string_view log, std::string_view text) override {
    lines.push_back(std::string(log) + ": " + std::string(text));
  }
  void Delay(std::chrono::milliseconds time) override { delayed += time; }
  facts::Session& session() override { return *session_; }

  std::vector<std::string> headers, removed, lines;
  std::vector<VerifyRequest> verified;
  VerifyAnswer verify_answer;
  std::chrono::milliseconds delayed{0};

 private:
  facts::Session* session_;
};

class AclEvaluateTest : public ::testing::Test {
 protected:
  AclEvaluateTest() : effects(&policy.session) {
    policy.session.envelope.sender = "alice@example.org";
    policy.session.envelope.sender_local_part = "alice";
    policy.session.envelope.sender_domain = "example.org";
    policy.session.envelope.has_sender = true;
    policy.session.envelope.current = {"bob@example.com", "bob", "example.com"};
    policy.session.helo = "client";
    policy.session.phase = facts::Phase::kRcpt;
  }

  void LogIn(std::string id = "alice@example.org", std::string authenticator = "tls") {
    policy.session.auth.result = facts::AuthResult::kAuthenticated;
    policy.session.auth.authenticator = std::move(authenticator);
    policy.session.auth.id = std::move(id);
    policy.session.auth.id_origins = kFromCertificate;
  }

  facts::Verdict Rcpt(std::string_view lines) { return Run(AclWhen::kRcpt, lines); }
  facts::Verdict Run(AclWhen when, std::string_view lines) {
    std::erase_if(policy.config.acls, [](const auto& acl) { return acl.name == "a"; });
    policy.Acl("a", lines);
    policy.AclOption(when, "a");
    return Run(when);
  }
  facts::Verdict Run(AclWhen when) {
    Diagnostics diagnostics;
    rules_ = Compile(policy.config, policy.names(), &diagnostics);
    policy.services.call_acl = [this](std::string_view name, std::vector<Value> arguments) {
      config::MatchContext context = policy.Context();
      return Call(*rules_, name, std::move(arguments), context, effects);
    };
    EXPECT_FALSE(HasErrors(diagnostics)) << testing::Summary(diagnostics);
    if (HasErrors(diagnostics)) return {};
    config::MatchContext context = policy.Context();
    return Evaluate(*rules_, when, context, effects);
  }

  Policy policy;
  RecordingEffects effects;

 private:
  std::unique_ptr<const Rules> rules_;
};

// --- verbs -----------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, UnsetAclsHaveTheirDefaults) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(AclWhen::kCount); ++i) {
    auto when = static_cast<AclWhen>(i);
    bool denies = when == AclWhen::kRcpt || when == AclWhen::kVrfy;
    EXPECT_EQ(Run(when).kind, denies ? VerdictKind::kDeny : VerdictKind::kAccept) << i;
  }
}

TEST_F(AclEvaluateTest, EndOfAnAclDenies) {
  EXPECT_EQ(Rcpt("").kind, VerdictKind::kDeny);
  EXPECT_EQ(Run(AclWhen::kMail, "accept hosts = 198.51.100.1").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("warn").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, AVerbAloneIsAnAclUnlessOneHasItsName) {
  policy.AclOption(AclWhen::kRcpt, "accept");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kAccept);
  policy.Acl("accept", "deny");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, VerbsThatHoldDecide) {
  EXPECT_EQ(Rcpt("accept").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("deny\naccept").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("defer\naccept").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("drop\naccept").kind, VerdictKind::kDrop);
  EXPECT_EQ(Rcpt("discard\ndeny").kind, VerdictKind::kDiscard);
  EXPECT_EQ(Rcpt("require\naccept").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("warn\naccept").kind, VerdictKind::kAccept);
}

TEST_F(AclEvaluateTest, VerbsThatDoNotHoldGoOnButRequire) {
  const std::string no = " condition = no\n";
  for (const char* verb : {"accept", "deny", "defer", "drop", "discard", "warn"}) {
    EXPECT_EQ(Rcpt(verb + no + "accept").kind, VerdictKind::kAccept) << verb;
    EXPECT_EQ(Rcpt(verb + no + "defer").kind, VerdictKind::kDefer) << verb;
  }
  EXPECT_EQ(Rcpt("require" + no + "accept").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, AllConditionsMustHold) {
  EXPECT_EQ(Rcpt("accept condition = yes\n condition = 1\n condition = -3\n condition = True").kind,
            VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept condition = yes\n condition = 0").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("accept !condition = no").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept ! condition = yes").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, EndpassDeniesWhereTheRestDoesNotHold) {
  EXPECT_EQ(Rcpt("accept endpass\n condition = no\naccept").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("accept condition = no\n endpass\naccept").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("discard endpass\n condition = no\naccept").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, ItemsBehindAFailedConditionAreNotRun) {
  Rcpt("warn set acl_m_a = 1\n condition = no\n set acl_m_b = 1\n logwrite = x\naccept");
  EXPECT_EQ(policy.session.acl_m.count("acl_m_a"), 1u);
  EXPECT_EQ(policy.session.acl_m.count("acl_m_b"), 0u);
  EXPECT_TRUE(effects.lines.empty());
}

// --- failures --------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, ForcedFailureLeavesTheItemOut) {
  EXPECT_EQ(Rcpt("accept condition = ${if eq{a}{b}{x}fail}").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept !condition = ${if eq{a}{b}{x}fail}").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept set acl_m_x = ${if eq{a}{b}{x}fail}").kind, VerdictKind::kAccept);
  EXPECT_EQ(policy.session.acl_m.count("acl_m_x"), 0u);
}

TEST_F(AclEvaluateTest, RuleE6LookupThatCannotAnswerDefers) {
  policy.services.Defer("k@/f", "out of reach");
  for (const char* verb : {"accept", "deny", "require", "drop", "discard", "defer"}) {
    facts::Verdict verdict =
        Rcpt(std::string(verb) + " condition = ${lookup{k}lsearch{/f}}\n message = x\naccept");
    EXPECT_EQ(verdict.kind, VerdictKind::kDefer) << verb;
    EXPECT_EQ(verdict.user_message, "");
    EXPECT_NE(verdict.log_message.find("out of reach"), std::string::npos);
  }
  EXPECT_EQ(Rcpt("accept !hosts = net-lsearch;/g : ${lookup{k}lsearch{/f}}").kind,
            VerdictKind::kDefer);
}

TEST_F(AclEvaluateTest, WarnThatCannotAnswerIsSkippedWithALine) {
  policy.services.Defer("k@/f", "out of reach");
  EXPECT_EQ(Rcpt("warn condition = ${lookup{k}lsearch{/f}}\naccept").kind, VerdictKind::kAccept);
  ASSERT_EQ(effects.lines.size(), 1u);
  EXPECT_TRUE(effects.lines[0].starts_with(
      "main: H=(client) [192.0.2.1] Warning: ACL \"warn\" statement skipped (in ACL a at "
      "test.conf:1:1): condition test deferred"))
      << effects.lines[0];
}

TEST_F(AclEvaluateTest, OtherFailuresDeferToo) {
  EXPECT_EQ(Rcpt("deny condition = ${eval:1/$acl_c0}\naccept").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("deny condition = ${lc:MAYBE}\naccept").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("warn condition = ${eval:1/$acl_c0}\naccept").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("warn delay = ${lc:SOON}\naccept").kind, VerdictKind::kDefer);
}

// --- conditions ------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, AuthenticatedMatchesTheAuthenticatorsName) {
  EXPECT_EQ(Rcpt("accept authenticated = *").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("accept !authenticated = *").kind, VerdictKind::kAccept);
  LogIn();
  EXPECT_EQ(Rcpt("accept authenticated = *").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept authenticated = plain : TLS").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept authenticated = plain").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, DeferredAuthenticationIsNone) {
  policy.session.auth.result = facts::AuthResult::kDeferred;
  policy.session.auth.authenticator = "tls";
  EXPECT_EQ(Rcpt("accept authenticated = *").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, EncryptedMatchesTheCipher) {
  EXPECT_EQ(Rcpt("accept encrypted = *").kind, VerdictKind::kDeny);
  policy.session.tls.active = true;
  policy.session.tls.cipher = "TLS1.3:ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_256_GCM:256";
  EXPECT_EQ(Rcpt("accept encrypted = *").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept encrypted = *aes_256_gcm").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept encrypted = TLS1.3*").kind, VerdictKind::kDeny);
}

TEST_F(AclEvaluateTest, VerifyCertificateIsWhatTheHandshakeFound) {
  facts::Verdict verdict = Rcpt("require verify = certificate\naccept");
  EXPECT_EQ(verdict.kind, VerdictKind::kDeny);
  EXPECT_EQ(verdict.user_message, "no verified certificate");
  policy.session.tls.verified = true;  // of a layer that is gone
  EXPECT_EQ(Rcpt("require verify = certificate\naccept").kind, VerdictKind::kDeny);
  policy.session.tls.active = true;
  EXPECT_EQ(Rcpt("require verify = certificate\naccept").kind, VerdictKind::kAccept);
}

TEST_F(AclEvaluateTest, EnvelopeConditions) {
  EXPECT_EQ(Rcpt("accept hosts = 192.0.2.0/24").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept senders = alice@example.org").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept senders = :").kind, VerdictKind::kDeny);
  EXPECT_EQ(Rcpt("accept sender_domains = example.org").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept domains = example.com").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept local_parts = bob").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept recipients = bob@example.com").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept recipients = alice@example.com").kind, VerdictKind::kDeny);
  policy.session.envelope.sender = "";
  EXPECT_EQ(Rcpt("accept senders = :").kind, VerdictKind::kAccept);
}

// --- nested ACLs -----------------------------------------------------------------------------

TEST_F(AclEvaluateTest, NestedAclsAnswerForTheirCaller) {
  policy.Acl("yes", "accept");
  policy.Acl("no", "deny message = inner text");
  policy.Acl("dropping", "drop");
  policy.Acl("later", "defer");
  policy.Acl("away", "discard");
  EXPECT_EQ(Rcpt("accept acl = yes").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept acl = no\ndefer").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("accept !acl = no").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("require acl = no").user_message, "inner text");
  EXPECT_EQ(Rcpt("require acl = dropping").kind, VerdictKind::kDrop);
  EXPECT_EQ(Rcpt("deny acl = dropping\naccept").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("deny acl = later\naccept").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("accept acl = away").kind, VerdictKind::kDiscard);
  EXPECT_EQ(Rcpt("warn acl = away\naccept").kind, VerdictKind::kDefer);
}

TEST_F(AclEvaluateTest, NestedAclsGetArguments) {
  policy.session.acl_args = {Value("outer")};
  policy.Acl("inner",
             "accept condition = ${if and{{eq{$acl_narg}{2}}{eq{$acl_arg1}{a b}}"
             "{eq{$acl_arg2}{client x}}}}");
  EXPECT_EQ(Rcpt("accept acl = inner \"a b\" ${lc:${sender_helo_name} X}").kind,
            VerdictKind::kAccept);
  ASSERT_EQ(policy.session.acl_args.size(), 1u);
  EXPECT_EQ(policy.session.acl_args[0].text, "outer");
}

TEST_F(AclEvaluateTest, ArgumentIsOneArgumentWhateverIsInIt) {
  policy.session.helo = "a b c";
  policy.Acl("inner", "accept condition = ${if eq{$acl_narg}{1}}");
  EXPECT_EQ(Rcpt("accept acl = inner $sender_helo_name").kind, VerdictKind::kAccept);
}

TEST_F(AclEvaluateTest, NamesFromOutsideAreRefused) {
  policy.Acl("client", "accept");
  EXPECT_EQ(Rcpt("accept acl = $sender_helo_name").kind, VerdictKind::kDefer);
  EXPECT_EQ(Rcpt("accept acl = ${lc:CLIENT}").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept acl = ${lc:NOBODY}").kind, VerdictKind::kDefer);
}

TEST_F(AclEvaluateTest, NestingEndsAtTheLimit) {
  policy.Acl("loop", "accept acl = loop");
  facts::Verdict verdict = Rcpt("accept acl = loop");
  EXPECT_EQ(verdict.kind, VerdictKind::kDefer);
  EXPECT_EQ(verdict.log_message, "ACL nested too deep: possible loop");
  EXPECT_EQ(policy.budget.acl_depth, limits::kAclDepth);
}

TEST_F(AclEvaluateTest, NestingGoesToTheLimit) {
  policy.Acl("l0", "accept");
  for (std::size_t i = 1; i <= limits::kAclDepth; ++i)
    policy.Acl("l" + std::to_string(i), "accept acl = l" + std::to_string(i - 1));
  EXPECT_EQ(Rcpt("accept acl = l" + std::to_string(limits::kAclDepth - 1)).kind,
            VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept acl = l" + std::to_string(limits::kAclDepth)).kind, VerdictKind::kDefer);
}

TEST_F(AclEvaluateTest, PlacesOfAclsNamedAtRunTimeAreCheckedThen) {
  policy.Acl("inner", "accept authenticated = *");
  facts::Verdict verdict = Run(AclWhen::kHelo, "accept acl = ${lc:INNER}");
  EXPECT_EQ(verdict.kind, VerdictKind::kDefer);
  EXPECT_EQ(verdict.log_message, "cannot test authenticated condition in EHLO or HELO ACL");
}

// --- options ---------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, OptionMayNameItsAclByAnExpansion) {
  policy.Acl("in", "accept");
  policy.Acl("out", "deny message = out");
  policy.AclOption(AclWhen::kRcpt, "${if eq{$sender_host_address}{192.0.2.1}{in}{out}}");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kAccept);
  policy.session.connection.client_ip = "198.51.100.1";
  EXPECT_EQ(Run(AclWhen::kRcpt).user_message, "out");
}

TEST_F(AclEvaluateTest, RuleE1OptionTextFromOutsideIsRefused) {
  policy.session.helo = "in";
  policy.Acl("in", "accept");
  policy.AclOption(AclWhen::kRcpt, "$sender_helo_name");
  facts::Verdict verdict = Run(AclWhen::kRcpt);
  EXPECT_EQ(verdict.kind, VerdictKind::kDefer);
  EXPECT_EQ(verdict.log_message, "internal configuration error");
  ASSERT_EQ(effects.lines.size(), 1u);
  EXPECT_TRUE(effects.lines[0].starts_with("panic: "));
}

TEST_F(AclEvaluateTest, OptionThatFailsNeverOpensTheDoor) {
  policy.AclOption(AclWhen::kRcpt, "${if eq{a}{b}{x}fail}");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kDeny);
  policy.AclOption(AclWhen::kRcpt, "${lc:NOBODY}");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kDefer);
  policy.services.Defer("k@/f", "out of reach");
  policy.AclOption(AclWhen::kMail, "${lookup{k}lsearch{/f}}");
  EXPECT_EQ(Run(AclWhen::kMail).kind, VerdictKind::kDefer);
}

TEST_F(AclEvaluateTest, OptionTextItselfIsAnAcl) {
  policy.AclOption(AclWhen::kMail, "deny message = go away");
  EXPECT_EQ(Run(AclWhen::kMail).user_message, "go away");
}

// --- messages --------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, MessageInForceAtTheDecidingConditionIsUsed) {
  EXPECT_EQ(Rcpt("require message = first\n condition = yes\n message = second\n condition = no")
                .user_message,
            "second");
  EXPECT_EQ(Rcpt("require message = first\n condition = no\n message = second").user_message,
            "first");
  EXPECT_EQ(Rcpt("deny message = no for $sender_address").user_message, "no for alice@example.org");
}

TEST_F(AclEvaluateTest, ImplicitDenySpeaksWithTheLastAccept) {
  facts::Verdict verdict = Rcpt("accept message = second text\n condition = no");
  EXPECT_EQ(verdict.kind, VerdictKind::kDeny);
  EXPECT_EQ(verdict.user_message, "second text");
  EXPECT_EQ(Rcpt("accept message = x\n condition = no\ndeny condition = no").user_message, "");
  EXPECT_EQ(Rcpt("deny message = x\n condition = no").user_message, "");
}

TEST_F(AclEvaluateTest, EndpassHidesTheMessageOfAnAccept) {
  EXPECT_EQ(Rcpt("accept message = x\n endpass").user_message, "");
  EXPECT_EQ(Rcpt("accept message = x").user_message, "x");
  EXPECT_EQ(Rcpt("accept message = x\n endpass\n condition = no").user_message, "x");
}

TEST_F(AclEvaluateTest, LogMessageJoinsTheConditionsText) {
  facts::Verdict verdict = Rcpt(
      "require log_message = refused\n message = you: $acl_verify_message\n"
      " verify = certificate");
  EXPECT_EQ(verdict.log_message, "refused: no verified certificate");
  EXPECT_EQ(verdict.user_message, "you: no verified certificate");
  EXPECT_EQ(policy.session.acl_verify_message, "");
  EXPECT_EQ(Rcpt("deny message = only this").log_message, "only this");
  EXPECT_EQ(Rcpt("deny message = a\n log_message = b").log_message, "b");
}

TEST_F(AclEvaluateTest, MessageThatCannotBeExpandedIsLeftOut) {
  EXPECT_EQ(Rcpt("deny message = ${if eq{a}{b}{x}fail}").user_message, "");
  EXPECT_TRUE(effects.lines.empty());
  EXPECT_EQ(Rcpt("deny message = ${eval:1/$acl_c0}").user_message, "");
  ASSERT_EQ(effects.lines.size(), 1u);
  EXPECT_TRUE(
      effects.lines[0].starts_with("panic: failed to expand ACL message \"${eval:1/$acl_c0}\": "));
}

TEST_F(AclEvaluateTest, DeferShowsItsText) {
  EXPECT_EQ(Rcpt("defer message = 451 4.7.1 come back").user_message, "451 4.7.1 come back");
}

TEST_F(AclEvaluateTest, WrongReplyCodeIsDroppedWithALine) {
  facts::Verdict verdict = Rcpt("deny message = ${lc:299 2.1.5 Coded}");
  EXPECT_EQ(verdict.user_message, "coded");
  ASSERT_EQ(effects.lines.size(), 1u);
  EXPECT_EQ(effects.lines[0],
            "panic: configured error code starts with incorrect digit (expected 5) in "
            "\"299 2.1.5 coded\"");
  EXPECT_EQ(Rcpt("deny message = ${lc:550 5.7.1 NO}").user_message, "550 5.7.1 no");
}

TEST_F(AclEvaluateTest, WarnWritesItsLogMessage) {
  Rcpt("warn log_message = odd\naccept");
  ASSERT_EQ(effects.lines.size(), 1u);
  EXPECT_EQ(effects.lines[0], "main: H=(client) [192.0.2.1] Warning: odd");
}

TEST_F(AclEvaluateTest, VerdictSaysWhichStatementDecided) {
  facts::Verdict verdict = Rcpt("accept condition = no\ndeny");
  EXPECT_EQ(verdict.where.view(), "deny");
  EXPECT_EQ(PlaceOf(verdict.where), "test.conf:2:1");
}

// --- modifiers -------------------------------------------------------------------------------

TEST_F(AclEvaluateTest, VariablesKeepTheOriginOfTheirText) {
  Rcpt("accept set acl_m_x = $sender_helo_name\n set acl_c_y = fixed");
  EXPECT_EQ(policy.session.acl_m["acl_m_x"].text, "client");
  EXPECT_EQ(policy.session.acl_m["acl_m_x"].origins(), kFromClient);
  EXPECT_EQ(policy.session.acl_c["acl_c_y"].origins(), kFromAdministrator);
}

TEST_F(AclEvaluateTest, DelaysAddUp) {
  Rcpt("warn delay = 1m30s\naccept delay = 2s\n delay = 0s");
  EXPECT_EQ(effects.delayed, std::chrono::seconds(92));
}

TEST_F(AclEvaluateTest, LogwriteChoosesItsLogs) {
  Rcpt("accept logwrite = plain\n logwrite = :reject, panic: $sender_helo_name");
  EXPECT_EQ(effects.lines,
            (std::vector<std::string>{"main: plain", "reject: client", "panic: client"}));
}

TEST_F(AclEvaluateTest, LogwriteOfTheClientChoosesNothing) {
  policy.session.helo = ":panic: x";
  Rcpt("accept logwrite = $sender_helo_name");
  EXPECT_EQ(effects.lines, std::vector<std::string>{"main: :panic: x"});
}

TEST_F(AclEvaluateTest, HeadersAreHandedOver) {
  Rcpt("accept add_header = X-Sender: $sender_helo_name\n add_header = note");
  EXPECT_EQ(effects.headers, (std::vector<std::string>{"X-Sender: client", "X-ACL-Warn: note"}));
}

// --- rule I14: why somebody was refused --------------------------------------------------------

class BecauseUnauthenticatedTest : public AclEvaluateTest {
 protected:
  // "deny because", "deny" or "other".
  std::string Why(std::string_view lines) {
    facts::Verdict verdict = Rcpt(lines);
    bool denied = verdict.kind == VerdictKind::kDeny || verdict.kind == VerdictKind::kDrop;
    return std::string(denied ? "deny" : "other") +
           (verdict.because_unauthenticated ? " because" : "");
  }
};

TEST_F(BecauseUnauthenticatedTest, RuleI14AcceptThatWantedAuthentication) {
  EXPECT_EQ(Why("accept authenticated = *\ndeny message = relaying needs a client certificate"),
            "deny because");
  EXPECT_EQ(Why("accept authenticated = *"), "deny because");
  EXPECT_EQ(Why("accept hosts = 192.0.2.1\n authenticated = tls\ndrop"), "deny because");
}

TEST_F(BecauseUnauthenticatedTest, RuleI14DenyOfTheUnauthenticated) {
  EXPECT_EQ(Why("deny !authenticated = *\naccept"), "deny because");
  EXPECT_EQ(Why("require authenticated = *\naccept"), "deny because");
  EXPECT_EQ(Why("deny hosts = 192.0.2.1\n !authenticated = *\naccept"), "deny because");
}

TEST_F(BecauseUnauthenticatedTest, RuleI14ConditionsThatReadTheIdentity) {
  EXPECT_EQ(Why("accept condition = ${if def:authenticated_id}"), "deny because");
  EXPECT_EQ(Why("deny condition = ${if eq{$authenticated_id}{}}\naccept"), "deny because");
  EXPECT_EQ(Why("deny condition = ${if !def:sender_host_authenticated}\naccept"), "deny because");
  EXPECT_EQ(Why("accept senders = $authenticated_id"), "deny because");
  policy.NamedList("addresslist", "own", "$authenticated_id");
  EXPECT_EQ(Why("accept senders = +own"), "deny because");
}

TEST_F(BecauseUnauthenticatedTest, RuleI14ThroughNestedAcls) {
  policy.Acl("known", "accept authenticated = *");
  policy.Acl("anonymous", "accept !authenticated = *");
  EXPECT_EQ(Why("require acl = known\naccept"), "deny because");
  EXPECT_EQ(Why("accept acl = known\ndeny"), "deny because");
  EXPECT_EQ(Why("deny acl = anonymous\naccept"), "deny because");
}

TEST_F(BecauseUnauthenticatedTest, RuleI14ThroughVariables) {
  EXPECT_EQ(Why("warn authenticated = *\n set acl_m_ok = 1\n"
                "accept condition = $acl_m_ok\ndeny"),
            "deny because");
  EXPECT_EQ(Why("warn set acl_m_who = $authenticated_id\naccept condition = $acl_m_who\ndeny"),
            "deny because");
}

TEST_F(BecauseUnauthenticatedTest, OtherReasonsStayPermanent) {
  EXPECT_EQ(Why("deny hosts = 192.0.2.1\naccept authenticated = *"), "deny");
  EXPECT_EQ(Why("deny authenticated = *\n condition = yes\ndeny hosts = *"), "deny");
  EXPECT_EQ(Why("accept hosts = 198.51.100.1\n authenticated = *\ndeny"), "deny");
  EXPECT_EQ(Why("deny message = you are $authenticated_id"), "deny");
  EXPECT_EQ(Why("accept !authenticated = *"), "other");
}

TEST_F(BecauseUnauthenticatedTest, NobodyWhoIsAuthenticatedIsRefusedForThat) {
  LogIn();
  EXPECT_EQ(Why("accept authenticated = plain\ndeny"), "deny");
  EXPECT_EQ(Why("deny condition = ${if eq{$authenticated_id}{alice@example.org}}"), "deny");
  EXPECT_EQ(Why("accept condition = ${if eq{$authenticated_id}{}}"), "deny");
}

// --- calls by expansions -------------------------------------------------------------------

TEST_F(AclEvaluateTest, AnExpansionCallsAnAclAndGetsItsMessage) {
  policy.Acl("c",
             "accept condition = $acl_arg1\n message = hi $acl_narg [$acl_arg2]\n"
             "deny message = no $acl_arg2");
  EXPECT_EQ(Rcpt("deny message = ${acl{c}{yes}{p}}|${acl{c}{no}{q}}").user_message,
            "hi 2 [p]|no q");
  EXPECT_EQ(Rcpt("deny condition = ${if acl{{c}{no}{q}}}\naccept").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("deny message = ${if acl{{c}{yes}{q}}{y $value}{n}}").user_message, "y hi 2 [q]");
}

TEST_F(AclEvaluateTest, WhatAnExpansionCallsThatDefersIsAForcedFailure) {
  policy.Acl("later", "defer message = later");
  EXPECT_EQ(Rcpt("accept condition = ${acl{later}}\n condition = yes").kind, VerdictKind::kAccept);
  policy.Acl("broken", "accept condition = ${substr{$local_part}{x}}");
  EXPECT_EQ(
      Rcpt("accept condition = ${acl{broken}}").log_message.find("ERROR from acl \"broken\"") !=
          std::string::npos,
      true);
  EXPECT_TRUE(effects.lines.back().starts_with("panic: ACL \"broken\" that an expansion calls: "));
}

TEST_F(AclEvaluateTest, AnExpansionMayHoldAnAcl) {
  EXPECT_EQ(Rcpt("deny message = ${acl{accept message = inline \\$acl_arg1}{x}}").user_message,
            "inline x");
  policy.Acl("c", "accept message = called");
  EXPECT_EQ(Rcpt("deny message = <${acl{accept acl = c}}>").user_message, "<called>");
  EXPECT_EQ(Rcpt("accept condition = ${acl{acept message = x}}").kind, VerdictKind::kDefer);
  EXPECT_NE(effects.lines.back().find("acept"), std::string::npos);
}

TEST_F(AclEvaluateTest, WhatAMessageBringsInStaysAnOutsiders) {
  policy.Acl("echo", "accept message = /$sender_address");
  EXPECT_NE(Rcpt("accept condition = ${lookup{k}lsearch{${acl{echo}}}}")
                .log_message.find("text from the client in the file name"),
            std::string::npos);
  policy.Acl("fixed", "accept message = /file");
  policy.services.Find("k@/file", "yes");
  EXPECT_EQ(Rcpt("accept condition = ${lookup{k}lsearch{${acl{fixed}}}}").kind,
            VerdictKind::kAccept);
}

// A called ACL may change the variable that is being put in.
TEST_F(AclEvaluateTest, ACallMayChangeWhatWasReadBefore) {
  policy.Acl("set", "accept set acl_m_x = " + std::string(100, 'n') +
                        "\n set acl_m_y = short\n message = m");
  policy.session.acl_m["acl_m_x"] = Value(std::string(50, 'o'));
  policy.session.acl_m["acl_m_y"] = Value("a short one");
  EXPECT_EQ(Rcpt("deny message = $acl_m_x$acl_m_y${acl{set}}$acl_m_y").user_message,
            std::string(50, 'o') + "a short onemshort");
}

TEST_F(AclEvaluateTest, CallsByExpansionsEnd) {
  policy.Acl("loop", "accept condition = ${acl{loop}}");
  EXPECT_NE(Rcpt("accept acl = loop").log_message.find("ERROR from acl"), std::string::npos);
  // Each deep by itself, deeper than the limit together.
  std::string deep = "${acl{deep}}";
  for (std::size_t i = 0; i < limits::kExpandDepth / 2; ++i) deep = "${lc:" + deep + "}";
  policy.Acl("deep", "accept condition = " + deep);
  EXPECT_NE(Rcpt("accept acl = deep").log_message.find("ERROR from acl"), std::string::npos);
  bool said = false;
  for (const std::string& line : effects.lines)
    said = said || line.find("nested too deep") != std::string::npos;
  EXPECT_TRUE(said);
}

// An ACL that an expansion calls may run in any place: what its place offers is not known
// when it is loaded.
TEST_F(AclEvaluateTest, ACalledAclMayReadWhatItsPlaceOffers) {
  policy.Acl("c", "accept message = $local_part");
  policy.AclOption(AclWhen::kConnect, "c");
  EXPECT_EQ(Rcpt("deny message = ${acl{c}}").user_message, "bob");
}

// --- ACLs that are named or written elsewhere --------------------------------------------------

TEST_F(AclEvaluateTest, AnOptionMayGiveTheTextOfAnAclAtRunTime) {
  policy.Acl("other", "deny message = from the other");
  policy.session.acl_c["acl_c_acl"] = Value("warn\n  condition = yes\naccept acl = other");
  policy.AclOption(AclWhen::kRcpt, "$acl_c_acl");
  EXPECT_EQ(Run(AclWhen::kRcpt).user_message, "from the other");
  policy.session.acl_c["acl_c_acl"] = Value("accept");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kAccept);
  policy.session.acl_c["acl_c_acl"] = Value("accpt hosts = *");
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kDefer);
  policy.session.acl_c["acl_c_acl"] = Value("accept hosts = *", kFromClient);
  EXPECT_EQ(Run(AclWhen::kRcpt).log_message, "internal configuration error");
}

TEST_F(AclEvaluateTest, TextsOfAclsAreKeptAndForgotten) {
  policy.AclOption(AclWhen::kRcpt, "$acl_c_acl");
  Diagnostics diagnostics;
  auto rules = Compile(policy.config, policy.names(), &diagnostics);
  for (std::size_t i = 0; i <= limits::kAclTextsKept + 1; ++i) {
    policy.session.acl_c["acl_c_acl"] = Value("deny message = text " + std::to_string(i));
    config::MatchContext context = policy.Context();
    for (int twice = 0; twice < 2; ++twice)
      EXPECT_EQ(Evaluate(*rules, AclWhen::kRcpt, context, effects).user_message,
                "text " + std::to_string(i));
  }
}

TEST_F(AclEvaluateTest, AnAclMayBeAFile) {
  const std::string path = ::testing::TempDir() + "acl_evaluate_test.acl";
  std::ofstream(path) << "# comment\n\ndeny  senders = a@b.example\n  # more\n      message = "
                         "no\n\naccept\n";
  policy.AclOption(AclWhen::kRcpt, path);
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kAccept);
  policy.session.envelope.sender = "a@b.example";
  EXPECT_EQ(Run(AclWhen::kRcpt).user_message, "no");
  std::ofstream(path) << "accept\n" << std::string(limits::kAclFileMaxBytes - 7, '\n');
  EXPECT_EQ(Run(AclWhen::kRcpt).kind, VerdictKind::kAccept);
  std::ofstream(path, std::ios::app) << '\n';
  Diagnostics too_long;
  (void)Compile(policy.config, policy.names(), &too_long);
  EXPECT_TRUE(HasErrors(too_long));
  std::ofstream(path) << "accept\ndeny hots = *\n";
  Diagnostics diagnostics;
  auto rules = Compile(policy.config, policy.names(), &diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(PlaceOf(diagnostics[0].span), path + ":2:6");
  std::remove(path.c_str());
  diagnostics.clear();
  rules = Compile(policy.config, policy.names(), &diagnostics);
  EXPECT_EQ(testing::Summary(diagnostics),
            "error: cannot read the ACL in \"" + path + "\": No such file or directory\n");
}

TEST_F(AclEvaluateTest, StrictVariablesMustHaveBeenSet) {
  EXPECT_EQ(Rcpt("accept condition = ${if eq{$acl_m_x}{}}").kind, VerdictKind::kAccept);
  policy.session.strict_acl_vars = true;
  const facts::Verdict verdict = Rcpt("accept condition = ${if eq{$acl_m_x}{}}");
  EXPECT_EQ(verdict.kind, VerdictKind::kDefer);
  EXPECT_NE(verdict.log_message.find("variable \"acl_m_x\" is not set"), std::string::npos);
  EXPECT_EQ(Rcpt("accept condition = ${if def:acl_m_x{no}{yes}}").kind, VerdictKind::kAccept);
  EXPECT_EQ(Rcpt("accept set acl_m_x = 1\n condition = $acl_m_x").kind, VerdictKind::kAccept);
}

// --- what lists found --------------------------------------------------------------------------

TEST_F(AclEvaluateTest, ListsLeaveWhatTheyFound) {
  policy.services.Find("alice@example.org@/etc/senders", "staff");
  Rcpt("accept senders = lsearch;/etc/senders\n domains = x.example : *.com");
  EXPECT_EQ(policy.session.envelope.sender_data.text, "staff");
  EXPECT_EQ(policy.session.envelope.sender_data.origins(), kFromDirectory);
  EXPECT_EQ(policy.session.envelope.domain_data.text, "*.com");
  // A list that does not hold leaves what was there.
  Rcpt("accept domains = x.example");
  EXPECT_EQ(policy.session.envelope.domain_data.text, "*.com");
}

// --- what is written down --------------------------------------------------------------------

TEST_F(AclEvaluateTest, ATraceShowsEachStatementThatWasAskedAndItsItems) {
  facts::Trace trace;
  policy.session.trace = &trace;
  policy.session.connection.client_ip = "192.0.2.7";
  Rcpt(
      "warn set acl_m_x = bob\n"
      "accept authenticated = *\n"
      "accept hosts = 10.0.0.0/8 : 192.0.2.0/24\n"
      "       ! condition = ${if   eq{$local_part}  {$acl_m_x}}\n"
      "deny message = no relay for $domain\n"
      "     !condition = false\n"
      "accept");
  EXPECT_EQ(test::Dump(trace).substr(0, 21), "acl no a = deny: no r") << test::Dump(trace);
  std::string shown;
  for (const facts::TraceStep& step : trace.steps())
    if (step.kind != facts::TraceStep::Kind::kExpression)
      shown += std::string(facts::NameOf(step.kind)) + ' ' +
               std::string(facts::NameOf(step.outcome)) + ' ' + std::to_string(step.depth) + ' ' +
               step.what + " = " + step.value + '\n';
  EXPECT_EQ(shown,
            "acl no 0 a = deny: no relay for example.com\n"
            "statement yes 1 warn = applies\n"
            "condition none 2 set acl_m_x = bob = bob\n"
            "statement no 1 accept = does not apply\n"
            "condition no 2 authenticated = * = the client is not authenticated\n"
            "statement no 1 accept = does not apply\n"
            "condition yes 2 hosts = 10.0.0.0/8 : 192.0.2.0/24 = 192.0.2.7\n"
            "condition no 2 ! condition = ${if eq{$local_part} {$acl_m_x}} = true\n"
            "statement yes 1 deny = applies\n"
            "condition yes 2 !condition = false = false\n"
            "condition none 2 message = no relay for $domain = no relay for example.com\n");
  ASSERT_GT(trace.steps().size(), 2u);
  EXPECT_EQ(trace.steps()[2].place, "test.conf:1:6");
}

TEST_F(AclEvaluateTest, ATraceNestsCalledAcls) {
  facts::Trace trace;
  policy.session.trace = &trace;
  policy.Acl("inner", "deny condition = $acl_arg1");
  Rcpt("accept !acl = inner yes\ndeny");
  EXPECT_NE(test::Dump(trace).find("      acl no inner = deny\n"
                                   "        statement yes deny = applies\n"),
            std::string::npos)
      << test::Dump(trace);
}

TEST_F(AclEvaluateTest, ATraceSaysWhatAnAclThatIsNotSetDoes) {
  facts::Trace trace;
  policy.session.trace = &trace;
  Run(AclWhen::kRcpt);
  Run(AclWhen::kMail);
  EXPECT_EQ(test::Dump(trace),
            "acl no acl_smtp_rcpt = not set: the default is to deny\n"
            "acl yes acl_smtp_mail = not set: the default is to accept\n");
}

TEST_F(AclEvaluateTest, ATraceSaysThatNobodyHasDecided) {
  facts::Trace trace;
  policy.session.trace = &trace;
  Rcpt("accept condition = no");
  ASSERT_FALSE(trace.steps().empty());
  EXPECT_EQ(trace.steps()[0].value, "deny, because no statement has decided");
}

TEST_F(AclEvaluateTest, ATraceNamesTheOptionThatGaveAnAcl) {
  facts::Trace trace;
  policy.session.trace = &trace;
  policy.AclOption(AclWhen::kMail, "${if eq{a}{a}{accept}{deny}}");
  Run(AclWhen::kMail);
  EXPECT_EQ(test::Dump(trace),
            "option acl_smtp_mail = accept\n"
            "  expression yes ${if eq{a}{a}{accept}{deny}} = accept\n"
            "    expression yes eq{a}{a}\n"
            "acl yes text of acl_smtp_mail = accept\n"
            "  statement yes accept = applies\n");
  policy.AclOption(AclWhen::kMail, "${if eq{a}{b}{x}fail}");
  facts::Trace unset;
  policy.session.trace = &unset;
  Run(AclWhen::kMail);
  EXPECT_EQ(test::Dump(unset),
            "option failed acl_smtp_mail\n"
            "  expression failed ${if eq{a}{b}{x}fail} = \"if\" failed and \"fail\" requested\n"
            "    expression no eq{a}{b}\n"
            "acl yes acl_smtp_mail = not set: the default is to accept\n");
}

TEST_F(AclEvaluateTest, RuleC7AnAclThatWasSetWithHideIsNotInATrace) {
  facts::Trace trace;
  policy.session.trace = &trace;
  const auto hide = [&](const char* text) {
    policy.AclOption(AclWhen::kMail, text);
    expand::Hide(*policy.config.main.acl[static_cast<std::size_t>(AclWhen::kMail)].program);
    EXPECT_EQ(Run(AclWhen::kMail).kind, VerdictKind::kDeny);
  };
  hide("deny message = s3cret\n condition = yes");
  hide("deny message = s3cret\n condition = ${if eq{s3cret}{s3cret}}");
  EXPECT_EQ(test::Dump(trace),
            "acl no text of acl_smtp_mail = deny\n"
            "option acl_smtp_mail = ***\n"
            "acl no text of acl_smtp_mail = deny\n");
  EXPECT_EQ(policy.session.trace, &trace);
}

TEST_F(AclEvaluateTest, RuleC7ATraceHasNoPartOfAMessage) {
  facts::Trace trace;
  policy.session.trace = &trace;
  policy.session.phase = facts::Phase::kData;
  policy.session.envelope.headers_read = true;
  policy.session.envelope.headers = {{"Subject", "Subject: topsecret"}};
  Run(AclWhen::kData,
      "deny condition = ${if match{$h_subject:}{secret}{yes}{no}}\n"
      "     set acl_m_s = $h_subject:\n"
      "     message = because of $h_subject:");
  EXPECT_EQ(test::AllTextOf(trace).find("topsecret"), std::string::npos) << test::Dump(trace);
}

TEST_F(AclEvaluateTest, AVerdictTellsWhetherItIsAboutIdentity) {
  const auto about = [&](std::string_view lines) { return Rcpt(lines).about_identity; };
  EXPECT_TRUE(about("accept authenticated = *"));
  EXPECT_TRUE(about("deny !authenticated = *"));
  EXPECT_TRUE(about("deny condition = ${if eq{$authenticated_id}{}}"));
  EXPECT_TRUE(about("accept condition = ${if def:tls_in_peerdn}\ndeny"));
  EXPECT_TRUE(about("accept condition = $tls_in_certificate_verified\ndeny"));
  EXPECT_TRUE(about("warn set acl_m_a = $authenticated_id\ndeny"));
  EXPECT_FALSE(about("deny"));
  EXPECT_FALSE(about("deny domains = example.com"));
  EXPECT_FALSE(about("warn add_header = X-Id: $authenticated_id\ndeny"));
  // Not asked any more.
  EXPECT_FALSE(about("deny domains = example.com\naccept authenticated = *"));
  policy.Acl("known", "accept authenticated = *");
  EXPECT_TRUE(about("accept acl = known\ndeny"));
}

}  // namespace
}  // namespace signet::acl
