#include "src/facts/trace.h"

#include <gtest/gtest.h>

#include "test/support/trace_dump.h"

namespace signet::facts {
namespace {

using Kind = TraceStep::Kind;
using Outcome = TraceStep::Outcome;

constexpr std::size_t kMuch = std::size_t{1} << 30;

TraceStep Step(Kind kind, std::string what, std::string value = "") {
  TraceStep step;
  step.kind = kind;
  step.what = std::move(what);
  step.value = std::move(value);
  return step;
}

TEST(Trace, StepsNestAndEndWithWhatCameOut) {
  Trace trace;
  const std::size_t acl = trace.Begin(Step(Kind::kAcl, "a"));
  trace.Add(Step(Kind::kNote, "n"));
  {
    TraceScope scope(&trace, Step(Kind::kStatement, "deny"));
    trace.Add(Step(Kind::kCondition, "c", "x"));
    scope.Result(Outcome::kNo, "does not apply", "client");
  }
  trace.End(acl, Outcome::kYes, "accept");
  trace.Add(Step(Kind::kNote, "after"));
  EXPECT_EQ(test::Dump(trace),
            "acl yes a = accept\n"
            "  note n\n"
            "  statement no deny = does not apply (client)\n"
            "    condition c = x\n"
            "note after\n");
}

TEST(Trace, WhatAStepSaidOfItselfStaysWhereItsEndSaysNothing) {
  Trace trace;
  const std::size_t id = trace.Begin(Step(Kind::kNote, "n", "value"));
  trace.At(id)->from = "client";
  trace.End(id, Outcome::kYes, "");
  EXPECT_EQ(test::Dump(trace), "note yes n = value (client)\n");
}

TEST(Trace, NothingHappensWithoutOne) {
  TraceScope scope(nullptr, Step(Kind::kNote, "n"));
  EXPECT_FALSE(scope.on());
  EXPECT_EQ(scope.step(), nullptr);
  const Discretion discretion(nullptr);
}

TEST(TraceRuleR7, StepsHaveALimit) {
  for (const std::size_t more : {0u, 1u}) {
    Trace trace(false, kMuch);
    for (std::size_t i = 0; i < limits::kTraceSteps + more; ++i)
      trace.Add(Step(Kind::kExpression, "x"));
    EXPECT_EQ(trace.steps().size(), limits::kTraceSteps);
    EXPECT_EQ(trace.dropped(), more);
  }
}

TEST(TraceRuleR7, CommandsAndAuthenticatorsHaveALimitOfTheirOwn) {
  Trace trace(false, kMuch);
  for (std::size_t i = 0; i <= limits::kTraceSteps; ++i) trace.Add(Step(Kind::kExpression, "x"));
  trace.Add(Step(Kind::kAuthenticator, "tls"));
  trace.Add(Step(Kind::kCommand, "QUIT"));
  EXPECT_EQ(trace.steps().size(), limits::kTraceSteps + 2);
  EXPECT_EQ(trace.dropped(), 1u);
  for (std::size_t i = 0; i < limits::kTraceSteps; ++i) trace.Add(Step(Kind::kCommand, "NOOP"));
  EXPECT_EQ(trace.steps().size(), 2 * limits::kTraceSteps);
  EXPECT_EQ(trace.dropped(), 3u);
}

TEST(TraceRuleR7, OctetsHaveALimit) {
  constexpr std::size_t kText = 100;
  constexpr std::size_t kOne = sizeof(TraceStep) + kText;
  for (const std::size_t less : {0u, 1u}) {
    Trace trace(false, 3 * kOne - less);
    for (int i = 0; i < 3; ++i) trace.Add(Step(Kind::kExpression, std::string(kText, 'x')));
    EXPECT_EQ(trace.steps().size(), 3 - less);
    EXPECT_EQ(trace.dropped(), less);
    // What is dropped has no parts that are deeper than what comes next.
    const std::size_t id = trace.Begin(Step(Kind::kExpression, std::string(kText, 'x')));
    EXPECT_EQ(trace.At(id), nullptr);
    trace.End(id, Outcome::kYes, "v");
    trace.Add(Step(Kind::kCommand, "QUIT"));
    EXPECT_EQ(trace.steps().back().depth, 0);
  }
}

TEST(TraceRuleR7, WhatAnEndSaysCountsToo) {
  Trace trace(false, 2 * sizeof(TraceStep) + 100);
  const std::size_t id = trace.Begin(Step(Kind::kExpression, ""));
  trace.End(id, Outcome::kYes, std::string(101, 'x'));
  trace.Add(Step(Kind::kExpression, ""));
  EXPECT_EQ(trace.steps().size(), 1u);
  EXPECT_EQ(trace.dropped(), 1u);
}

TEST(TraceRuleR7, ATextHasALimit) {
  for (const std::size_t more : {0u, 1u}) {
    const std::string text(limits::kTraceTextBytes + more, 'x');
    const std::string kept =
        text.substr(0, limits::kTraceTextBytes) + (more > 0 ? "... (1 octets more)" : "");
    Trace trace;
    TraceStep step = Step(Kind::kLookup, text, text);
    step.query = text;
    trace.Add(step);
    EXPECT_EQ(trace.steps()[0].what, kept);
    EXPECT_EQ(trace.steps()[0].value, kept);
    EXPECT_EQ(trace.steps()[0].query, kept);
    trace.End(trace.Begin(Step(Kind::kExpression, "x")), Outcome::kYes, text);
    EXPECT_EQ(trace.steps()[1].value, kept);
  }
}

TEST(TraceRuleC7, DiscretionHidesValuesAndQueries) {
  Trace trace;
  std::size_t id = 0;
  {
    const Discretion outer(&trace);
    const Discretion inner(&trace);
    TraceStep step = Step(Kind::kLookup, "ldap", "s3cret");
    step.query = "s3cret";
    trace.Add(step);
    trace.Add(Step(Kind::kNote, "nothing to hide"));
    id = trace.Begin(Step(Kind::kExpression, "$auth2"));
    trace.End(id, Outcome::kYes, "s3cret");
  }
  trace.Add(Step(Kind::kExpression, "$auth1", "alice"));
  EXPECT_EQ(test::Dump(trace),
            "lookup ldap = ***\nnote nothing to hide\nexpression yes $auth2 = ***\n"
            "expression $auth1 = alice\n");
  EXPECT_EQ(test::AllTextOf(trace).find("s3cret"), std::string::npos);
}

TEST(Trace, WhatWasNotMeantIsTakenBack) {
  Trace trace;
  trace.Add(Step(Kind::kNote, "1"));
  const std::size_t from = trace.steps().size();
  trace.Add(Step(Kind::kNote, "2"));
  trace.TakeBack(from);
  trace.Add(Step(Kind::kNote, "3"));
  EXPECT_EQ(test::Dump(trace), "note 1\nnote 3\n");
}

TEST(Trace, KindsAndOutcomesHaveTheirNames) {
  EXPECT_EQ(NameOf(Kind::kCommand), "command");
  EXPECT_EQ(NameOf(Kind::kExpression), "expression");
  EXPECT_EQ(NameOf(Kind::kNote), "note");
  EXPECT_EQ(NameOf(Outcome::kNone), "none");
  EXPECT_EQ(NameOf(Outcome::kFailed), "failed");
}

}  // namespace
}  // namespace signet::facts
