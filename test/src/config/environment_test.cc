#include "src/config/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "test/support/policy.h"

namespace signet::config {
namespace {

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() {
    setenv("SIGNET_TEST_A", "a", 1);
    setenv("SIGNET_TEST_B", "b", 1);
  }
  std::optional<std::string> Read(std::string_view name) {
    MatchContext context = policy_.Context();
    return ReadEnvironment(name, context);
  }
  signet::testing::Policy policy_;
};

TEST_F(EnvironmentTest, NothingIsLetThroughUnlessItIsNamed) {
  EXPECT_EQ(Read("SIGNET_TEST_A"), std::nullopt);
  policy_.config.main.keep_environment = policy_.Expanded("SIGNET_TEST_A : ^SIGNET_X");
  EXPECT_EQ(Read("SIGNET_TEST_A"), "a");
  EXPECT_EQ(Read("SIGNET_TEST_B"), std::nullopt);
  EXPECT_EQ(Read("SIGNET_X"), std::nullopt);
  EXPECT_EQ(Read(""), std::nullopt);
}

TEST_F(EnvironmentTest, WhatIsAddedComesFirst) {
  policy_.config.main.keep_environment = policy_.Expanded("*");
  policy_.config.main.add_environment =
      policy_.Expanded("<; SIGNET_TEST_A=x:y ; SIGNET_C=1 ; SIGNET_C=2=3 ; none");
  EXPECT_EQ(Read("SIGNET_TEST_A"), "x:y");
  EXPECT_EQ(Read("SIGNET_TEST_B"), "b");
  EXPECT_EQ(Read("SIGNET_C"), "2=3");
  EXPECT_EQ(Read("none"), std::nullopt);
}

TEST_F(EnvironmentTest, WhatCannotBeExpandedLetsNothingThrough) {
  policy_.config.main.keep_environment = policy_.Expanded("${if eq{$value}{}{${eval:$value/0}}}");
  policy_.config.main.add_environment = policy_.Expanded("${if eq{$value}{x}{}fail}");
  EXPECT_EQ(Read("SIGNET_TEST_A"), std::nullopt);
}

}  // namespace
}  // namespace signet::config
