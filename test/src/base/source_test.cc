#include "src/base/source.h"

#include <gtest/gtest.h>

namespace signet {
namespace {

TEST(Source, CaretPointsAtTheSpan) {
  SourceText text("signet.conf", "a = b\n  server_param1 = ${sha265:x}\n");
  Diagnostic d{.span = {&text, 26, 32}, .message = "unknown operator \"sha265\""};
  d.hint = "did you mean \"sha256\"?";
  EXPECT_EQ(Render(d),
            "signet.conf:2:21: error: unknown operator \"sha265\"; did you mean \"sha256\"?\n"
            "    server_param1 = ${sha265:x}\n"
            "                      ^^^^^^\n");
}

TEST(Source, CodeStandsBehindMessageAndHint) {
  Diagnostic d{.severity = Severity::kWarning, .message = "m", .code = "no-meaning"};
  EXPECT_EQ(Render(d), "warning: m [no-meaning]\n");
  d.hint = "h";
  EXPECT_EQ(Render(d), "warning: m; h [no-meaning]\n");
}

TEST(Source, CaretsCountCharactersAndKeepTabs) {
  SourceText text("f", "\tä = öl\n");
  EXPECT_EQ(Render({.span = {&text, 6, 9}, .message = "m"}),
            "f:1:7: error: m\n  \tä = öl\n  \t    ^^\n");
}

TEST(Source, PiecesLeadBackToTheFile) {
  SourceText file("f", "x = a \\\n    bXc\n");
  // Logical line: "a " from 4, "b" from 12, the macro X (at 13) gave "MACRO", "c" from 14.
  SourceText line("line", "a bMACROc",
                  {{0, {&file, 4, 6}, true},
                   {2, {&file, 12, 13}, true},
                   {3, {&file, 13, 14}, false},
                   {8, {&file, 14, 15}, true}});
  EXPECT_EQ(PlaceOf({&line, 0, 1}), "f:1:5");
  EXPECT_EQ(PlaceOf({&line, 2, 3}), "f:2:5");
  EXPECT_EQ(PlaceOf({&line, 5, 6}), "f:2:6");
  EXPECT_EQ(PlaceOf({&line, 8, 9}), "f:2:7");
}

TEST(Source, OneStepBackFromAPiece) {
  SourceText file("f", "abcdef");
  SourceText line("line", "defXX", {{0, {&file, 3, 6}, true}, {3, {&file, 0, 2}, false}});
  EXPECT_EQ(line.CopiedFrom({&line, 1, 2}).view(), "e");
  EXPECT_EQ(line.CopiedFrom({&line, 1, 5}).view(), "ef");
  EXPECT_EQ(line.CopiedFrom({&line, 4, 5}).view(), "ab");
  EXPECT_EQ(file.CopiedFrom({&file, 1, 2}).view(), "b");
}

TEST(Source, OfALongLineThePartAroundThePlaceIsShown) {
  const std::string filler(1'000'000, 'x');
  SourceText text("f", filler + "é{" + filler);
  const std::string shown = Render({.span = {&text, 1'000'002, 1'000'003}, .message = "m"});
  EXPECT_EQ(shown, "f:1:1000003: error: m\n  ..." + std::string(98, 'x') + "é{" +
                       std::string(199, 'x') + "...\n     " + std::string(99, ' ') + "^\n");
  const std::string all = Render({.span = {&text, 0, 2'000'000}, .message = "m"});
  EXPECT_EQ(all, "f:1:1: error: m\n  " + std::string(200, 'x') + "...\n  " + std::string(200, '^') +
                     "\n");
}

TEST(Source, SpansBeyondTheEndStayInside) {
  SourceText text("f", "ab");
  EXPECT_EQ(PlaceOf({&text, 9, 12}), "f:1:3");
  EXPECT_EQ((SourceSpan{&text, 1, 9}.view()), "b");
}

TEST(Source, SortsByFileLineAndColumn) {
  SourceText one("one", "aaa\nbbb"), two("two", "ccc");
  Diagnostics all = {{.span = {&one, 5, 6}, .message = "2"},
                     {.span = {&two, 0, 1}, .message = "3"},
                     {.span = {&one, 1, 2}, .message = "1"}};
  SortBySource(&all);
  EXPECT_EQ(all[0].message + all[1].message + all[2].message, "123");
}

TEST(Source, SuggestsTheNearestNameOnly) {
  std::vector<std::string_view> names = {"sha1", "sha256", "substr", "md5"};
  EXPECT_EQ(SuggestName("sha265", names), "sha256");
  EXPECT_EQ(SuggestName("subst", names), "substr");
  EXPECT_EQ(SuggestName("elephant", names), "");
}

}  // namespace
}  // namespace signet
