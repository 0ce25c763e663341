#include "src/report/lookup_health.h"

#include <gtest/gtest.h>

namespace signet::report {
namespace {

TEST(LookupHealth, KnowsTheLastAnswerAndTheLastTrouble) {
  LookupHealth health;
  health.Note("ldap", "", 100);
  health.Note("ldap", "no server answers", 110);
  health.Note("ldap", "", 120);
  health.Note("redis", "refused\n", 130);
  const auto states = health.States();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].type, "ldap");
  EXPECT_EQ(states[0].answered, 120);
  EXPECT_EQ(states[0].failed, 110);
  EXPECT_EQ(states[0].why, "no server answers");
  EXPECT_EQ(states[0].answers, 2u);
  EXPECT_EQ(states[0].failures, 1u);
  EXPECT_EQ(states[1].answered, 0);
  EXPECT_EQ(states[1].why, "refused\\n");
}

TEST(LookupHealth, RuleR7WordsAndTypesAreBounded) {
  LookupHealth health;
  health.Note("ldap", std::string(300, 'x'), 1);
  EXPECT_EQ(health.States()[0].why.size(), 300u);
  health.Note("ldap", std::string(301, 'x'), 1);
  EXPECT_EQ(health.States()[0].why.size(), 300u);
  for (int i = 0; i < 1000; ++i) health.Note(std::to_string(i), "", 1);
  EXPECT_EQ(health.States().size(), 100u);
}

}  // namespace
}  // namespace signet::report
