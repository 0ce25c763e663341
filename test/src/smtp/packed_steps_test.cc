#include "src/smtp/packed_steps.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

using facts::TraceStep;

TraceStep SomeStep(std::size_t octets) {
  TraceStep step;
  step.kind = TraceStep::Kind::kLookup;
  step.outcome = TraceStep::Outcome::kLater;
  step.depth = 7;
  step.hidden = true;
  step.what = "ldap";
  step.value = std::string(octets, '\xff') + std::string(1, '\0');
  step.from = "directory";
  step.query = std::string(octets, 'q');
  step.place = "signet.conf:1:2";
  step.microseconds = static_cast<std::int64_t>(octets) * 1000;
  return step;
}

void ExpectSame(const TraceStep& a, const TraceStep& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.depth, b.depth);
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.what, b.what);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.query, b.query);
  EXPECT_EQ(a.place, b.place);
  EXPECT_EQ(a.microseconds, b.microseconds);
}

TEST(PackedSteps, ComeBackAsTheyWere) {
  std::vector<TraceStep> steps = {TraceStep()};
  for (const std::size_t octets : {0u, 1u, 126u, 127u, 128u, 129u, 16383u, 16384u, 100'000u})
    steps.push_back(SomeStep(octets));
  std::string packed;
  Pack({steps.begin(), steps.begin() + 3}, &packed);
  Pack({steps.begin() + 3, steps.end()}, &packed);
  const std::vector<TraceStep> again = Unpack(packed);
  ASSERT_EQ(again.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) ExpectSame(steps[i], again[i]);
}

TEST(PackedSteps, NothingIsNothing) {
  std::string packed;
  Pack({}, &packed);
  EXPECT_EQ(packed, "");
  EXPECT_TRUE(Unpack("").empty());
}

TEST(PackedSteps, TakeAFractionOfTheMemory) {
  std::vector<TraceStep> steps;
  for (int i = 0; i < 50; ++i) {
    steps.push_back({.kind = TraceStep::Kind::kExpression, .what = "${lc:$item}"});
    steps.back().value = "alice@example.org";
    steps.back().place = "signet.conf:31:21";
  }
  std::string packed;
  Pack(steps, &packed);
  EXPECT_LT(packed.size(), steps.size() * sizeof(TraceStep) / 3);
}

}  // namespace
}  // namespace signet::smtp
