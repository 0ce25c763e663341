#include "src/crypto/password.h"

#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::crypto {
namespace {

PasswordMatch Check(std::string_view password, std::string_view stored) {
  int error = 0;
  return CheckPassword(password, stored, &error);
}

TEST(Password, IsTheOneThatWasStored) {
  for (const char* stored :
       {"{md5}560b2e7f9f2bc647ac41ce0e46df2add", "$1$abc$gmUC/RxsatDikPvkXXryA/",
        "$2b$04$abcdefghijklmnopqrstuu7cmqJufEL/O/jCwHj2s1/DddAB6nJcS",
        "$6$rounds=1000$abcdefgh$ynsLur5c4a/"
        "FtMQFiJQoiWyQ2dWLy0pBPmFJyU2X/zgcn4.yHq55gUQSyzk3sYsd161nDfHPyefRbC2scnfhr0",
        "$y$j75$1AziKhvZtI/n.oinmquIY0$maB4KJ3n7uoYDsVsv5wm5JUEpxBiXYkZ0myoAucWQi7",
        "$7$6U..../....OEsPcoCjJt7cTY6cL94EX.$WclQbmxxoUsQ0X1dreeHOKnjnixwbXRPJkH2LrTvfQ1",
        "abIVJWQ/RYi8k"}) {
    EXPECT_EQ(Check("signet", stored), PasswordMatch::kYes) << stored;
    EXPECT_EQ(Check("Signet", stored), PasswordMatch::kNo) << stored;
    EXPECT_EQ(Check("", stored), PasswordMatch::kNo) << stored;
  }
}

// Nothing that is not a hash is ever equal, whatever crypt() returns for it.
TEST(Password, TokensOfFailureEqualNothing) {
  for (const char* stored : {"", "*", "*0", "*1", "x", "!!", "$", "$$", "$9$ab$cd", "{crypt}",
                             "{crypt}*0", "{crypt16}", "{crypt16}*0", "$2b$04$abc", "$1$"})
    for (const char* password : {"", "*0", "*1", "x"})
      EXPECT_EQ(Check(password, stored), PasswordMatch::kNo) << password << " " << stored;
}

TEST(Password, WithANulOrOverLongEqualsNothing) {
  const std::string hash = "abIVJWQ/RYi8k";
  EXPECT_EQ(Check(std::string_view("signet\0x", 8), hash), PasswordMatch::kNo);
  EXPECT_EQ(Check("signet", hash + std::string("\0x", 2)), PasswordMatch::kNo);
  EXPECT_EQ(Check(std::string(100'000, 'a'), hash), PasswordMatch::kNo);
}

TEST(Password, UnknownBracesAreSaidToBe) {
  for (const char* stored : {"{ssha}x", "{sha}x", "{sha256}x", "{", "{}", "{md5", "{ crypt}x"})
    EXPECT_EQ(Check("x", stored), PasswordMatch::kUnknownScheme) << stored;
}

TEST(Password, WorkIsLimitedOnBothSides) {
  const std::string most = std::to_string(limits::kPasswordHashWork);
  const std::string more = std::to_string(limits::kPasswordHashWork + 1);
  for (const char* prefix : {"$5$rounds=", "$6$rounds="}) {
    EXPECT_TRUE(IsAffordable(prefix + most + "$salt$hash"));
    EXPECT_FALSE(IsAffordable(prefix + more + "$salt$hash"));
    EXPECT_FALSE(IsAffordable(prefix + std::string(50, '9') + "$salt$hash"));
  }
  EXPECT_TRUE(IsAffordable("$sha1$600000$salt$hash"));
  EXPECT_FALSE(IsAffordable("$sha1$700000$salt$hash"));
  EXPECT_TRUE(IsAffordable("$md5,rounds=600000$salt$hash"));
  EXPECT_FALSE(IsAffordable("$md5,rounds=4294963199$salt$hash"));
  EXPECT_TRUE(IsAffordable("$2b$15$salt"));
  EXPECT_FALSE(IsAffordable("$2y$16$salt"));
  EXPECT_FALSE(IsAffordable("$2a$99$salt"));
  EXPECT_TRUE(IsAffordable("$y$jBT$salt$hash"));
  EXPECT_FALSE(IsAffordable("$y$jCT$salt$hash"));
  EXPECT_FALSE(IsAffordable("$gy$jBU$salt$hash"));
  EXPECT_FALSE(IsAffordable("$y$j9T5$salt$hash"));
  EXPECT_TRUE(IsAffordable("$7$BU..../....salt$hash"));
  EXPECT_FALSE(IsAffordable("$7$CU..../....salt$hash"));
  EXPECT_FALSE(IsAffordable("$7$BU.../z....salt$hash"));
  EXPECT_EQ(Check("x", "$6$rounds=999999999$abc$x"), PasswordMatch::kTooCostly);
}

}  // namespace
}  // namespace signet::crypto
