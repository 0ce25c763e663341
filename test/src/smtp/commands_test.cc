#include "src/smtp/commands.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "src/base/text.h"

namespace signet::smtp {
namespace {

std::string Manual() {
  std::ifstream in("doc/smtp.md");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Commands, EveryRowSaysWhatItIsFor) {
  for (const CommandRow& row : Commands()) {
    EXPECT_FALSE(row.manual.empty()) << row.name;
    EXPECT_EQ(row.name, Upper(row.name));
    EXPECT_NE(row.check, nullptr) << row.name;
    EXPECT_NE(row.run, nullptr) << row.name;
  }
}

TEST(Commands, EveryRowIsFoundByItsName) {
  for (const CommandRow& row : Commands()) EXPECT_EQ(FindCommand(row.name), &row);
  EXPECT_EQ(FindCommand(""), nullptr);
  EXPECT_EQ(FindCommand("TURN"), nullptr);
  EXPECT_EQ(FindCommand("ehlo"), nullptr) << "verbs come in upper case from ParseCommand";
}

TEST(Commands, EveryRowIsInTheManual) {
  const std::string manual = Manual();
  ASSERT_FALSE(manual.empty());
  for (const CommandRow& row : Commands()) {
    const std::string verb(row.name.substr(0, row.name.find(' ')));
    EXPECT_NE(manual.find('`' + verb), std::string::npos) << verb << " is not in doc/smtp.md";
  }
}

TEST(Commands, RuleT13VerbsOfHttpAreForeign) {
  EXPECT_TRUE(IsForeignVerb("GET"));
  EXPECT_TRUE(IsForeignVerb("POST"));
  EXPECT_FALSE(IsForeignVerb("EHLO"));
  EXPECT_FALSE(IsForeignVerb(""));
}

}  // namespace
}  // namespace signet::smtp
