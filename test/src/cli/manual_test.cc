// The manual, compared with the tables of the program: nothing that exists is missing in it, and
// nothing is in it that does not exist. The lists of the manual pages are written from the tables;
// SIGNET_GOLDEN=rewrite (`make golden`) writes them anew.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "expand/expand.h"
#include "src/acl/table.h"
#include "src/base/codes.h"
#include "src/base/text.h"
#include "src/cli/options.h"
#include "src/config/print.h"

namespace signet::cli {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Every text of the manual, by its path.
const std::map<std::string, std::string>& Pages() {
  static const std::map<std::string, std::string> pages = [] {
    std::map<std::string, std::string> all = {{"README.md", Read("README.md")}};
    for (const auto& entry : std::filesystem::recursive_directory_iterator("doc")) {
      const std::string path = entry.path().string();
      if (path.ends_with(".md") && !path.starts_with("doc/decisions/")) all[path] = Read(path);
    }
    return all;
  }();
  return pages;
}

// --- roff ----------------------------------------------------------------------------------

// Text as roff shows it. `literal`: as it would be typed, where a hyphen is a minus.
std::string Roff(std::string_view text, bool literal = false) {
  std::string roff;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.substr(i).starts_with("…")) {
      roff += "...";
      i += std::string_view("…").size() - 1;
    } else if (c == '\\') {
      roff += "\\e";
    } else if (c == '-' && (literal || (i + 1 < text.size() && text[i + 1] == '-') ||
                            (i > 0 && (text[i - 1] == ' ' || text[i - 1] == '-')) || i == 0)) {
      roff += "\\-";
    } else if (c == '\'' && literal) {
      roff += "\\(aq";
    } else if (c == '^' && literal) {
      roff += "\\(ha";
    } else if (c == '~' && literal) {
      roff += "\\(ti";
    } else {
      roff += c;
    }
  }
  if (roff.starts_with('.') || roff.starts_with('\'')) roff.insert(0, "\\&");
  return roff;
}

// Sources of manual pages have short lines too.
std::string Filled(std::string_view text) {
  std::string all, line;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > 79) {
      all += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    if (line.starts_with('.') || line.starts_with('\'')) line.insert(0, "\\&");
  }
  return all + line + "\n";
}

std::string Entry(std::string_view name, std::string_view aside, std::string_view text) {
  std::string entry = ".TP\n\\fB" + Roff(name, true) + "\\fR";
  if (!aside.empty()) entry += " " + std::string(aside);
  return entry + "\n" + Filled(Roff(text));
}

// Paragraphs; lines that begin with a blank stay as they are.
std::string Paragraphs(std::string_view text) {
  std::string all, paragraph;
  bool example = false;
  auto flush = [&] {
    if (!paragraph.empty()) all += Filled(Roff(paragraph));
    paragraph.clear();
  };
  for (const std::string& line : Lines(std::string(text))) {
    const bool is_example = line.starts_with(' ');
    if (is_example != example) {
      flush();
      all += is_example ? ".PP\n.nf\n" : ".fi\n.PP\n";
      example = is_example;
    }
    if (is_example)
      all += Roff(line, true) + "\n";
    else if (line.empty()) {
      flush();
      all += ".PP\n";
    } else {
      paragraph += line + " ";
    }
  }
  flush();
  return all + (example ? ".fi\n" : "");
}

// --- what is written into the pages ----------------------------------------------------------

std::string Synopsis(const VerbFacts& verb) {
  std::string all;
  for (const std::string& usage : UsagesOf(verb.usage)) {
    const std::string line = usage.substr(std::string_view("signet ").size());
    std::string words;
    int depth = 0;
    for (char c : line) {
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      words += c == ' ' && depth > 0 ? '\x01' : c;
    }
    std::string source = Filled("\\fBsignet\\fR " + Roff(words, true));
    for (std::size_t at; (at = source.find('\x01')) != source.npos;) source.replace(at, 1, "\\ ");
    all += (all.empty() ? "" : ".br\n") + source;
  }
  return all;
}

std::string AllSynopses() {
  std::string all;
  for (const VerbFacts& verb : Verbs()) all += (all.empty() ? "" : ".br\n") + Synopsis(verb);
  return all;
}

std::string VerbSections() {
  std::string all;
  for (const VerbFacts& verb : Verbs()) {
    all += ".SS signet " + std::string(verb.name) + "\n" + Synopsis(verb) + ".PP\n" +
           Paragraphs(verb.help);
    for (const OptionFacts& option : verb.options) {
      std::string value = option.value.empty() ? "" : "\\fI" + Roff(option.value, true) + "\\fR";
      all += Entry(option.spelling, value, option.help);
    }
  }
  return all;
}

struct OptionLine {
  std::string scope, name, type, value, manual;
};

std::vector<OptionLine> Options() {
  std::vector<OptionLine> options;
  const auto registry = drivers::Registry::MakeBuiltin();
  for (const std::string& line : Lines(config::OptionTable(*registry))) {
    std::istringstream in(line);
    OptionLine o;
    std::getline(in, o.scope, '\t');
    std::getline(in, o.name, '\t');
    std::getline(in, o.type, '\t');
    std::getline(in, o.value, '\t');
    std::getline(in, o.manual);
    options.push_back(o);
  }
  return options;
}

std::string OptionSections() {
  std::vector<std::string> scopes;
  std::map<std::string, std::string> sections;
  for (const OptionLine& option : Options()) {
    if (!sections.contains(option.scope)) scopes.push_back(option.scope);
    std::string aside = "(" + Roff(option.type);
    if (!option.value.empty()) aside += "; " + Roff(option.value, true);
    sections[option.scope] += Entry(option.name, aside + ")", option.manual);
  }
  std::string all;
  for (const std::string& scope : scopes) {
    const std::size_t blank = scope.find(' ');
    const std::string kind = scope.substr(0, blank);
    std::string title = kind == "main" ? "Main options" : "Options of every " + kind;
    if (blank != scope.npos)
      title = "Options of the " + kind + " driver " + scope.substr(blank + 1);
    all += ".SS " + title + "\n" + sections[scope];
  }
  return all;
}

std::string AclSections() {
  std::string all = ".SS Verbs\n" + [] {
    std::string verbs;
    for (std::string_view verb : acl::AllRows("verb"))
      verbs += (verbs.empty() ? "" : ", ") + std::string(verb);
    return Filled(verbs);
  }();
  all += ".SS Conditions\n";
  for (const acl::ItemRow& row : acl::Conditions()) all += Entry(row.name, "", row.manual);
  all += ".SS Modifiers\n";
  for (const acl::ItemRow& row : acl::Modifiers()) all += Entry(row.name, "", row.manual);
  return all;
}

// The cells of a row "| `code` | as | means | do |" of the manual.
std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '|' && line[i - 1] != '\\') {
      cells.emplace_back(Trim(cell));
      cell.clear();
    } else if (line[i] != '`') {
      cell += line[i];
    }
  }
  return cells;
}

std::string CodeEntries() {
  std::string all;
  for (const std::string& line : Lines(Pages().at("doc/configuration.md"))) {
    for (std::string_view code : AllCodes()) {
      if (!line.starts_with("| `" + std::string(code) + "` |")) continue;
      const std::vector<std::string> cells = Cells(line);
      if (cells.size() == 4) all += Entry(code, "", cells[2]);
    }
  }
  return all;
}

std::string RowEntries(std::string_view table, std::string_view prefix) {
  std::string all;
  for (std::string_view row : expand::AllRows(table))
    all += Entry(std::string(prefix) + std::string(row), "", expand::RowManual(table, row));
  return all;
}

struct Region {
  std::string page, name;
  std::function<std::string()> text;
};

const std::vector<Region>& Regions() {
  static const std::vector<Region> regions = {
      {"doc/signet.8", "synopsis", &AllSynopses},
      {"doc/signet.8", "verbs", &VerbSections},
      {"doc/signet.conf.5", "options", &OptionSections},
      {"doc/signet.conf.5", "access control", &AclSections},
      {"doc/signet.conf.5", "codes", &CodeEntries},
      {"doc/signet-expansion.7", "items", [] { return RowEntries("item", ""); }},
      {"doc/signet-expansion.7", "operators", [] { return RowEntries("operator", ""); }},
      {"doc/signet-expansion.7", "conditions", [] { return RowEntries("condition", ""); }},
      {"doc/signet-expansion.7", "fields", [] { return RowEntries("cert_field", ""); }},
      {"doc/signet-expansion.7", "variables", [] { return RowEntries("variable", "$"); }},
  };
  return regions;
}

class GoldenManualPage : public ::testing::TestWithParam<Region> {};

TEST_P(GoldenManualPage, HasTheRowsOfTheTables) {
  const Region& region = GetParam();
  const std::string begin = ".\\\" begin " + region.name + ": written from the tables\n";
  const std::string end = ".\\\" end " + region.name + "\n";
  std::string page = Read(region.page);
  const std::size_t from = page.find(begin), to = page.find(end);
  ASSERT_TRUE(from != page.npos && to != page.npos) << region.page << " has no " << begin;
  const std::string text = region.text();
  EXPECT_NE(text, "");
  const std::size_t body = from + begin.size();
  if (std::getenv("SIGNET_GOLDEN") != nullptr) {
    page.replace(body, to - body, text);
    std::ofstream(region.page) << page;
    return;
  }
  // Line by line, so that what differs is named.
  const auto is = Lines(page.substr(body, to - body)), should = Lines(text);
  for (std::size_t i = 0; i < std::max(is.size(), should.size()); ++i) {
    ASSERT_TRUE(i < is.size() && i < should.size() && is[i] == should[i])
        << region.page << ", " << region.name << ": there is \"" << (i < is.size() ? is[i] : "")
        << "\" where \"" << (i < should.size() ? should[i] : "")
        << "\" should be; `make golden` writes it";
  }
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenManualPage, ::testing::ValuesIn(Regions()),
                         [](const auto& info) {
                           std::string name = info.param.page + "_" + info.param.name;
                           for (char& c : name)
                             if (!IsAlnum(c)) c = '_';
                           return name;
                         });

// --- what must be told somewhere ---------------------------------------------------------------

TEST(Manual, EveryCodeIsExplained) {
  const std::string& page = Pages().at("doc/configuration.md");
  for (std::string_view code : AllCodes())
    EXPECT_THAT(page, HasSubstr("\n| `" + std::string(code) + "` |"))
        << "doc/configuration.md does not explain the code " << code;
}

// doc/commands.md has a section for each verb, and a row for each option in it.
std::string SectionOf(const std::string& page, const std::string& verb) {
  const std::size_t begin = page.find("\n## signet " + verb + "\n");
  if (begin == page.npos) return "";
  return page.substr(begin, page.find("\n## ", begin + 1) - begin);
}

// "`--at TIME`", "`-t`", "`-o…`".
bool HasOption(const std::string& section, const std::string& spelling) {
  for (std::size_t at = 0; (at = section.find(spelling, at)) != section.npos; ++at) {
    const std::string behind = section.substr(at + spelling.size());
    if (behind.starts_with('`') || behind.starts_with(' ') || behind.starts_with("…")) return true;
  }
  return false;
}

TEST(Manual, EveryVerbAndEachOfItsOptionsHasAnEntry) {
  const std::string& page = Pages().at("doc/commands.md");
  for (const VerbFacts& verb : Verbs()) {
    const std::string section = SectionOf(page, std::string(verb.name));
    EXPECT_NE(section, "") << "doc/commands.md has no section \"## signet " << verb.name << "\"";
    for (const OptionFacts& option : verb.options)
      EXPECT_TRUE(HasOption(section, "`" + std::string(option.spelling)))
          << "doc/commands.md does not say what " << option.spelling << " of " << verb.name
          << " is for";
  }
}

TEST(Manual, HasNoVerbThatDoesNotExist) {
  std::set<std::string> verbs;
  for (const VerbFacts& verb : Verbs()) verbs.insert(std::string(verb.name));
  for (const std::string& line : Lines(Pages().at("doc/commands.md"))) {
    if (line.starts_with("## signet ")) EXPECT_TRUE(verbs.contains(line.substr(10))) << line;
  }
}

// --- command lines -----------------------------------------------------------------------------

// The words of a line of a shell: quotes and backslashes as far as they matter for us. It ends at
// a pipe, a redirection, `&`, `;` or a comment.
std::vector<std::string> ShellWords(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool any = false;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        word += c;
      continue;
    }
    if (c == '\'' || c == '"') {
      quote = c;
      any = true;
    } else if (IsSpace(c) || c == '|' || c == '<' || c == '>' || c == '&' || c == ';' || c == ')') {
      if (any) words.push_back(word);
      word.clear();
      any = false;
      if (!IsSpace(c)) return words;
    } else if (c == '#' && !any) {
      return words;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) words.push_back(word);
  return words;
}

// Command lines of blocks: a line that, behind blanks, a prompt or `sudo`, begins with "signet ",
// joined where it ends in a backslash or within quotes.
std::vector<std::string> CommandLines(const std::string& page) {
  std::vector<std::string> commands;
  const std::vector<std::string> lines = Lines(page);
  bool fenced = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```")) fenced = !fenced;
    if (!fenced && !lines[i].starts_with("    ")) continue;
    std::string line(Trim(lines[i]));
    for (std::string_view prompt : {"$ ", "# ", "sudo ", "ExecStart=/usr/sbin/"})
      if (line.starts_with(prompt)) line.erase(0, prompt.size());
    if (!line.starts_with("signet ")) continue;
    auto open = [&] {
      return line.ends_with('\\') || std::count(line.begin(), line.end(), '\'') % 2 == 1;
    };
    while (open() && i + 1 < lines.size()) {
      if (line.ends_with('\\')) line.pop_back();
      line += " " + std::string(Trim(lines[++i]));
    }
    commands.push_back(line);
  }
  return commands;
}

// Log lines and such, which only look so.
bool IsOutput(const std::string& command) {
  return command.starts_with("signet 0.") || command.starts_with("signet [");
}

// A manual page as it is read, as far as examples go.
std::string WithoutRoff(std::string page) {
  for (const auto& [roff, plain] :
       std::map<std::string, std::string>{{"\\-", "-"}, {"\\(aq", "'"}, {"\\e", "\\"}}) {
    for (std::size_t at = 0; (at = page.find(roff, at)) != page.npos; at += plain.size())
      page.replace(at, roff.size(), plain);
  }
  return page;
}

TEST(Manual, CommandLinesUseVerbsAndOptionsThatExist) {
  int commands = 0;
  std::map<std::string, std::string> pages = Pages();
  for (const char* path : {"doc/signet.8", "doc/signet.conf.5", "doc/signet-expansion.7"})
    pages[path] = WithoutRoff(Read(path));
  for (const auto& [path, page] : pages) {
    for (const std::string& command : CommandLines(page)) {
      if (IsOutput(command)) continue;
      std::vector<std::string> words = ShellWords(command);
      words.erase(words.begin());
      // "…" and names in capitals stand for what the reader has.
      std::erase(words, "…");
      const auto parsed = ParseArguments(words);
      EXPECT_TRUE(parsed.ok()) << path << ": " << command << "\n"
                               << (parsed.ok() ? "" : parsed.error().message);
      ++commands;
    }
  }
  EXPECT_GT(commands, 15);
}

// Inline: `signet VERB …`.
TEST(Manual, VerbsInRunningTextExist) {
  std::set<std::string> verbs;
  for (const VerbFacts& verb : Verbs()) verbs.insert(std::string(verb.name));
  for (const auto& [path, page] : Pages()) {
    for (std::size_t at = 0; (at = page.find("`signet ", at)) != page.npos; ++at) {
      const std::size_t begin = at + 8;
      const std::size_t end = page.find_first_not_of("abcdefghijklmnopqrstuvwxyz", begin);
      const std::string verb = page.substr(begin, end - begin);
      if (!verb.empty()) EXPECT_TRUE(verbs.contains(verb)) << path << ": signet " << verb;
    }
  }
}

TEST(Manual, MetricsThatAreNamedElsewhereAreExplained) {
  const std::regex metric("signet_[a-z_]+_(seconds|total)");
  const std::string& explained = Pages().at("doc/monitoring/README.md");
  for (const auto& [path, page] : Pages()) {
    for (std::sregex_iterator it(page.begin(), page.end(), metric), end; it != end; ++it)
      EXPECT_THAT(explained, HasSubstr("\n| `" + it->str() + "` |")) << path;
  }
}

// --- links and pictures --------------------------------------------------------------------------

// What a heading is called in links.
std::string Anchor(std::string_view heading) {
  std::string anchor;
  for (char c : heading) {
    if (IsAlnum(c) || c == '_' || c == '-' || (c & 0x80) != 0) anchor += ToLower(c);
    if (c == ' ') anchor += '-';
  }
  return anchor;
}

std::set<std::string> Anchors(const std::string& page) {
  std::set<std::string> anchors;
  bool fenced = false;
  for (const std::string& line : Lines(page)) {
    if (line.starts_with("```")) fenced = !fenced;
    if (!fenced && line.starts_with('#'))
      anchors.insert(Anchor(Trim(std::string_view(line).substr(line.find_first_not_of('#')))));
    const std::size_t id = line.find("<a id=\"");
    if (id != line.npos) anchors.insert(line.substr(id + 7, line.find('"', id + 7) - id - 7));
  }
  return anchors;
}

TEST(Manual, LinksLeadSomewhere) {
  int links = 0;
  for (const auto& [path, page] : Pages()) {
    for (std::size_t at = 0; (at = page.find("](", at)) != page.npos; ++at) {
      const std::string target = page.substr(at + 2, page.find(')', at) - at - 2);
      if (target.find("://") != target.npos || target.find(' ') != target.npos) continue;
      if (target.find_first_of("*+?\\[") != target.npos) continue;  // a regular expression
      const std::size_t hash = target.find('#');
      const std::string file = target.substr(0, hash);
      std::filesystem::path where = path;
      if (!file.empty()) where = (where.parent_path() / file).lexically_normal();
      ++links;
      if (!std::filesystem::exists(where)) {
        ADD_FAILURE() << path << ": nothing at " << target;
      } else if (hash != target.npos && Pages().contains(where.string())) {
        EXPECT_TRUE(Anchors(Pages().at(where.string())).contains(target.substr(hash + 1)))
            << path << ": no heading " << target;
      }
    }
  }
  EXPECT_GT(links, 50);
}

TEST(Manual, PicturesAreReadInLightAndDarkAndRunNothing) {
  int pictures = 0;
  for (const auto& entry : std::filesystem::directory_iterator("doc/pictures")) {
    const std::string path = entry.path().string(), picture = Read(path);
    EXPECT_THAT(picture, HasSubstr("prefers-color-scheme: dark")) << path;
    EXPECT_THAT(picture, HasSubstr("<title")) << path;
    EXPECT_THAT(picture, HasSubstr("<text")) << path;
    for (const char* unwanted : {"<script", "onload", "href=\"http", "<foreignObject", "<image"})
      EXPECT_EQ(picture.find(unwanted), picture.npos) << path << ": " << unwanted;
    bool shown = false;
    for (const auto& [page, text] : Pages())
      shown = shown || text.find("pictures/" + entry.path().filename().string()) != text.npos;
    EXPECT_TRUE(shown) << path << " is in no page";
    ++pictures;
  }
  EXPECT_GE(pictures, 3);
}

TEST(Manual, EveryPageIsInTheIndex) {
  const std::string& index = Pages().at("doc/README.md");
  for (const auto& [path, page] : Pages()) {
    if (path == "doc/README.md" || !path.starts_with("doc/")) continue;
    EXPECT_THAT(index, HasSubstr("](" + path.substr(4) + ")"))
        << path << " is not in doc/README.md";
  }
}

}  // namespace
}  // namespace signet::cli
