#include "src/base/log_selector.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace signet {
namespace {

const LogSelector kDefaults;

LogSelector Selected(std::string_view text) {
  std::vector<std::string> unknown;
  LogSelector selector = LogSelector::Parse(text, &unknown);
  EXPECT_TRUE(unknown.empty());
  return selector;
}

TEST(LogSelector, BeginsWithEximsDefaults) {
  EXPECT_TRUE(kDefaults.Has(Selector::kTlsCipher));
  EXPECT_TRUE(kDefaults.Has(Selector::kLostIncomingConnection));
  EXPECT_FALSE(kDefaults.Has(Selector::kTlsPeerdn));
}

TEST(LogSelector, IsReadLeftToRight) {
  EXPECT_TRUE(Selected("+tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_FALSE(Selected("+all -tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_TRUE(Selected("-all+tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_FALSE(Selected("-all +tls_peerdn").Has(Selector::kTlsCipher));
}

TEST(LogSelector, AllIsEveryOne) {
  const LogSelector all = Selected("+all"), none = Selected("-all");
  for (const SelectorRow& row : SelectorRows()) {
    if (row.selector == Selector::kNone) continue;
    EXPECT_TRUE(all.Has(row.selector)) << row.name;
    EXPECT_FALSE(none.Has(row.selector)) << row.name;
  }
}

TEST(LogSelector, EachNameSwitchesOneThing) {
  for (const SelectorRow& row : SelectorRows()) {
    EXPECT_FALSE(row.manual.empty()) << row.name;
    const LogSelector one = Selected("-all +" + std::string(row.name));
    for (const SelectorRow& other : SelectorRows()) {
      if (other.selector == Selector::kNone) continue;
      EXPECT_EQ(one.Has(other.selector), other.selector == row.selector)
          << row.name << " and " << other.name;
    }
  }
}

TEST(LogSelector, NamesWhatItDoesNotKnow) {
  std::vector<std::string> unknown;
  LogSelector::Parse("+tls_cypher subject -subject", &unknown);
  EXPECT_EQ(unknown, (std::vector<std::string>{"+tls_cypher", "subject"}));
}

TEST(LogSelector, EveryNameIsInTheManual) {
  std::ifstream in("doc/log.md");
  const std::string manual = (std::ostringstream() << in.rdbuf()).str();
  for (const SelectorRow& row : SelectorRows())
    EXPECT_NE(manual.find('`' + std::string(row.name) + '`'), std::string::npos) << row.name;
}

}  // namespace
}  // namespace signet
