#include "expand/regex.h"

#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::expand {
namespace {

std::unique_ptr<const Regex> Made(std::string_view pattern, Regex::Jit jit) {
  auto regex = Regex::Compile(pattern, jit);
  EXPECT_TRUE(regex.ok()) << pattern;
  return regex.ok() ? std::move(regex).value() : nullptr;
}

std::string Nested(std::size_t depth) {
  return std::string(depth, '(') + "a" + std::string(depth, ')');
}

TEST(RegexTest, GivesGroupsAsOffsets) {
  auto regex = Made("(a)(x)?(b)", Regex::Jit::kYes);
  std::vector<Regex::Group> groups;
  std::string why;
  ASSERT_EQ(regex->Match("zab", 0, Regex::Mode::kAnywhere, &groups, &why), Regex::Outcome::kMatch);
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].begin, 1u);
  EXPECT_EQ(groups[0].end, 3u);
  EXPECT_EQ(groups[2].begin, Regex::kUnset);
  EXPECT_EQ(regex->Match("zb", 0, Regex::Mode::kAnywhere, &groups, &why), Regex::Outcome::kNoMatch);
}

TEST(RegexTest, NulIsAnOctetLikeAnyOther) {
  auto regex = Made("^a.b$", Regex::Jit::kYes);
  std::vector<Regex::Group> groups;
  std::string why;
  EXPECT_EQ(regex->Match(std::string_view("a\0b", 3), 0, Regex::Mode::kAnywhere, &groups, &why),
            Regex::Outcome::kMatch);
}

TEST(RegexTest, SaysWhatIsWrongAndWhere) {
  auto regex = Regex::Compile("(", Regex::Jit::kNo);
  ASSERT_FALSE(regex.ok());
  EXPECT_EQ(regex.error(), "missing closing parenthesis at offset 1");
}

// With and without JIT: the match limit must do alone.
TEST(RegexTest, RuleE5RunawayMatchesEndAtALimit) {
  for (Regex::Jit jit : {Regex::Jit::kYes, Regex::Jit::kNo}) {
    auto regex = Made("^(a+)+$", jit);
    std::vector<Regex::Group> groups;
    std::string why;
    EXPECT_EQ(regex->Match(std::string(40, 'a') + "b", 0, Regex::Mode::kAnywhere, &groups, &why),
              Regex::Outcome::kLimit);
    EXPECT_FALSE(why.empty());
  }
}

// Each step keeps all groups in memory. Compiled matching keeps nothing: there the match limit
// does it alone.
TEST(RegexTest, RuleE5MemoryHasALimit) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "()";
  const auto regex = Made(pattern + "(?:(a)|b)*$", Regex::Jit::kNo);
  const auto match = [&](std::size_t octets) {
    std::vector<Regex::Group> groups;
    std::string why;
    return std::pair(
        regex->Match(std::string(octets, 'a'), 0, Regex::Mode::kAnywhere, &groups, &why), why);
  };
  const std::size_t each = 2 * sizeof(std::size_t) * 200;  // at least
  EXPECT_EQ(match(limits::kRegexHeapKib * 1024 / each / 10).first, Regex::Outcome::kMatch);
  const auto [outcome, why] = match(limits::kRegexHeapKib * 1024 / each + 1);
  EXPECT_EQ(outcome, Regex::Outcome::kLimit);
  EXPECT_NE(why.find("heap"), std::string::npos) << why;
}

TEST(RegexTest, RuleE5NestingHasALimit) {
  EXPECT_TRUE(Regex::Compile(Nested(limits::kRegexNesting), Regex::Jit::kNo).ok());
  EXPECT_FALSE(Regex::Compile(Nested(limits::kRegexNesting + 1), Regex::Jit::kNo).ok());
}

TEST(RegexTest, RuleE5LengthHasALimit) {
  // A comment makes a long pattern that compiles to little.
  auto of_size = [](std::size_t size) { return "(?#" + std::string(size - 4, 'c') + ")"; };
  EXPECT_TRUE(Regex::Compile(of_size(limits::kRegexPatternMaxBytes), Regex::Jit::kNo).ok());
  EXPECT_FALSE(Regex::Compile(of_size(limits::kRegexPatternMaxBytes + 1), Regex::Jit::kNo).ok());
}

// Long subjects are looked through part by part. Nobody may notice.
TEST(RegexTest, LongSubjectsMatchLikeShortOnes) {
  const std::string far(3000, 'x');
  struct {
    const char* pattern;
    std::string subject;
    std::size_t begin, end;  // of the match; kUnset: none
  } const cases[] = {
      {"needle", far + "needle" + far, 3000, 3006},
      {"(?<=xx)y", far + "y", 3000, 3001},
      {"^y|z$", far + "z", 3000, 3001},
      {"^y", far + "y", Regex::kUnset, 0},
      {"\\by", far + " y", 3001, 3002},
      {"x+y", far + "y", 0, 3001},
      {"$", far + "\n", 3000, 3000},
      {"\\Gy", far + "y", Regex::kUnset, 0},
      {"\\z", far, 3000, 3000},
      {"", far, 0, 0},
  };
  for (const auto& c : cases) {
    for (Regex::Jit jit : {Regex::Jit::kYes, Regex::Jit::kNo}) {
      std::vector<Regex::Group> groups;
      std::string why;
      auto outcome =
          Made(c.pattern, jit)->Match(c.subject, 0, Regex::Mode::kAnywhere, &groups, &why);
      if (c.begin == Regex::kUnset) {
        EXPECT_EQ(outcome, Regex::Outcome::kNoMatch) << c.pattern;
        continue;
      }
      ASSERT_EQ(outcome, Regex::Outcome::kMatch) << c.pattern;
      EXPECT_EQ(groups[0].begin, c.begin) << c.pattern;
      EXPECT_EQ(groups[0].end, c.end) << c.pattern;
    }
  }
}

// The match limit counts backtracking; what needs none may still take the square of the
// subject's length.
TEST(RegexTest, RuleE5MatchingEndsWhenItsTimeIsSpent) {
  const std::string subject(400'000, 'a');
  for (Regex::Jit jit : {Regex::Jit::kYes, Regex::Jit::kNo}) {
    auto regex = Made("a*+[cd]", jit);
    std::vector<Regex::Group> groups;
    std::string why;
    std::chrono::nanoseconds time = std::chrono::milliseconds(20);
    EXPECT_EQ(regex->Match(subject, 0, Regex::Mode::kAnywhere, &groups, &why, &time),
              Regex::Outcome::kLimit);
    EXPECT_EQ(why, "time limit exceeded");
    EXPECT_LE(time.count(), 0);
    // Nothing is left for another one, however short.
    EXPECT_EQ(regex->Match("ac", 0, Regex::Mode::kAnywhere, &groups, &why, &time),
              Regex::Outcome::kLimit);
    time = limits::kRegexTotal;
    EXPECT_EQ(regex->Match("ac", 0, Regex::Mode::kAnywhere, &groups, &why, &time),
              Regex::Outcome::kMatch);
    EXPECT_LT(time, limits::kRegexTotal);
  }
}

}  // namespace
}  // namespace signet::expand
