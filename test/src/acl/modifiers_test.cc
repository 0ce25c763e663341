#include "src/acl/modifiers.h"

#include <gtest/gtest.h>

namespace signet::acl {
namespace {

using std::chrono::seconds;

TEST(ParseTimeTest, UnitsAddUp) {
  EXPECT_EQ(ParseTime("0s"), seconds(0));
  EXPECT_EQ(ParseTime("5s"), seconds(5));
  EXPECT_EQ(ParseTime("1m30s"), seconds(90));
  EXPECT_EQ(ParseTime("1w2d3h4m5s"), seconds(788645));
  EXPECT_EQ(ParseTime("366d"), seconds(366 * 86400));
}

TEST(ParseTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "5", "s", "5x", "5s ", " 5s", "-5s", "5s5", "367d", "99999999999999999999s"})
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
}

using Lines = std::vector<std::string>;
Lines Texts(const Value& value) {
  Lines lines;
  for (facts::AddedHeader& header : HeaderLines(value)) lines.push_back(std::move(header.text));
  return lines;
}

TEST(HeaderLinesTest, EachLineIsAHeader) {
  EXPECT_EQ(Texts(Value("X-A: b")), Lines{"X-A: b"});
  EXPECT_EQ(Texts(Value("X-A: b\nX-C: d\n")), (Lines{"X-A: b", "X-C: d"}));
  EXPECT_EQ(Texts(Value("X-A: b\n more\n\tand more")), Lines{"X-A: b\n more\n\tand more"});
  EXPECT_EQ(Texts(Value("")), Lines{});
  EXPECT_EQ(Texts(Value("\n \n")), Lines{});
}

TEST(HeaderLinesTest, WhatIsNoHeaderGetsAName) {
  EXPECT_EQ(Texts(Value("just text")), Lines{"X-ACL-Warn: just text"});
  EXPECT_EQ(Texts(Value("two words: x")), Lines{"X-ACL-Warn: two words: x"});
}

Value Mixed(const std::string& ours, const std::string& theirs, Origins origins = kFromClient) {
  Value value(ours + theirs);
  value.segments.push_back({static_cast<std::uint32_t>(ours.size()), kFromAdministrator});
  value.segments.push_back({static_cast<std::uint32_t>(value.text.size()), origins});
  return value;
}

TEST(HeaderLinesTest, RuleS10OutsidersTextStartsNoLine) {
  EXPECT_EQ(Texts(Mixed("X-A: ", "b\nBcc: victim@example.org")),
            Lines{"X-A: b Bcc: victim@example.org"});
  EXPECT_EQ(Texts(Mixed("X-A: ", "b\r\n\r\nbody", kFromDirectory)), Lines{"X-A: b    body"});
  EXPECT_EQ(Texts(Mixed("X-A: ", std::string("b\0c", 3))), Lines{"X-A: b c"});
}

TEST(HeaderLinesTest, RuleS10OutsidersTextNamesNoHeader) {
  EXPECT_EQ(Texts(Value("Bcc: victim@example.org", kFromClient)),
            Lines{"X-ACL-Warn: Bcc: victim@example.org"});
  EXPECT_EQ(Texts(Mixed("X-", "Bcc: a")), Lines{"X-ACL-Warn: X-Bcc: a"});
}

}  // namespace
}  // namespace signet::acl
