#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/acl/acl.h"
#include "test/support/policy.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using testing::Policy;

class AclCompileTest : public ::testing::Test {
 protected:
  // What compiling says of an ACL named "a", as a RCPT ACL.
  std::string Rcpt(std::string_view lines) { return At(AclWhen::kRcpt, lines); }
  std::string At(AclWhen when, std::string_view lines) {
    Policy policy;
    policy.Acl("a", lines);
    policy.AclOption(when, "a");
    return Compiled(policy);
  }
  std::string Compiled(const Policy& policy) {
    diagnostics_.clear();
    spans_.clear();
    notes_.clear();
    auto rules = Compile(policy.config, policy.names(), &diagnostics_);
    EXPECT_NE(rules, nullptr);
    for (const Diagnostic& diagnostic : diagnostics_) {
      spans_.emplace_back(diagnostic.span.view());
      for (const DiagnosticNote& note : diagnostic.notes) notes_.push_back(note.message);
    }
    return testing::Summary(diagnostics_);
  }
  Diagnostics diagnostics_;
  std::vector<std::string> spans_;  // the text that each diagnostic points at
  std::vector<std::string> notes_;
};

TEST_F(AclCompileTest, EveryVerbConditionAndModifierIsKnown) {
  EXPECT_EQ(Rcpt("accept hosts = 192.0.2.1\n"
                 "       endpass\n"
                 "       !senders = a@b\n"
                 "deny   sender_domains = a.test : b.test\n"
                 "       message = 550 5.7.1 no\n"
                 "defer  domains = x\n"
                 "drop   local_parts = root\n"
                 "require verify = certificate\n"
                 "warn   encrypted = *\n"
                 "       set acl_m_x = ${lc:A}\n"
                 "       logwrite = :main,reject: seen\n"
                 "       add_header = X-A: b\n"
                 "       delay = 1s\n"
                 "       continue = x\n"
                 "discard recipients = a@b\n"
                 "       log_message = gone\n"
                 "accept authenticated = *\n"
                 "       condition = ${if eq{a}{b}}\n"),
            "");
}

TEST_F(AclCompileTest, UnknownVerbGetsASuggestion) {
  EXPECT_EQ(Rcpt("accpt hosts = *\n  message = x\n  hosst = y"),
            "error: unknown ACL verb \"accpt\"; did you mean \"accept\"?\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"accpt"});
}

TEST_F(AclCompileTest, UnknownConditionGetsASuggestion) {
  EXPECT_EQ(Rcpt("deny hosst = *"),
            "error: unknown ACL condition or modifier \"hosst\"; did you mean \"hosts\"?\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"hosst"});
  EXPECT_EQ(Rcpt("accept\ndney"),
            "error: unknown ACL condition or modifier \"dney\"; did you mean \"deny\"?\n");
}

TEST_F(AclCompileTest, AllMistakesAreReportedAtOnce) {
  EXPECT_EQ(Rcpt("deny hosst = *\n"
                 "     delay = soon\n"
                 "accept acl = nobody\n"),
            "error: unknown ACL condition or modifier \"hosst\"; did you mean \"hosts\"?\n"
            "error: unknown ACL \"nobody\"\n"
            "error: \"delay\" wants a time such as 5s or 1m30s, found \"soon\"\n");
}

TEST_F(AclCompileTest, ConditionsBeforeAnyVerbAreNoStatement) {
  EXPECT_TRUE(Rcpt("hosts = *").starts_with("error: verb expected, found \"hosts\"; a statement"));
}

TEST_F(AclCompileTest, FormIsChecked) {
  EXPECT_EQ(Rcpt("!deny"), "error: a verb cannot be negated: \"!deny\"\n");
  EXPECT_EQ(Rcpt("deny hosts *"), "error: \"=\" expected behind \"hosts\"\n");
  EXPECT_EQ(Rcpt("deny !message = x"), "error: a modifier cannot be negated: \"message\"\n");
  EXPECT_EQ(Rcpt("deny endpass"), "error: \"endpass\" is not allowed with \"deny\"\n");
  EXPECT_EQ(Rcpt("accept endpass = x"), "error: \"endpass\" has no argument\n");
  EXPECT_EQ(Rcpt("accept = x"), "error: condition or modifier expected\n");
}

TEST_F(AclCompileTest, VariableNamesAreChecked) {
  EXPECT_EQ(Rcpt("warn set foo = 1"),
            "error: invalid variable name \"foo\" behind \"set\": it must start with \"acl_c\" or "
            "\"acl_m\"\n");
  EXPECT_EQ(Rcpt("warn set acl_mfoo = 1"),
            "error: invalid variable name \"acl_mfoo\" behind \"set\": a digit or underscore must "
            "follow \"acl_c\" or \"acl_m\"\n");
  EXPECT_TRUE(Rcpt("warn set acl_m = 1").starts_with("error"));
  EXPECT_EQ(Rcpt("warn set acl_m_foo = 1\n set acl_c0 = 2\n set acl_m9_x = 3"), "");
}

TEST_F(AclCompileTest, LogNamesAreChecked) {
  EXPECT_EQ(Rcpt("warn logwrite = :main,rejected: x"),
            "error: \"main\", \"reject\" or \"panic\" expected, found \"rejected\"\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"rejected"});
}

TEST_F(AclCompileTest, AuthenticatedIsRefusedWhereNobodyCanBe) {
  EXPECT_EQ(At(AclWhen::kConnect, "accept authenticated = *"),
            "error: cannot test \"authenticated\" condition in connection ACL\n");
  EXPECT_EQ(At(AclWhen::kHelo, "accept authenticated = *"),
            "error: cannot test \"authenticated\" condition in EHLO or HELO ACL\n");
  EXPECT_EQ(notes_, std::vector<std::string>{"used through acl_smtp_helo here"});
  EXPECT_EQ(At(AclWhen::kMail, "accept authenticated = *"), "");
}

TEST_F(AclCompileTest, PlacesAreCheckedThroughNestedCalls) {
  Policy policy;
  policy.Acl("outer", "accept acl = inner");
  policy.Acl("inner", "deny !acl = innermost x");
  policy.Acl("innermost", "accept authenticated = *");
  policy.AclOption(AclWhen::kHelo, "outer");
  EXPECT_EQ(Compiled(policy),
            "error: cannot test \"authenticated\" condition in EHLO or HELO ACL\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"authenticated"});
}

TEST_F(AclCompileTest, SharedAclIsFineWhereItFits) {
  Policy policy;
  policy.Acl("a", "accept senders = a@b");
  policy.AclOption(AclWhen::kMail, "a");
  policy.AclOption(AclWhen::kRcpt, "a");
  EXPECT_EQ(Compiled(policy), "");
  policy.AclOption(AclWhen::kHelo, "a");
  EXPECT_EQ(Compiled(policy), "error: cannot test \"senders\" condition in EHLO or HELO ACL\n");
}

TEST_F(AclCompileTest, EveryRowIsRefusedInThePlacesThatItDoesNotFit) {
  EXPECT_NE(At(AclWhen::kConnect, "accept encrypted = *"), "");
  EXPECT_EQ(At(AclWhen::kHelo, "accept encrypted = *"), "");
  EXPECT_NE(At(AclWhen::kStarttls, "accept sender_domains = x"), "");
  EXPECT_NE(At(AclWhen::kMail, "accept domains = x"), "");
  EXPECT_EQ(At(AclWhen::kVrfy, "accept domains = x\n local_parts = y"), "");
  EXPECT_NE(At(AclWhen::kVrfy, "accept recipients = x@y"), "");
  EXPECT_NE(At(AclWhen::kData, "accept local_parts = x"), "");
  EXPECT_NE(At(AclWhen::kHelo, "accept add_header = X: y"), "");
  EXPECT_NE(At(AclWhen::kNotquit, "accept delay = 1s"), "");
}

TEST_F(AclCompileTest, DiscardOnlyWhereThereIsSomethingToDiscard) {
  for (AclWhen when : {AclWhen::kMail, AclWhen::kRcpt, AclWhen::kData})
    EXPECT_EQ(At(when, "discard"), "");
  for (AclWhen when : {AclWhen::kConnect, AclWhen::kHelo, AclWhen::kPredata, AclWhen::kAuth})
    EXPECT_NE(At(when, "discard").find("\"discard\" cannot be used in"), std::string::npos);
}

TEST_F(AclCompileTest, OnlyAcceptAndWarnInQuit) {
  EXPECT_EQ(At(AclWhen::kQuit, "warn logwrite = bye\naccept message = so long"), "");
  EXPECT_EQ(At(AclWhen::kNotquit, "deny"),
            "error: only \"accept\" and \"warn\" take effect in a NOTQUIT ACL, found \"deny\"\n");
}

TEST_F(AclCompileTest, AMessageBehindTheLastConditionOfRequireIsNeverSaid) {
  EXPECT_EQ(Rcpt("require hosts = 192.0.2.1\n  message = never said\n  delay = 1s"),
            "warning: \"message\" has no effect behind the last condition of \"require\"; put it "
            "before the condition that it is about\n");
  EXPECT_EQ(Rcpt("require message = first\n  hosts = 192.0.2.1\n  message = second\n"
                 "  !hosts = 192.0.2.2"),
            "");
  EXPECT_EQ(Rcpt("deny hosts = 192.0.2.1\n  message = said"), "");
}

TEST_F(AclCompileTest, ReplyCodeMustSuitTheVerb) {
  EXPECT_EQ(Rcpt("deny message = 299 coded"),
            "error: reply code starting with 5 expected with \"deny\", found \"299\"\n");
  EXPECT_EQ(Rcpt("defer message = 550 coded"),
            "error: reply code starting with 4 expected with \"defer\", found \"550\"\n");
  EXPECT_EQ(Rcpt("defer message = 451 4.7.1 later"), "");
  EXPECT_EQ(Rcpt("deny message = 5500 is no code"), "");
  EXPECT_EQ(Rcpt("accept message = 451 coded"),
            "error: reply code starting with 2 expected with \"accept\", found \"451\"\n");
  EXPECT_EQ(At(AclWhen::kPredata, "accept message = 354 go on"), "");
  EXPECT_NE(At(AclWhen::kPredata, "accept message = 250 go on"), "");
}

TEST_F(AclCompileTest, OptionNamesMustExist) {
  Policy policy;
  policy.Acl("check_mail", "accept");
  policy.AclOption(AclWhen::kMail, "chekc_mail");
  EXPECT_EQ(Compiled(policy), "error: unknown ACL \"chekc_mail\"; did you mean \"check_mail\"?\n");
}

TEST_F(AclCompileTest, OptionMayBeTheTextItself) {
  Policy policy;
  policy.AclOption(AclWhen::kRcpt, "accept authenticated = *");
  EXPECT_EQ(Compiled(policy), "");
  policy.AclOption(AclWhen::kRcpt, "accept authenticate = *");
  EXPECT_EQ(Compiled(policy),
            "error: unknown ACL condition or modifier \"authenticate\"; did you mean "
            "\"authenticated\"?\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"authenticate"});
}

TEST_F(AclCompileTest, ListsAndExpansionsAreCheckedToo) {
  EXPECT_NE(Rcpt("accept hosts = 192.0.2.0/40").find("address or address mask"), std::string::npos);
  EXPECT_NE(Rcpt("accept condition = ${if ew{a}{b}}").find("ew"), std::string::npos);
  EXPECT_NE(Rcpt("accept condition = maybe").find("invalid \"condition\" value \"maybe\""),
            std::string::npos);
  EXPECT_THAT(Rcpt("require verify = the best"),
              ::testing::StartsWith("error: one of certificate, header_names_ascii,"));
  EXPECT_EQ(Rcpt("require verify = certificat"),
            "error: cannot verify \"certificat\"; did you mean \"certificate\"?\n");
  EXPECT_EQ(Rcpt("require verify = recipient/callout=30s,defer_ok/defer_ok/no_details"),
            "warning: \"30s\" has no meaning here: the times are the transport's, and answers are "
            "not kept\n");
  EXPECT_EQ(Rcpt("require verify = recipient/callout=random"),
            "error: callout option \"random\" is not supported\n");
  EXPECT_EQ(Rcpt("require verify = recipient/fast"),
            "error: unknown option \"fast\" of \"verify = recipient\"\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"fast"});
  EXPECT_EQ(Rcpt("require verify = sender=${lc:$sender_address}/callout"), "");
  EXPECT_EQ(Rcpt("require verify = header_syntax"),
            "error: cannot verify \"header_syntax\" in RCPT ACL\n");
  EXPECT_EQ(notes_, std::vector<std::string>{"used through acl_smtp_rcpt here"});
  EXPECT_EQ(At(AclWhen::kData, "require verify = header_syntax\naccept verify = not_blind"), "");
  EXPECT_EQ(At(AclWhen::kData, "require verify = recipient"),
            "error: cannot verify \"recipient\" in DATA ACL\n");
  EXPECT_EQ(Rcpt("accept header_from = a@b.example"),
            "error: cannot test \"header_from\" condition in RCPT ACL\n");
}

TEST_F(AclCompileTest, EximNamesThatAreMissingAreNamedAsSuch) {
  EXPECT_EQ(Rcpt("deny malware = *"),
            "error: \"malware\" is not supported: messages are not scanned here\n");
  EXPECT_EQ(Rcpt("deny dnslists = list.example"),
            "error: \"dnslists\" is not supported: no DNS resolver is built in; let the mail "
            "server behind ask the lists\n");
}

TEST_F(AclCompileTest, ControlsAreChecked) {
  EXPECT_EQ(Rcpt("warn control = submission/domain=/name=$authenticated_id\n"
                 "     control = fakereject/no, thanks\n     control = no_pipelining"),
            "");
  EXPECT_EQ(
      Rcpt("accept control = cutthrough_delivery/defer=pass"),
      "warning: \"control = cutthrough_delivery\" has no meaning here: every message is passed "
      "on while its client waits\n");
  EXPECT_EQ(
      Rcpt("accept control = freeze"),
      "error: \"control = freeze\" is not possible: there is no queue: a message is passed on "
      "while its client waits\n");
  EXPECT_THAT(Rcpt("accept control = no_enforce_sync"), ::testing::HasSubstr("weakens rule S8"));
  EXPECT_EQ(Rcpt("accept control = submision"),
            "error: unknown control \"submision\"; did you mean \"submission\"?\n");
  EXPECT_EQ(Rcpt("accept control = submission/nodomain"),
            "error: \"sender_retain\", \"domain=\" or \"name=\" expected, found \"nodomain\"\n");
  EXPECT_EQ(Rcpt("accept control = no_pipelining/now"),
            "error: \"no_pipelining\" has no options\n");
  EXPECT_EQ(At(AclWhen::kConnect, "accept control = submission"),
            "error: cannot use \"control = submission\" in connection ACL\n");
  EXPECT_EQ(At(AclWhen::kData, "accept control = submission"),
            "error: cannot use \"control = submission\" in DATA ACL\n");
}

TEST_F(AclCompileTest, ChangesOfTheHeaderAreChecked) {
  EXPECT_EQ(Rcpt("warn add_header = :at_start:X-A: b\n     add_header = :after_received:X-A: c\n"
                 "     remove_header = X-A : ^x-.* : X-B*"),
            "");
  EXPECT_EQ(Rcpt("warn add_header = :at_strat:X-A: b"),
            "error: \":at_start:\", \":after_received:\", \":at_start_rfc:\" or \":at_end:\" "
            "expected, found \":at_strat:\"; did you mean \":at_start:\"?\n");
  EXPECT_EQ(spans_, std::vector<std::string>{":at_strat:"});
  EXPECT_THAT(Rcpt("warn remove_header = X-A : ^x-("),
              ::testing::StartsWith("error: bad regular expression: "));
  EXPECT_EQ(spans_, std::vector<std::string>{"^x-("});
  EXPECT_EQ(Rcpt("warn remove_header = two words"),
            "error: name of a header field expected, found \"two words\"\n");
  EXPECT_EQ(Rcpt("deny log_reject_target = main:mian"),
            "error: \"main\", \"reject\" or \"panic\" expected, found \"mian\"\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"mian"});
}

// --- ratelimit, seen ---------------------------------------------------------------------

TEST_F(AclCompileTest, RatelimitsAreCheckedAsFarAsTheyAreConstant) {
  for (const char* good :
       {"10 / 1h", "2.5k/5m30s/strict/per_rcpt/$sender_address", "0 / 1w / per_conn / leaky",
        "${lookup{$sender_address}lsearch{/etc/limits}{$value}{10}} / 1h / per_rcpt",
        "10 / $acl_m_period / readonly / a / b", "5/1h/per_rcpt/unique=$sender_address/key",
        "5/1h/count=$recipients_count/per_byte", "5/1h/PER_ADDR"})
    EXPECT_EQ(Rcpt(std::string("deny ratelimit = ") + good), "") << good;
  const std::pair<const char*, const char*> bad[] = {
      {"ten / 1h", "ten"},
      {"-1 / 1h", "-1"},
      {"nan / 1h", "nan"},
      {"10 / 60", "60"},
      {"10 / 0s", "0s"},
      {"10 / 1h / per_mail / per_rcpt", "per_rcpt"},
      {"10 / 1h / strict / leaky", "leaky"},
      {"10 / 1h / count=many", "count=many"},
      {"10 / 1h / per_rctp / $sender_address", "per_rctp"},
      {"10 / 1h / per_addr / unique=$domain", "unique=$domain"},
      {"10", "10"},
  };
  for (const auto& [argument, where] : bad) {
    EXPECT_THAT(Rcpt(std::string("deny ratelimit = ") + argument), ::testing::StartsWith("error: "))
        << argument;
    EXPECT_EQ(spans_, std::vector<std::string>{where}) << argument;
  }
  EXPECT_EQ(Rcpt("deny ratelimit = 10 / 1h / per_rctp"),
            "error: unknown option \"per_rctp\"; did you mean \"per_rcpt\"?\n");
}

TEST_F(AclCompileTest, RatelimitsCountOnlyWhereThereIsSomethingToCount) {
  EXPECT_EQ(At(AclWhen::kConnect, "deny ratelimit = 10 / 1h / per_conn"), "");
  EXPECT_EQ(At(AclWhen::kConnect, "deny ratelimit = 10 / 1h / readonly"), "");
  EXPECT_EQ(At(AclWhen::kConnect, "deny ratelimit = 10 / 1h"),
            "error: \"per_mail\" (the default) can only be read, with \"readonly\", in connection "
            "ACL\n");
  EXPECT_EQ(notes_, std::vector<std::string>{"used through acl_smtp_connect here"});
  EXPECT_EQ(At(AclWhen::kMail, "deny ratelimit = 10 / 1h / per_rcpt"),
            "error: \"per_rcpt\" can only be read, with \"readonly\", in MAIL ACL\n");
  EXPECT_EQ(At(AclWhen::kData, "deny ratelimit = 10 / 1h / per_rcpt"), "");
  EXPECT_NE(At(AclWhen::kData, "deny ratelimit = 10 / 1h / per_addr"), "");
  EXPECT_EQ(At(AclWhen::kConnect, "deny ratelimit = 10 / 1h / $acl_c_options"), "");
}

TEST_F(AclCompileTest, SeenIsChecked) {
  EXPECT_EQ(At(AclWhen::kConnect, "defer !seen = -5m / key=$sender_host_address / refresh=1d"), "");
  EXPECT_EQ(Rcpt("warn seen = 5m / readonly"), "");
  EXPECT_EQ(Rcpt("warn seen = soon"), "error: \"soon\" is not a time value such as 5m or -5m\n");
  EXPECT_EQ(Rcpt("warn seen = 5m / for=ever"),
            "error: \"key=\", \"refresh=\", \"readonly\" or \"write\" expected, found "
            "\"for=ever\"\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"for=ever"});
}

TEST_F(AclCompileTest, CallsTakeNineArguments) {
  Policy policy;
  policy.Acl("inner", "accept");
  policy.Acl("a", "accept acl = inner 1 2 3 4 5 6 7 8 9");
  policy.AclOption(AclWhen::kRcpt, "a");
  EXPECT_EQ(Compiled(policy), "");
  policy.Acl("b", "accept acl = inner 1 2 3 4 5 6 7 8 9 10");
  EXPECT_EQ(Compiled(policy), "error: an ACL takes at most nine arguments, found 10\n");
  EXPECT_EQ(spans_, std::vector<std::string>{"10"});
}

TEST_F(AclCompileTest, VariablesOfLaterPhasesAreUnknownInEarlyAcls) {
  EXPECT_EQ(At(AclWhen::kRcpt, "accept condition = $local_part"), "");
  EXPECT_NE(At(AclWhen::kConnect, "accept condition = $local_part"), "");
}

}  // namespace
}  // namespace signet::acl
