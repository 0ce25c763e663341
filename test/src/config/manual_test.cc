#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "src/config/options.h"
#include "src/config/print.h"

// doc/configuration.md has an entry for each option there is, and none for others.
namespace signet::config {
namespace {

std::string ReadManual() {
  std::ifstream file("doc/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Headings "#### name" and, in the table of ACLs, rows "| `acl_…` |".
std::set<std::string> Documented(const std::string& manual) {
  std::set<std::string> names;
  std::istringstream lines(manual);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#### ")) names.insert(line.substr(5));
    if (line.starts_with("| `acl_")) names.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return names;
}

std::set<std::string> Existing() {
  std::set<std::string> names = {"driver"};
  std::unique_ptr<drivers::Registry> registry = drivers::Registry::MakeBuiltin();
  std::istringstream lines(OptionTable(*registry));
  for (std::string line; std::getline(lines, line);) {
    std::size_t tab = line.find('\t');
    names.insert(line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1));
  }
  return names;
}

TEST(ConfigManual, EveryRowIsInTheManual) {
  std::set<std::string> documented = Documented(ReadManual());
  for (const std::string& name : Existing()) {
    EXPECT_TRUE(documented.contains(name)) << "doc/configuration.md has no entry for " << name;
  }
}

TEST(ConfigManual, ManualHasNoOptionThatDoesNotExist) {
  std::set<std::string> existing = Existing();
  for (const std::string& name : Documented(ReadManual())) {
    EXPECT_TRUE(existing.contains(name)) << "doc/configuration.md describes " << name;
  }
}

// The rule of "… (weakens rule T14)".
std::string RuleIn(std::string_view text) {
  const std::size_t at = text.find("(weakens rule ");
  return at == text.npos ? "" : std::string(text.substr(at + 14, text.find(')', at) - at - 14));
}

// The words of an option's entry, one blank apart.
std::string EntryOf(const std::string& manual, const std::string& option) {
  const std::size_t begin = manual.find("#### " + option + "\n");
  if (begin == manual.npos) return "";
  std::istringstream words(manual.substr(begin, manual.find("\n#", begin) - begin));
  std::string entry;
  for (std::string word; words >> word;) entry += word + " ";
  return entry;
}

TEST(ConfigManual, RuleC5AnOptionThatWeakensARuleSaysSoInItsEntry) {
  std::map<std::string, std::string> options = {{"after_tls_authorize", "A2"},
                                                {"server_require_verified", "I1"},
                                                {"smtp_enforce_sync", "S8"}};
  for (const auto& row : MainRows())
    if (!row.words.weakens.empty()) options[std::string(row.name)] = RuleIn(row.words.weakens);
  for (const auto& row : AuthenticatorRows())
    if (!row.words.weakens.empty()) options[std::string(row.name)] = RuleIn(row.words.weakens);
  const auto registry = drivers::Registry::MakeBuiltin();
  for (const auto& driver : registry->lookups())
    for (const auto& row : driver->main_options)
      if (!row.weakens.empty()) options[row.name] = RuleIn(row.weakens);
  EXPECT_GE(options.size(), 6u);
  const std::string manual = ReadManual();
  for (const auto& [option, rule] : options) {
    EXPECT_NE(rule, "") << option;
    const std::string entry = EntryOf(manual, option);
    EXPECT_TRUE(entry.find("eakens rule " + rule + " ") != entry.npos ||
                entry.find("eakens rule " + rule + ";") != entry.npos ||
                entry.find("eaken rule " + rule + " ") != entry.npos)
        << "the entry of " << option << " does not say that it weakens rule " << rule;
  }
}

// The examples of main options, together, are a configuration (each on its own line,
// indented by four, below its heading).
TEST(ConfigManual, ExamplesOfMainOptionsLoad) {
  std::string manual = ReadManual(), text;
  std::istringstream lines(
      manual.substr(manual.find("## Main options"),
                    manual.find("## Authenticators") - manual.find("## Main options")));
  for (std::string line; std::getline(lines, line);) {
    bool needs_account =
        line.find("signet_user") != line.npos || line.find("signet_group") != line.npos;
    if (line.starts_with("    ") && !needs_account) text += line + '\n';
  }
  EXPECT_NE(text, "");
  std::unique_ptr<drivers::Registry> registry = drivers::Registry::MakeBuiltin();
  Loaded loaded = LoadText("manual", text, {}, *registry);
  for (const Diagnostic& d : loaded.diagnostics) {
    bool meant = d.message.find("weakens rule") != d.message.npos;
    EXPECT_TRUE(meant) << Render(d);
  }
  EXPECT_NE(loaded.config, nullptr);
}

}  // namespace
}  // namespace signet::config
