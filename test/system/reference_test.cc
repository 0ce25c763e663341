// What the expansion language gives, from outside: the cases of test/expand/reference through
// `signet expand`, and through Exim, which proves that the cases say what Exim says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "test/support/golden.h"
#include "test/support/language_world.h"
#include "test/support/line_expander.h"

namespace signet::test {
namespace {

constexpr char kDirectory[] = "test/expand/reference";

const std::vector<GoldenCase>& Cases() {
  static const std::vector<GoldenCase> cases = ReadGoldenDirectory(kDirectory);
  return cases;
}

// --- what is expected and what is said ------------------------------------------------------

std::string Said(const std::string& answer) {
  constexpr std::string_view kFailed = "Failed: ";
  const std::string text = Escaped(LanguageWorld::Get().There(answer));
  if (text.starts_with(kFailed)) return "fails " + text.substr(kFailed.size());
  return "result " + text;
}

std::string Expected(const GoldenCase& golden) {
  for (const auto& [key, value] : golden.lines)
    if (key == "result" || key == "fails") return key + " " + value;
  return "";
}

std::vector<std::string> SettingsOf(const GoldenCase& golden) {
  std::vector<std::string> settings;
  for (const auto& [key, value] : golden.lines)
    if (key == "set") settings.push_back(value);
  return settings;
}

std::string TextOf(const GoldenCase& golden) {
  return LanguageWorld::Get().Here(std::string(golden.Find("expand")));
}

// Runs cases in as few processes as possible; what each says, by its name.
template <typename Group, typename Expander>
std::map<std::string, std::string> SayAll(bool (*wanted)(const GoldenCase&), Group group,
                                          Expander expander) {
  std::map<decltype(group(Cases().front())), std::vector<const GoldenCase*>> groups;
  for (const GoldenCase& golden : Cases())
    if (wanted(golden)) groups[group(golden)].push_back(&golden);
  std::map<std::string, std::string> said;
  for (const auto& [key, members] : groups) {
    std::vector<std::string> texts;
    for (const GoldenCase* golden : members) texts.push_back(TextOf(*golden));
    const std::vector<std::string> answers = expander(*members.front()).Expand(texts);
    for (std::size_t i = 0; i < members.size(); ++i) said[members[i]->Name()] = Said(answers[i]);
  }
  return said;
}

const std::string& SignetSays(const GoldenCase& golden) {
  static std::map<std::string, std::string> said =
      SayAll([](const GoldenCase&) { return true; },
             [](const GoldenCase& one) {
               return std::make_pair(std::string(one.Find("cert")), SettingsOf(one));
             },
             [](const GoldenCase& one) {
               return LanguageWorld::Get().Signet(std::string(one.Find("cert")), SettingsOf(one));
             });
  return said[golden.Name()];
}

bool EximHasIt(const GoldenCase& golden) {
  return golden.Find("peer") != "no" && golden.Find("cert").empty();
}

const std::string& EximSays(const GoldenCase& golden) {
  static std::map<std::string, std::string> said = SayAll(
      &EximHasIt, [](const GoldenCase&) { return 0; },
      [](const GoldenCase&) { return LanguageWorld::Get().Exim(); });
  return said[golden.Name()];
}

// --- the tests ------------------------------------------------------------------------------

// Names of cases that are known not to pass, with the reason behind each.
std::set<std::string> Pending() {
  std::set<std::string> names;
  std::istringstream in(ReadFile(std::string(kDirectory) + "/pending"));
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#') names.insert(line.substr(0, line.find(' ')));
  return names;
}

std::string At(const GoldenCase& golden) {
  return golden.file + ":" + std::to_string(golden.line) + "\n  " +
         std::string(golden.Find("expand"));
}

std::string NameOfCase(const ::testing::TestParamInfo<GoldenCase>& info) {
  return info.param.Name();
}

class Reference : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Reference, SignetGivesWhatItSays) {
  const GoldenCase& golden = GetParam();
  static const std::set<std::string> pending = Pending();
  if (pending.contains(golden.Name())) {
    EXPECT_NE(SignetSays(golden), Expected(golden))
        << golden.Name() << " passes: take it out of " << kDirectory << "/pending\n"
        << At(golden);
    return;
  }
  EXPECT_EQ(SignetSays(golden), Expected(golden)) << At(golden);
}
INSTANTIATE_TEST_SUITE_P(Case, Reference, ::testing::ValuesIn(Cases()), NameOfCase);

std::vector<GoldenCase> CasesForExim() {
  std::vector<GoldenCase> cases;
  for (const GoldenCase& golden : Cases())
    if (EximHasIt(golden)) cases.push_back(golden);
  return cases;
}

class Peer : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Peer, EximGivesWhatItSays) {
  const GoldenCase& golden = GetParam();
  const std::string_view other = golden.Find("peer");
  const std::string expected = other.empty() ? Expected(golden) : std::string(other);
  std::string said = EximSays(golden);
  if (said != expected) said = Said(LanguageWorld::Get().Exim().ExpandAlone(TextOf(golden)));
  EXPECT_EQ(said, expected) << At(golden);
}
INSTANTIATE_TEST_SUITE_P(Case, Peer, ::testing::ValuesIn(CasesForExim()), NameOfCase);

TEST(ReferenceCases, AreAllThere) {
  const std::size_t pending = Pending().size(), exim = CasesForExim().size();
  std::cout << Cases().size() << " cases, " << Cases().size() - pending << " pass; Exim ran "
            << exim << " of them\n";
  EXPECT_EQ(Cases().size(), 438u);
  std::set<std::string> names;
  for (const GoldenCase& golden : Cases()) names.insert(golden.Name());
  for (const std::string& name : Pending()) EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace signet::test
