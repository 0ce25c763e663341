#include "src/acl/table.h"

#include "src/acl/controls.h"
#include "src/acl/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace signet::acl {
namespace {

std::string ReadManual() {
  std::ifstream file("doc/configuration-acl.md");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(AclTables, EveryRowIsInTheManual) {
  std::string manual = ReadManual();
  ASSERT_FALSE(manual.empty()) << "tests run in the top folder";
  for (const char* table : {"condition", "modifier"})
    for (std::string_view name : AllRows(table))
      EXPECT_NE(manual.find("\n#### " + std::string(name) + "\n"), std::string::npos) << name;
  for (const char* table : {"verb", "place"})
    for (std::string_view name : AllRows(table))
      EXPECT_NE(manual.find("\n| `" + std::string(name) + "` |"), std::string::npos) << name;
}

TEST(AclTables, EveryControlAndVerifyItemIsInTheManual) {
  const std::string manual = ReadManual();
  const std::string controls = manual.substr(manual.find("\n#### control\n"));
  for (std::string_view name : AllControls())
    EXPECT_LT(controls.find('`' + std::string(name) + '`'), controls.find("\n#### delay\n"))
        << name;
  const std::string verify = manual.substr(manual.find("\n#### verify\n"));
  for (std::string_view name : AllVerifyItems())
    EXPECT_LT(verify.find("\n| `" + std::string(name) + "` |"), verify.find("\n## Modifiers\n"))
        << name;
}

TEST(AclTables, RowsAreSortedAndComplete) {
  for (auto rows : {Conditions(), Modifiers()}) {
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(),
                               [](const ItemRow& a, const ItemRow& b) { return a.name < b.name; }));
    for (const ItemRow& row : rows) {
      EXPECT_NE(row.run, nullptr) << row.name;
      EXPECT_FALSE(row.manual.empty()) << row.name;
      EXPECT_NE(row.places, 0u) << row.name;
      EXPECT_EQ(FindItem(row.name), &row);
    }
  }
}

}  // namespace
}  // namespace signet::acl
