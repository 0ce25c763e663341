#include "drivers/lookup/lsearch_text.h"

#include <gtest/gtest.h>

#include <random>

namespace signet::lsearch {
namespace {

constexpr const char kUsers[] = R"(# user table
ann:    uid=100 home=/h/ann
bob     uid=101   home=/h/bob
carol : uid=102
dave:
   uid=103
   home=/h/dave

# inside an item
   lost=1
eve:
FRANK:  caps
"gina h": quoted key
"hal\"i\x41": esc key
ivy::colon-data
jo:     first
jo:     second
 leo:   starts-with-space
kim:    # not a comment
mia:"raw quotes"
"nan:	no end
*:      dflt
)";

std::string Get(const Table& table, std::string_view key) {
  const auto item = table.Find(key);
  return item ? "[" + item->data + "]" : "none";
}

TEST(LsearchTable, FindsWhatTheManualShows) {
  const Table table(kUsers);
  EXPECT_EQ(Get(table, "ann"), "[uid=100 home=/h/ann]");
  EXPECT_EQ(Get(table, "bob"), "[uid=101   home=/h/bob]");
  EXPECT_EQ(Get(table, "carol"), "[uid=102]");
  EXPECT_EQ(Get(table, "eve"), "[]");
  EXPECT_EQ(Get(table, "frank"), "[caps]");
  EXPECT_EQ(Get(table, "ANN"), "[uid=100 home=/h/ann]");
  EXPECT_EQ(Get(table, "gina h"), "[quoted key]");
  EXPECT_EQ(Get(table, "hal\"iA"), "[esc key]");
  EXPECT_EQ(Get(table, "ivy"), "[:colon-data]");
  EXPECT_EQ(Get(table, "kim"), "[# not a comment]");
  EXPECT_EQ(Get(table, "mia"), "[\"raw quotes\"]");
  EXPECT_EQ(Get(table, "zoe"), "none");
}

TEST(LsearchTable, TheFirstOfEqualKeysCounts) { EXPECT_EQ(Get(Table(kUsers), "jo"), "[first]"); }

TEST(LsearchTable, ContinuationLinesJoinWithOneSpaceAndIgnoredLinesEndThem) {
  EXPECT_EQ(Get(Table(kUsers), "dave"), "[ uid=103 home=/h/dave]");
}

TEST(LsearchTable, ALineThatStartsWithASpaceIsNoKey) {
  EXPECT_EQ(Get(Table(kUsers), "leo"), "none");
  EXPECT_EQ(Get(Table(" leo: x"), "leo"), "none");
}

TEST(LsearchTable, AQuoteWithoutEndMakesTheLineTheKey) {
  EXPECT_EQ(Get(Table(kUsers), "nan:\tno end"), "[]");
}

TEST(LsearchTable, FullIsTheLineFromTheKeyOn) {
  const Table table(kUsers);
  EXPECT_EQ(table.Find("ann")->full, "ann:    uid=100 home=/h/ann");
  EXPECT_EQ(table.Find("gina h")->full, "gina h: quoted key");
}

TEST(LsearchTable, EmptyKeysAreNeverFound) {
  EXPECT_EQ(Get(Table(":x\n\"\": y\nz: 1\n"), ""), "none");
}

TEST(LsearchTable, ALastLineWithoutLineEndCounts) {
  EXPECT_EQ(Get(Table("a: 1\nb: 2"), "b"), "[2]");
  EXPECT_EQ(Get(Table("a: 1\r\nb: 2\r\n"), "a"), "[1]");
}

TEST(RuleL11, AKeyIsDataNotAPattern) {
  const Table table(kUsers);
  EXPECT_EQ(Get(table, "*"), "[dflt]");
  for (const char* key : {"a*", "^ann$", "ann:", "ann ", " ann", "../ann", "\"ann\"", "# user", "#",
                          "nobody", "lsearch;/etc/passwd", "!ann", "ann\n"})
    EXPECT_EQ(Get(table, key), "none") << key;
  EXPECT_EQ(Get(table, std::string_view("ann\0x", 5)), "none");
}

TEST(LsearchTable, AnyTextIsReadWithoutTrouble) {
  static std::mt19937 random(7);
  constexpr std::string_view kOctets("a:\"\\ \n\t#x0\0\xff", 12);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::size_t i = random() % 40; i > 0; --i) text += kOctets[random() % kOctets.size()];
    const Table table(text);
    for (const char* key : {"a", "x", "0", "a\"", "\\"}) (void)table.Find(key);
    EXPECT_LE(table.size(), 40u);
  }
}

}  // namespace
}  // namespace signet::lsearch
