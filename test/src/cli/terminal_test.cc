#include "src/cli/terminal.h"

#include <gtest/gtest.h>

namespace signet::cli {
namespace {

using Lines = std::vector<std::string>;

TEST(Terminal, ColumnsAreCodePoints) {
  EXPECT_EQ(WidthOf("Küche"), 5u);
  EXPECT_EQ(CutTo("Küche", 2), "Kü");
  EXPECT_EQ(CutTo("Küche", 9), "Küche");
  EXPECT_EQ(Padded("Kü", 4), "Kü  ");
  EXPECT_EQ(Padded("Küche", 4), "Küche");
}

TEST(Terminal, WhatIsCutSaysSo) {
  EXPECT_EQ(Shorten("Küche", 5), "Küche");
  EXPECT_EQ(Shorten("Küchen", 5), "Küch…");
  EXPECT_EQ(Shorten("x", 0), "");
}

TEST(Terminal, LinesBreakAtBlanksThenBehindMarksThenAnywhere) {
  EXPECT_EQ(Wrap("", 10), Lines{""});
  EXPECT_EQ(Wrap("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(Wrap("one two three", 8), (Lines{"one two", "three"}));
  EXPECT_EQ(Wrap("CN=aa,O=bb,C=cc", 8), (Lines{"CN=aa,O=", "bb,C=cc"}));
  EXPECT_EQ(Wrap("abcdefghij", 4), (Lines{"abcd", "efgh", "ij"}));
  EXPECT_EQ(Wrap("a bcdefghij", 6), (Lines{"a bcde", "fghij"})) << "no lines of a letter";
  for (std::size_t columns = 1; columns < 20; ++columns)
    for (const std::string& line : Wrap("für alle, die Zeilen über Grenzen tragen", columns))
      EXPECT_LE(WidthOf(line), columns);
}

TEST(Terminal, StylesAreThereOnlyWithColours) {
  EXPECT_EQ(Styled("x", Style::kBad, false), "x");
  EXPECT_EQ(Styled("x", Style::kNone, true), "x");
  EXPECT_EQ(Styled("x", Style::kBad, true), "\033[31mx\033[0m");
}

}  // namespace
}  // namespace signet::cli
