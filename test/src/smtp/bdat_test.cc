#include <gtest/gtest.h>

#include "src/smtp/receive.h"

namespace signet::smtp {
namespace {

std::string Parsed(std::string_view argument) {
  const std::optional<Chunk> chunk = ParseChunk(argument);
  if (!chunk) return "wrong";
  return std::to_string(chunk->octets) + (chunk->last ? " last" : "");
}

TEST(ParseChunk, ReadsTheSizeAndLast) {
  EXPECT_EQ(Parsed("0"), "0");
  EXPECT_EQ(Parsed("12"), "12");
  EXPECT_EQ(Parsed("12 LAST"), "12 last");
  EXPECT_EQ(Parsed("12  last"), "12 last");
  EXPECT_EQ(Parsed("0 Last"), "0 last");
}

TEST(ParseChunk, RuleS6TakesNothingElseForASize) {
  for (const char* wrong : {"", " ", "LAST", "x", "12x", "-1", "+1", "0x10", "1 2", "12 LAST x",
                            "12 FIRST", "1,000", "12\tLAST"})
    EXPECT_EQ(Parsed(wrong), "wrong") << wrong;
}

TEST(ParseChunk, RuleS6DigitsOnBothSidesOfTheLimit) {
  EXPECT_EQ(Parsed("999999999999999999"), "999999999999999999");
  EXPECT_EQ(Parsed("1000000000000000000"), "wrong");
  EXPECT_EQ(Parsed("18446744073709551617"), "wrong");
}

TEST(ChunkDrainMax, IsTwiceWhatAMessageMayHaveAndSomeMore) {
  EXPECT_EQ(ChunkDrainMax(1000), 2000U + 1024 * 1024);
  EXPECT_EQ(ChunkDrainMax(0), 2 * limits::kMessageMaxBytes + 1024 * 1024);
}

}  // namespace
}  // namespace signet::smtp
