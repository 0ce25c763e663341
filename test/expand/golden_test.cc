#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "expand/expand.h"
#include "expand/table.h"
#include "test/support/golden.h"

// Every case of test/expand/golden and every example of the manual is a test of its own.
// With SIGNET_GOLDEN=rewrite in the environment the expectations are rewritten instead
// (`make golden`); then look at the difference.
namespace signet::test {
namespace {

constexpr char kDirectory[] = "test/expand/golden";
constexpr char kManual[] = "doc/expansion.md";

const std::vector<GoldenCase>& Cases() {
  static const std::vector<GoldenCase> cases = [] {
    setenv("TZ", "UTC", 1);
    std::vector<GoldenCase> all = ReadGoldenDirectory(kDirectory);
    for (GoldenCase& golden : ReadGoldenFile(kManual)) all.push_back(std::move(golden));
    if (std::getenv("SIGNET_GOLDEN") != nullptr) RewriteGolden(all);
    return all;
  }();
  return cases;
}

class Golden : public testing::TestWithParam<GoldenCase> {};

std::string NameOfCase(const testing::TestParamInfo<GoldenCase>& info) { return info.param.Name(); }

TEST_P(Golden, GivesWhatItSays) {
  EXPECT_EQ(RunGolden(GetParam()), ExpectedOf(GetParam()))
      << GetParam().file << ":" << GetParam().line << "\n  " << GetParam().Find("expand");
}

// Whatever is written down of it, and whether there is room for that or not.
TEST_P(Golden, GivesTheSameWhereItIsWrittenDown) {
  facts::Trace trace, full(false, 0);
  EXPECT_EQ(RunGolden(GetParam(), &trace), ExpectedOf(GetParam()));
  EXPECT_EQ(RunGolden(GetParam(), &full), ExpectedOf(GetParam()));
  EXPECT_TRUE(full.steps().empty());
  for (const facts::TraceStep& step : trace.steps()) {
    EXPECT_FALSE(step.what.empty());
    EXPECT_EQ(step.what.find('\n'), std::string::npos);
  }
  // All that began has ended.
  trace.Add({});
  EXPECT_EQ(trace.dropped() == 0 ? trace.steps().back().depth : 0, 0);
}

INSTANTIATE_TEST_SUITE_P(Case, Golden, testing::ValuesIn(Cases()), NameOfCase);

// Lines of dumps that show a row in use.
std::set<std::string> RowsInUse(const std::vector<GoldenCase>& cases) {
  std::set<std::string> seen;
  for (const GoldenCase& golden : cases) {
    std::string dump = DumpOf(golden);
    std::istringstream in(dump);
    std::string kind, name, word;
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      words >> kind >> name;
      if (!name.empty() && name.front() == '!' && kind == "condition") name.erase(0, 1);
      if (kind == "variable" && name.starts_with("acl_c")) name = "acl_c";
      if (kind == "variable" && name.starts_with("acl_m")) name = "acl_m";
      if (kind == "variable" && name.starts_with("proxy_tlv_")) name = "proxy_tlv";
      seen.insert(kind + " " + name);
      while (words >> word)
        if (word == "field" && words >> word) seen.insert("cert_field " + word);
    }
  }
  return seen;
}

TEST(Tables, EveryRowHasAGoldenCase) {
  std::set<std::string> seen = RowsInUse(Cases());
  for (std::string table : {"operator", "condition", "item", "variable", "cert_field"})
    for (std::string_view row : expand::AllRows(table))
      EXPECT_TRUE(seen.contains(table + " " + std::string(row)))
          << table << " " << row << " is in no case of " << kDirectory << " and " << kManual;
}

TEST(Tables, EveryRowIsInTheManual) {
  std::ifstream in(kManual);
  std::string manual{std::istreambuf_iterator<char>(in), {}};
  for (std::string table : {"operator", "condition", "item", "variable", "cert_field"})
    for (std::string_view row : expand::AllRows(table))
      EXPECT_NE(manual.find("`" + std::string(row) + "`"), std::string::npos)
          << table << " " << row << " has no entry in " << kManual;
}

// What a fuzzer of the language should know: every name, with what stands around it.
std::string Dictionary() {
  std::string text = "\"\\\\N\"\n\"fail}\"\n\"{<;\"\n\"{<:\"\n";
  auto add = [&](std::string_view before, std::string_view name, std::string_view after) {
    text += "\"" + std::string(before) + std::string(name) + std::string(after) + "\"\n";
  };
  for (std::string_view name : expand::AllRows("operator")) add("${", name, ":");
  for (std::string_view name : expand::AllRows("item")) add("${", name, "{");
  for (std::string_view name : expand::AllRows("condition")) add("", name, "{");
  for (std::string_view name : expand::AllRows("variable")) add("$", name, "");
  for (std::string_view name : expand::AllRows("cert_field")) add("", name, "");
  return text;
}

TEST(GoldenDictionary, HoldsEveryRow) {
  for (std::string path : {"test/fuzz/expand_parse.dict", "test/fuzz/expand_evaluate.dict"}) {
    if (std::getenv("SIGNET_GOLDEN") != nullptr) std::ofstream(path) << Dictionary();
    std::ifstream in(path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), Dictionary())
        << path << " is out of date; `make golden` writes it";
  }
}

TEST(Tables, EveryRowHasAManualLine) {
  for (std::string table : {"operator", "condition", "item", "variable", "cert_field"}) {
    EXPECT_FALSE(expand::AllRows(table).empty()) << table;
    for (std::string_view row : expand::AllRows(table))
      EXPECT_FALSE(expand::RowManual(table, row).empty()) << table << " " << row;
  }
}

}  // namespace
}  // namespace signet::test
