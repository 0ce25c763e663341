#include "src/report/decision.h"

#include <gtest/gtest.h>

namespace signet::report {
namespace {

using facts::TraceStep;

Decision Example() {
  Decision decision;
  decision.reference = "k7fq2m";
  decision.time = 1'800'000'000;
  decision.configuration = "/etc/signet/signet.conf";
  decision.generation = 3;
  decision.verdict = Decision::Verdict::kDeferred;
  decision.headline = "authentication deferred; RCPT <bob@example.com> is deferred";
  decision.reason = "the directory does not answer";
  decision.where = "signet.conf:31:21";
  decision.authentication = "deferred";
  decision.authenticator = "tls";
  decision.identity = "alice@example.org";
  decision.client.ip = "2001:db8::1";
  decision.client.port = 40000;
  decision.client.local_ip = "192.0.2.1";
  decision.client.local_port = 465;
  decision.client.tls_on_connect = true;
  decision.client.helo = "client \"x\"\\n";
  decision.client.tls_version = "TLS1.3";
  decision.client.tls_cipher = "TLS1.3:x:256";
  decision.client.sni = "mx.example.org";
  decision.client.chain = {std::string("\x30\x03\0\xff\x80", 5), "x"};
  decision.client.mail_from = "<alice@example.org>";
  decision.client.rcpt_to = {"<bob@example.com>", "<\xc3\xbc@example.com>"};
  decision.client.auth = "PLAIN";
  TraceStep step;
  step.kind = TraceStep::Kind::kLookup;
  step.outcome = TraceStep::Outcome::kLater;
  step.depth = 4;
  step.what = "ldap";
  step.query = "ldap:///x";
  step.value = "server is down";
  step.from = "directory";
  step.place = "signet.conf:31:30";
  step.microseconds = 0;
  decision.steps.push_back(step);
  TraceStep hidden;
  hidden.kind = TraceStep::Kind::kOption;
  hidden.hidden = true;
  hidden.what = "server_param1";
  decision.steps.push_back(hidden);
  decision.steps_dropped = 7;
  return decision;
}

Decision Read(const std::string& json) {
  auto read = DecisionFromJson(json);
  if (read.ok()) return std::move(read).value();
  ADD_FAILURE() << read.error() << "\n" << json;
  return {};
}

TEST(Decision, ComesBackFromItsJsonAsItWas) {
  const Decision decision = Example();
  for (const JsonForm form : {JsonForm::kLine, JsonForm::kIndented}) {
    const std::string json = ToJson(decision, form);
    EXPECT_EQ(json.find('\n') == json.npos, form == JsonForm::kLine);
    const Decision read = Read(json);
    EXPECT_EQ(read.reference, decision.reference);
    EXPECT_EQ(read.time, decision.time);
    EXPECT_EQ(read.configuration, decision.configuration);
    EXPECT_EQ(read.generation, decision.generation);
    EXPECT_EQ(read.verdict, decision.verdict);
    EXPECT_EQ(read.headline, decision.headline);
    EXPECT_EQ(read.reason, decision.reason);
    EXPECT_EQ(read.where, decision.where);
    EXPECT_EQ(read.authentication, decision.authentication);
    EXPECT_EQ(read.authenticator, decision.authenticator);
    EXPECT_EQ(read.identity, decision.identity);
    EXPECT_EQ(read.client.ip, decision.client.ip);
    EXPECT_EQ(read.client.port, decision.client.port);
    EXPECT_EQ(read.client.local_ip, decision.client.local_ip);
    EXPECT_EQ(read.client.local_port, decision.client.local_port);
    EXPECT_EQ(read.client.tls_on_connect, decision.client.tls_on_connect);
    EXPECT_EQ(read.client.helo, decision.client.helo);
    EXPECT_EQ(read.client.tls_version, decision.client.tls_version);
    EXPECT_EQ(read.client.tls_cipher, decision.client.tls_cipher);
    EXPECT_EQ(read.client.sni, decision.client.sni);
    EXPECT_EQ(read.client.chain, decision.client.chain);
    EXPECT_EQ(read.client.mail_from, decision.client.mail_from);
    EXPECT_EQ(read.client.rcpt_to, decision.client.rcpt_to);
    EXPECT_EQ(read.client.auth, decision.client.auth);
    EXPECT_EQ(read.steps_dropped, decision.steps_dropped);
    ASSERT_EQ(read.steps.size(), 2u);
    const TraceStep &a = read.steps[0], &b = decision.steps[0];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.outcome, b.outcome);
    EXPECT_EQ(a.depth, b.depth);
    EXPECT_EQ(a.what, b.what);
    EXPECT_EQ(a.query, b.query);
    EXPECT_EQ(a.value, b.value);
    EXPECT_EQ(a.from, b.from);
    EXPECT_EQ(a.place, b.place);
    EXPECT_EQ(a.microseconds, b.microseconds);
    EXPECT_FALSE(a.hidden);
    EXPECT_TRUE(read.steps[1].hidden);
    EXPECT_EQ(read.steps[1].outcome, TraceStep::Outcome::kNone);
    EXPECT_EQ(read.steps[1].microseconds, -1);
  }
}

TEST(Decision, EveryKindAndOutcomeAndVerdictHasAName) {
  Decision decision;
  for (int kind = 0; kind <= static_cast<int>(TraceStep::Kind::kNote); ++kind)
    for (int outcome = 0; outcome <= static_cast<int>(TraceStep::Outcome::kFailed); ++outcome) {
      TraceStep step;
      step.kind = static_cast<TraceStep::Kind>(kind);
      step.outcome = static_cast<TraceStep::Outcome>(outcome);
      step.what = "x";
      decision.steps.push_back(step);
    }
  using Verdict = Decision::Verdict;
  for (const Verdict verdict : {Verdict::kAccepted, Verdict::kRefused, Verdict::kDeferred}) {
    decision.verdict = verdict;
    const Decision read = Read(ToJson(decision, JsonForm::kLine));
    EXPECT_EQ(read.verdict, verdict);
    ASSERT_EQ(read.steps.size(), decision.steps.size());
    for (std::size_t i = 0; i < read.steps.size(); ++i) {
      EXPECT_EQ(read.steps[i].kind, decision.steps[i].kind);
      EXPECT_EQ(read.steps[i].outcome, decision.steps[i].outcome);
    }
  }
}

TEST(Decision, TextThatIsNoUtf8DoesNotSpoilTheRest) {
  Decision decision = Example();
  decision.client.helo = "\xff\xfe";
  const Decision read = Read(ToJson(decision, JsonForm::kLine));
  EXPECT_EQ(read.client.helo, "(not UTF-8)");
  EXPECT_EQ(read.identity, decision.identity);
}

TEST(Decision, WhatIsNoDecisionIsRefused) {
  for (const char* text :
       {"", "x", "[]", "null", "{}", "{\"verdict\":\"perhaps\"}", "{\"verdict\":1}",
        "{\"verdict\":\"accepted\",\"verdict\":\"accepted\"}", "{\"verdict\":\"accepted\"",
        "{\"verdict\":\"accepted\",\"steps\":[{}]}", "{\"verdict\":\"accepted\",\"steps\":[1]}",
        "{\"verdict\":\"accepted\",\"steps\":[{\"kind\":\"note\",\"outcome\":\"maybe\"}]}",
        "{\"verdict\":\"accepted\",\"client\":{\"chain\":[\"*\"]}}",
        "{\"verdict\":\"accepted\",\"headline\":\"a\\u0000b\"}"}) {
    const auto read = DecisionFromJson(text);
    EXPECT_FALSE(read.ok()) << text;
    if (!read.ok()) {
      EXPECT_FALSE(read.error().empty()) << text;
    }
  }
}

TEST(Decision, WhatIsMissingOrOfAnotherTypeIsEmpty) {
  const Decision read = Read(
      "{\"verdict\":\"refused\",\"headline\":7,\"client\":[],\"steps\":{},\"time\":\"x\","
      "\"more\":{}}");
  EXPECT_EQ(read.verdict, Decision::Verdict::kRefused);
  EXPECT_EQ(read.headline, "");
  EXPECT_EQ(read.time, 0);
  EXPECT_TRUE(read.steps.empty());
}

TEST(Decision, ItsSizeGrowsWithWhatIsInIt) {
  Decision decision = Example();
  const std::size_t before = decision.bytes();
  decision.steps.back().value.assign(1000, 'x');
  decision.client.chain.push_back(std::string(500, 'x'));
  EXPECT_GE(decision.bytes(), before + 1500);
}

// Once whoever could write the file reached the terminal of whoever asked.
TEST(DecisionFromJson, OctetsThatSteerATerminalAreReplaced) {
  const auto read = DecisionFromJson(
      R"({"verdict":"refused","headline":"h\u001b[31m","reason":"r\nREFUSED",)"
      R"("steps":[{"kind":"command","what":"a\u0007","value":"550-a\n550 b\u009b"},)"
      R"({"kind":"note","value":"c\nd"}]})");
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read.value().headline, "h?[31m");
  EXPECT_EQ(read.value().reason, "r?REFUSED");
  EXPECT_EQ(read.value().steps[0].what, "a?");
  EXPECT_EQ(read.value().steps[0].value.substr(0, 11), "550-a\n550 b");
  EXPECT_EQ(read.value().steps[1].value, "c?d");
}

}  // namespace
}  // namespace signet::report
