#include "expand/number.h"

#include <gtest/gtest.h>

#include <string>

namespace signet::expand {
namespace {

std::string Shown(const Result<std::int64_t, std::string>& result) {
  return result.ok() ? std::to_string(result.value()) : result.error();
}

TEST(ComparisonNumberTest, ReachesBothEndsOf64Bits) {
  EXPECT_EQ(Shown(ReadComparisonNumber("9223372036854775807")), "9223372036854775807");
  EXPECT_EQ(Shown(ReadComparisonNumber("-9223372036854775807")), "-9223372036854775807");
  EXPECT_FALSE(ReadComparisonNumber("9223372036854775808").ok());
  EXPECT_EQ(Shown(ReadComparisonNumber("8589934591g")), "9223372035781033984");
  EXPECT_FALSE(ReadComparisonNumber("8589934592g").ok());
}

// Whatever is computed, it is defined: the sanitizers watch.
TEST(ArithmeticTest, RuleE4EveryOperationIsTotal) {
  const char* kEnds[] = {
      "0", "1", "-1", "63", "64", "-9223372036854775807-1", "9223372036854775807"};
  for (const char* x : kEnds)
    for (const char* y : kEnds)
      for (const char* op : {"+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"}) {
        std::string text = std::string("(") + x + ")" + op + "(" + y + ")";
        EXPECT_FALSE(Shown(EvaluateArithmetic(text, Radix::kAny)).empty()) << text;
      }
  EXPECT_EQ(Shown(EvaluateArithmetic("5%-1", Radix::kAny)), "0");
  EXPECT_FALSE(EvaluateArithmetic("1<<64", Radix::kAny).ok());
  EXPECT_FALSE(EvaluateArithmetic("1<<-1", Radix::kAny).ok());
  EXPECT_FALSE(EvaluateArithmetic("5/0", Radix::kAny).ok());
}

TEST(ArithmeticTest, NestingHasALimit) {
  auto nested = [](std::size_t n) { return std::string(n, '(') + "1" + std::string(n, ')'); };
  EXPECT_EQ(Shown(EvaluateArithmetic(nested(99), Radix::kAny)), "1");
  EXPECT_FALSE(EvaluateArithmetic(nested(100), Radix::kAny).ok());
  EXPECT_FALSE(EvaluateArithmetic(std::string(100'000, '-') + "1", Radix::kAny).ok());
}

TEST(FieldNumberTest, LargeNumbersStayLarge) {
  EXPECT_EQ(ReadFieldNumber("99999999999999999999"), std::int64_t{1} << 62);
  EXPECT_EQ(ReadFieldNumber("-99999999999999999999"), -(std::int64_t{1} << 62));
  EXPECT_EQ(ReadFieldNumber("-"), 0);
  EXPECT_EQ(ReadFieldNumber("+1"), std::nullopt);
  EXPECT_EQ(ReadFieldNumber(""), std::nullopt);
}

}  // namespace
}  // namespace signet::expand
