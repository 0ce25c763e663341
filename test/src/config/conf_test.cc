#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "src/config/config.h"

// Each test/config/*.conf is a configuration and the diagnostics it must give. Below a
// line that is wrong stands, per diagnostic,
//
//   #! COLUMN: SEVERITY: MESSAGE; HINT [CODE]
//   #!   LINE:COLUMN: note: MESSAGE
//
// and at the end of the file what has no place. Files that are included say so for
// themselves. `make golden` rewrites the #! lines.
namespace signet::config {
namespace {

constexpr char kFolder[] = "test/config";
constexpr std::string_view kMark = "#! ";

using LinesOfFile = std::vector<std::string>;

LinesOfFile ReadLines(const std::string& path) {
  LinesOfFile lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// By line; line 0 is for what has no place.
using Marks = std::map<std::size_t, LinesOfFile>;

// A place without the directory of the tests.
std::string Short(std::string place) {
  std::string folder = std::string(kFolder) + '/';
  return place.starts_with(folder) ? place.substr(folder.size()) : place;
}

LinesOfFile MarksOf(const Diagnostic& d, std::uint32_t column) {
  std::string text(kMark);
  if (column != 0) text += std::to_string(column) + ": ";
  text += d.severity == Severity::kError ? "error: " : "warning: ";
  text += Summary(d);
  LinesOfFile marks = {text};
  for (const DiagnosticNote& note : d.notes) {
    SourceLocation where = note.span.text->Locate(note.span);
    marks.push_back(std::string(kMark) + "  " + std::to_string(where.line) + ':' +
                    std::to_string(where.column) + ": note: " + note.message);
  }
  return marks;
}

// What the diagnostics say about one file.
Marks FoundIn(const std::string& path, const std::string& main, const Diagnostics& diagnostics) {
  Marks marks;
  for (const Diagnostic& d : diagnostics) {
    // Whether others may write the files here depends on who unpacked them, with which umask.
    if (d.message.ends_with("may write this configuration file (mode 0664)")) continue;
    SourceLocation where;
    if (d.span.text) where = d.span.text->Locate(d.span);
    if (where.line == 0 ? path != main : where.name != path) continue;
    LinesOfFile said = MarksOf(d, where.column);
    LinesOfFile& at = marks[where.line];
    at.insert(at.end(), said.begin(), said.end());
  }
  return marks;
}

Marks ExpectedIn(const std::string& path) {
  Marks marks;
  LinesOfFile lines = ReadLines(path);
  std::size_t about = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with(kMark)) {
      about = i + 1;
    } else {
      bool no_place = !std::isdigit(static_cast<unsigned char>(lines[i][kMark.size()])) &&
                      lines[i][kMark.size()] != ' ';
      marks[no_place ? 0 : about].push_back(lines[i]);
    }
  }
  return marks;
}

// Marks move lines, so places are found again after each change; twice is enough for
// marks that only moved, a few times more for those that name other lines.
void Rewrite(const std::string& path, const Marks& found) {
  LinesOfFile lines = ReadLines(path);
  std::ofstream file(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with(kMark)) continue;
    file << lines[i] << '\n';
    auto marks = found.find(i + 1);
    if (marks == found.end()) continue;
    for (const std::string& mark : marks->second) file << mark << '\n';
  }
  auto marks = found.find(0);
  if (marks == found.end()) return;
  for (const std::string& mark : marks->second) file << mark << '\n';
}

std::string Show(const Marks& marks) {
  std::ostringstream text;
  for (const auto& [line, said] : marks) {
    for (const std::string& mark : said) text << line << ": " << mark << '\n';
  }
  return text.str();
}

class ConfGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(ConfGoldenTest, GivesTheDiagnosticsItNames) {
  std::string main = std::string(kFolder) + '/' + GetParam();
  static const std::unique_ptr<drivers::Registry> registry = drivers::Registry::MakeBuiltin();
  bool rewrite = std::getenv("SIGNET_GOLDEN") != nullptr;
  for (int round = 0; round < (rewrite ? 5 : 1); ++round) {
    Loaded loaded = Load(main, {}, *registry);
    const auto& texts = loaded.config ? loaded.config->texts : loaded.texts;
    std::vector<std::string> files = {main};
    for (const auto& text : texts) {
      bool file = std::filesystem::exists(text->name());
      if (file && std::find(files.begin(), files.end(), text->name()) == files.end()) {
        files.push_back(text->name());
      }
    }
    for (const std::string& path : files) {
      Marks found = FoundIn(path, main, loaded.diagnostics);
      if (rewrite) {
        Rewrite(path, found);
      } else {
        EXPECT_EQ(Show(found), Show(ExpectedIn(path))) << "in " << Short(path);
      }
    }
    EXPECT_EQ(loaded.config == nullptr, HasErrors(loaded.diagnostics));
  }
}

std::vector<std::string> AllFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".conf") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param.substr(0, info.param.size() - 5);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ConfGoldenTest, testing::ValuesIn(AllFiles()), TestName);

}  // namespace
}  // namespace signet::config
