#include "src/auth/unsecret.h"

#include <gtest/gtest.h>

namespace signet::auth {
namespace {

TEST(RuleA6, QueriesAreLoggedWithoutThePasswordsInThem) {
  EXPECT_EQ(
      WithoutSecrets(R"(lookup of "select 1 where p='tanstaaf'" gave DEFER: "sqlite: locked")",
                     {"tanstaaf"}),
      R"(lookup of "***" gave DEFER: "sqlite: locked")");
  EXPECT_EQ(WithoutSecrets(R"(integer expected but "s" found)", {"s"}),
            R"(integer expected but "***" found)");
  EXPECT_EQ(WithoutSecrets(R"(lookup of "uid=ann" gave DEFER)", {"tanstaaf", ""}),
            R"(lookup of "uid=ann" gave DEFER)");
}

// Each query language has its own way to quote.
TEST(RuleA6, HoweverThePasswordIsQuoted) {
  for (const char* quoted : {"o''clock now", "o\\'clock\\ now", "o%27clock%20now", "O'CLOCK NOW",
                             R"(PASS=\"o'clock now\")"})
    EXPECT_EQ(WithoutSecrets("\"" + std::string(quoted) + "\" it is", {"o'clock now"}),
              "\"***\" it is");
  EXPECT_EQ(WithoutSecrets(R"(a ":-;" b)", {":-;"}), R"(a "***" b)");
  EXPECT_EQ(WithoutSecrets(R"(cut "o'clock)", {"o'clock"}), R"(cut "***")");
  EXPECT_EQ(WithoutSecrets(R"(cut "o'clock\)", {"o'clock"}), R"(cut "***")");
}

TEST(RuleA6, WhatShowsAPasswordOutsideOfQuotesIsNotShown) {
  EXPECT_EQ(WithoutSecrets("tainted string 'tanstaaf' for substr", {"tanstaaf"}),
            "not shown, because a password may be in it");
  EXPECT_EQ(WithoutSecrets("no such file", {"no"}), "no such file");
}

}  // namespace
}  // namespace signet::auth
