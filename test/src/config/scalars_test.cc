#include "src/config/scalars.h"

#include <gtest/gtest.h>

namespace signet::config {
namespace {

template <typename T, typename Show>
std::string Said(const Result<T, ScalarError>& result, Show show) {
  return result ? show(result.value())
                : std::to_string(result.error().at) + ": " + result.error().message;
}
std::string Integer(std::string_view text) {
  return Said(ReadInteger(text, "x"), [](std::int64_t v) { return std::to_string(v); });
}
std::string Boolean(std::string_view text) {
  return Said(ReadBoolean(text, "x"), [](bool v) { return std::string(v ? "yes" : "no"); });
}
std::string Time(std::string_view text) {
  return Said(ReadTime(text, "x"),
              [](std::chrono::milliseconds v) { return std::to_string(v.count()); });
}

TEST(ConfigScalars, IntegersAreDecimalOctalOrHexadecimal) {
  EXPECT_EQ(Integer("0"), "0");
  EXPECT_EQ(Integer("25"), "25");
  EXPECT_EQ(Integer("-25"), "-25");
  EXPECT_EQ(Integer("+25"), "25");
  EXPECT_EQ(Integer("0750"), "488");
  EXPECT_EQ(Integer("0x1F"), "31");
}

TEST(ConfigScalars, IntegersMayHaveASuffix) {
  EXPECT_EQ(Integer("2K"), "2048");
  EXPECT_EQ(Integer("50m"), "52428800");
  EXPECT_EQ(Integer("1g"), "1073741824");
  EXPECT_EQ(Integer("1T"), "1099511627776");
}

TEST(ConfigScalars, MistakesInIntegersAreNamed) {
  EXPECT_EQ(Integer(""), "0: integer expected for x");
  EXPECT_EQ(Integer("many"), "0: integer expected for x");
  EXPECT_EQ(Integer("-"), "0: integer expected for x");
  EXPECT_EQ(Integer("--1"), "0: integer expected for x");
  EXPECT_EQ(Integer("0x"), "0: integer expected for x");
  EXPECT_EQ(Integer("5 elephants"), "2: extra characters follow integer value for x");
  EXPECT_EQ(Integer("09"), "1: extra characters follow integer value for x");
  EXPECT_EQ(Integer("5 # five"),
            "2: extra characters follow integer value for x (# is comment only at line start)");
}

TEST(ConfigScalars, IntegersHaveALimit) {
  EXPECT_EQ(Integer("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(Integer("9223372036854775808"),
            "0: absolute value of integer \"9223372036854775808\" is too large (overflow)");
  EXPECT_EQ(Integer("8388607T"), "9223370937343148032");
  EXPECT_EQ(Integer("8388608T"),
            "0: absolute value of integer \"8388608T\" is too large (overflow)");
}

TEST(ConfigScalars, BooleansAreWordsInAnyCase) {
  EXPECT_EQ(Boolean("true"), "yes");
  EXPECT_EQ(Boolean("YES"), "yes");
  EXPECT_EQ(Boolean("False"), "no");
  EXPECT_EQ(Boolean("no"), "no");
  EXPECT_EQ(Boolean("maybe"), "0: \"maybe\" is not a valid value for the \"x\" option");
  EXPECT_EQ(Boolean("1"), "0: \"1\" is not a valid value for the \"x\" option");
  EXPECT_EQ(Boolean("true enough"), "5: extra characters follow \"true\" for boolean option x");
  EXPECT_EQ(Boolean("no # c"),
            "3: extra characters follow \"no\" for boolean option x (# is comment only at line "
            "start)");
}

TEST(ConfigScalars, TimesAreNumbersWithUnits) {
  EXPECT_EQ(Time("30s"), "30000");
  EXPECT_EQ(Time("1w2d3h4m5s"), "788645000");
  EXPECT_EQ(Time("5s5s"), "10000");
  EXPECT_EQ(Time("0s"), "0");
  for (const char* bad : {"", "5", "5 elephants", "5m 3s", "m", "-5m", "5x", "5M"}) {
    EXPECT_EQ(Time(bad), "0: invalid time value for x") << bad;
  }
}

TEST(ConfigScalars, TimesHaveALimit) {
  EXPECT_EQ(Time("2147483647s"), "2147483647000");
  EXPECT_EQ(Time("2147483648s"), "0: invalid time value for x");
  EXPECT_EQ(Time("2147483647s1s"), "0: invalid time value for x");
  EXPECT_EQ(Time("3551w"), "0: invalid time value for x");
}

TEST(ConfigScalars, ValuesAreShownAsTheyWouldBeWritten) {
  EXPECT_EQ(ShowInteger(0), "0");
  EXPECT_EQ(ShowInteger(1000), "1000");
  EXPECT_EQ(ShowInteger(50 << 20), "50M");
  EXPECT_EQ(ShowInteger(-2048), "-2K");
  EXPECT_EQ(ShowTime(std::chrono::seconds(0)), "0s");
  EXPECT_EQ(ShowTime(std::chrono::seconds(300)), "5m");
  EXPECT_EQ(ShowTime(std::chrono::hours(26)), "1d2h");
}

}  // namespace
}  // namespace signet::config
