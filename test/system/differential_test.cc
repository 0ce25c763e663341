// The same texts through Debian's Exim and through Signet: thousands that are made by a
// grammar, and those of test/expand/differential.txt. What differs falls into one of the
// classes that doc/differences.md explains, each with its own rule here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "expand/expand.h"
#include "expand/table.h"
#include "src/base/text.h"
#include "test/support/expressions.h"
#include "test/support/golden.h"
#include "test/support/language_world.h"

namespace signet::test {
namespace {

constexpr char kHandMade[] = "test/expand/differential.txt";
constexpr std::size_t kMade = 8000;

struct Pair {
  std::string text;
  std::string exim, signet;
};

std::vector<std::string> Texts() {
  std::vector<std::string> texts;
  std::istringstream in(ReadFile(kHandMade));
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#') texts.push_back(line);
  ExpressionMaker maker(20);
  for (std::size_t i = 0; i < kMade; ++i) texts.push_back(maker.Make());
  return texts;
}

bool Failed(const std::string& answer) { return answer.starts_with("Failed: "); }

// Exim does not restore all of its state where a text fails: the next one may see an item or
// a value of the one before. What may have seen such a thing gets a process of its own.
bool SeesState(const std::string& text) {
  static const std::regex variables("\\$(value|item|[0-9]|\\{(value|item|[0-9]))");
  return std::regex_search(text, variables);
}

std::vector<Pair> Compared() {
  const LanguageWorld& world = LanguageWorld::Get();
  const std::vector<std::string> texts = Texts();
  std::vector<std::string> here;
  for (const std::string& text : texts) here.push_back(world.Here(text));
  const std::vector<std::string> signet = world.Signet().Expand(here);
  const std::vector<std::string> exim = world.Exim().Expand(here);
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Pair pair{texts[i], exim[i], signet[i]};
    pair.exim = world.There(pair.exim), pair.signet = world.There(pair.signet);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

const std::vector<Pair>& Pairs() {
  static const std::vector<Pair> pairs = Compared();
  return pairs;
}

// --- classes of differences, see doc/differences.md ------------------------------------------

// Patterns are compiled once.
bool Has(const std::string& text, const char* pattern) {
  static std::map<const char*, std::regex> compiled;
  auto found = compiled.find(pattern);
  if (found == compiled.end()) found = compiled.emplace(pattern, std::regex(pattern)).first;
  return std::regex_search(text, found->second);
}

// Mistakes in constants, which Signet finds when it compiles and Exim when it evaluates.
constexpr char kConstantMistakes[] =
    "^Failed: (\"[^\"]*\" is not a (positive )?number|non-digit after underscore|value too large|"
    "unrecognised sha|hmac algorithm|error in expression evaluation|hash count|"
    "the name of a list must|.* is not a [a-z]* ?named list|regular expression error|no variable "
    "named|.* is not a certificate|"
    "unrecognised boolean|(invalid|non-negative|absolute value of)? ?integer|bad suffix|bad field "
    "selector|"
    "\"[^\"]*\" unrecognized after|first argument of)";
// What Exim 4.96 checks in branches that it skips, and later versions do not.
constexpr char kOldChecks[] =
    "^Failed: (\"[^\"]*\" is not a (positive )?number|regular expression error|"
    "unrecognised boolean value|missing ...? wrapping|first argument of \"listextract\")";

// Signet shows what it quotes escaped, as Exim does from 4.97 on. Here, without the escapes
// and without what is escaped.
std::string Unescaped(const std::string& message) {
  constexpr std::string_view kLetters = "nrtbfv";
  std::string text;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    const char next = i + 1 < message.size() ? message[i + 1] : '\0';
    if (c == '\\' && IsDigit(next)) {
      i += 3;
    } else if (c == '\\' && kLetters.find(next) != kLetters.npos) {
      ++i;
    } else if (c != '"' && c != '\\' && !IsControl(c) && static_cast<unsigned char>(c) < 0x80) {
      text += c;
    }
  }
  return text;
}

// Without saying inside what it happened.
std::string Bare(const std::string& message) {
  static const std::regex quoted("\"([^]*)\" inside \"[^\"]*\" (item|condition)");
  static const std::regex plain("([^]*) inside \"[^\"]*\" (item|condition)");
  std::string text = message.substr(sizeof "Failed: " - 1);
  std::smatch parts;
  while (std::regex_match(text, parts, quoted)) text = std::string(parts[1]);
  while (std::regex_match(text, parts, plain)) text = std::string(parts[1]);
  return text;
}

// A message with what is quoted in it left out.
std::string Template(const std::string& message) {
  static const std::regex quoted("\"([^\"\\\\]|\\\\.)*\"|remaining string is[^]*|'[^']*'|/[^ ]*");
  static const std::regex numbers("\\([^)]*\\)|[0-9]+");
  return std::regex_replace(std::regex_replace(Bare(message), quoted, ""), numbers, "");
}

// Messages that both programs are seen to give, in the same words for the same text.
const std::set<std::string>& CommonTemplates() {
  static const std::set<std::string> templates = [] {
    std::set<std::string> all;
    for (const Pair& pair : Pairs())
      if (Failed(pair.exim) && pair.exim == pair.signet) all.insert(Template(pair.exim));
    for (const GoldenCase& golden : ReadGoldenDirectory("test/expand/reference"))
      if (!golden.Find("fails").empty() && golden.Find("peer").empty())
        all.insert(Template("Failed: " + std::string(golden.Find("fails"))));
    return all;
  }();
  return templates;
}

// Without what stands between empty elements of lists.
std::string Filled(const std::string& text) {
  static const std::regex separators("[ \t\n:;,|]+$|[ \t\n:;,|]+(?=[ \t\n:;,|])");
  return std::regex_replace(text, separators, "");
}

struct Class {
  const char* name;
  bool (*rule)(const Pair&);
};

constexpr Class kClasses[] = {
    {"exim-dies", [](const Pair& p) { return p.exim == LineExpander::kDied; }},
    {"quoted-escaped",
     [](const Pair& p) {
       return Failed(p.exim) && Failed(p.signet) && Unescaped(p.signet) == Unescaped(p.exim);
     }},
    {"inside",
     [](const Pair& p) {
       return Failed(p.exim) && Failed(p.signet) &&
              Unescaped(Bare(p.signet)) == Unescaped(Bare(p.exim));
     }},
    {"another-mistake",
     [](const Pair& p) {
       return Failed(p.exim) && Failed(p.signet) && CommonTemplates().contains(Template(p.exim)) &&
              CommonTemplates().contains(Template(p.signet));
     }},
    {"mistake-at-load",
     [](const Pair& p) { return !Failed(p.exim) && Has(p.signet, kConstantMistakes); }},
    {"old-checks",
     [](const Pair& p) {
       return !Failed(p.signet) &&
              (Has(p.exim, kOldChecks) || (Failed(p.exim) && Has(p.text, "\\{sg")));
     }},
    {"ipv6norm", [](const Pair& p) { return Has(p.text, "\\$\\{(ipv6norm|mask_n):"); }},
    {"json",
     [](const Pair& p) {
       return Has(p.text, "(extract json|json)s?[ \t]*\\{.*(\"a,b\"|\\[b\"\\])") ||
              Has(p.signet, "wrapping (object|array) for extract") ||
              (Has(p.text, "extract jsons?[ \t]+\\{") && Has(p.exim, "'\\}' closing extract"));
     }},
    {"reduce-in-reduce", [](const Pair& p) { return Has(p.text, "reduce.*reduce"); }},
    {"idn", [](const Pair& p) { return Has(p.text, "utf8_[a-z]*_from_alabel:"); }},
    {"stray-argument", [](const Pair& p) { return Has(p.signet, "does not take an _arg"); }},
    {"from-utf8",
     [](const Pair& p) { return Has(p.text, "from_utf8:[^}]*\\\\(xff|xc3|xc0|351|xe9|xed|xe2)"); }},
    {"shift", [](const Pair& p) { return Has(p.signet, "shift count out of range"); }},
    {"zone", [](const Pair& p) { return Has(p.text, "%x?lo"); }},
    {"mask-number", [](const Pair& p) { return Has(p.text, "mask[_n]*:[0-9.]*/[ +}]"); }},
    {"caseless-order", [](const Pair& p) { return Has(p.text, "(lti|lei|gti|gei)[ \t]*[{}]"); }},
    {"blank-lines-in-files", [](const Pair& p) { return Has(p.text, "lookup[ \t]*\\{dave\\}"); }},
    {"separator-alone",
     [](const Pair& p) { return Has(p.text, "\\{ *<([:;|,]|\\\\[n\\\\]|\\\\x09)? *(\\}|\\$)"); }},
    {"match_address",
     [](const Pair& p) { return Has(p.text, "match_address") && Has(p.text, "\\$value"); }},
    {"sort",
     [](const Pair& p) {
       return Has(p.text, "\\{sort") &&
              (p.exim == "Failed: " || Filled(p.signet) == Filled(p.exim));
     }},
    {"authresults",
     [](const Pair& p) {
       return Has(p.text, "authresults") &&
              Unescaped(Replace(p.signet, "; none", "")) == Unescaped(p.exim);
     }},
    {"extract-texts",
     [](const Pair& p) {
       return !Failed(p.exim) && Has(p.text, "\\{extract") &&
              Has(p.signet, "curly-bracket problem");
     }},
    {"no-message", [](const Pair& p) { return p.exim == "Failed: " && Failed(p.signet); }},
    {"acl-without-name",
     [](const Pair& p) {
       return Has(p.text, "acl[ \t]*\\{") && Has(p.signet, "^Failed: .?.?ERROR from acl [^a-z]*$");
     }},
    {"hash-of-nothing",
     [](const Pair& p) {
       return Has(Unescaped(p.signet),
                  "hash count -?[0-9]* too small|-?[0-9]* is not a positive number .in n?hash");
     }},
    {"nul", [](const Pair& p) { return Has(p.signet, "escape sequence stands for NUL"); }},
    {"listnamed", [](const Pair& p) { return Has(p.signet, "name of a list must be a constant"); }},
    {"empty-key",
     [](const Pair& p) {
       return Has(p.text, "lookup[ \t]*\\{\\}") && Has(p.exim, "^Failed: failed to open");
     }},
    {"addresses",
     [](const Pair& p) {
       return Has(p.text, "(addresses:@b|(address|addresses|local_part|domain):[^}]*\\\\)");
     }},
};

const char* RuleFor(const Pair& pair) {
  for (const Class& one : kClasses)
    if (one.rule(pair)) return one.name;
  return "";
}

std::string ClassOf(const Pair& pair) {
  const char* name = RuleFor(pair);
  if (*name != '\0' || !SeesState(pair.text)) return name;
  Pair alone = pair;
  alone.exim = LanguageWorld::Get().There(
      LanguageWorld::Get().Exim().ExpandAlone(LanguageWorld::Get().Here(pair.text)));
  return alone.exim == alone.signet ? "kept-state" : RuleFor(alone);
}

TEST(Differential, WhatDiffersIsKnown) {
  std::map<std::string, std::size_t> seen;
  std::size_t same = 0;
  for (const Pair& pair : Pairs()) {
    if (pair.exim == pair.signet) {
      ++same;
      continue;
    }
    const std::string name = ClassOf(pair);
    ++seen[name];
    if (name.empty()) {
      ADD_FAILURE() << "text    " << Escaped(pair.text) << "\nexim    " << Escaped(pair.exim)
                    << "\nsignet  " << Escaped(pair.signet);
    }
  }
  std::cout << Pairs().size() << " texts, " << same << " alike\n";
  for (const auto& [name, count] : seen) std::cout << "  " << count << " " << name << "\n";
}

TEST(Differential, EveryClassIsExplained) {
  const std::string manual = ReadFile("doc/differences.md");
  for (const Class& one : kClasses)
    EXPECT_NE(manual.find("| `" + std::string(one.name) + "` |"), manual.npos) << one.name;
}

// Names that Debian's Exim does not know, or that need a server.
constexpr std::string_view kNotCompared[] = {
    "headerwrap",   "xtextd",      "quote_redis", "quote_sqlite", "stat", "ldapauth",
    "quote_ldapdn", "quote_ldapm", "quote_",      "saslauthd",    "pam",  "radius"};

TEST(Differential, EveryNameIsUsedOften) {
  EXPECT_GE(Pairs().size(), 3000u);
  for (const std::string table : {"operator", "item", "condition"}) {
    for (const std::string_view name : expand::AllRows(table)) {
      if (std::count(std::begin(kNotCompared), std::end(kNotCompared), name) > 0) continue;
      std::size_t uses = 0;
      for (const Pair& pair : Pairs()) uses += CountUses(pair.text, table, name);
      EXPECT_GE(uses, 20u) << table << " " << name;
    }
  }
}

// For whoever looks for what differs: all of it, into the file of that name.
TEST(Differential, CanBeWrittenToAFile) {
  const char* file = std::getenv("SIGNET_DIFFERENCES");
  if (file == nullptr) return;
  std::ofstream out(file);
  for (const Pair& pair : Pairs())
    if (pair.exim != pair.signet)
      out << "T " << Escaped(pair.text) << "\nE " << Escaped(pair.exim) << "\nS "
          << Escaped(pair.signet) << "\nC " << ClassOf(pair) << "\n\n";
}

}  // namespace
}  // namespace signet::test
