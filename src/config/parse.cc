#include "src/config/parse.h"

#include <algorithm>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/lines.h"
#include "src/config/scalars.h"

namespace signet::config {
namespace {

constexpr std::string_view kListKinds[] = {"addresslist", "domainlist", "hostlist",
                                           "localpartlist"};

enum class Section : std::uint8_t { kMain, kAcl, kAuthenticators, kRouters, kTransports, kIgnored };

struct SectionRow {
  std::string_view name, plural;
  Section section;
  std::string_view item;  // what its blocks are called
};
// clang-format off
constexpr SectionRow kSections[] = {
  {"acl",           "acls",           Section::kAcl,            "ACL"},
  {"authenticator", "authenticators", Section::kAuthenticators, "authenticator"},
  {"local_scan",    "local_scans",    Section::kIgnored,        ""},
  {"retry",         "retrys",         Section::kIgnored,        ""},
  {"rewrite",       "rewrites",       Section::kIgnored,        ""},
  {"router",        "routers",        Section::kRouters,        "router"},
  {"transport",     "transports",     Section::kTransports,     "transport"},
};
// clang-format on

// A name at the start of a text: letters, digits and "_", starting with a letter.
std::size_t NameLength(std::string_view text) {
  if (text.empty() || !IsAlpha(text[0])) return 0;
  std::size_t n = 1;
  while (n < text.size() && (IsAlnum(text[n]) || text[n] == '_')) ++n;
  return n;
}

std::size_t SkipSpace(std::string_view text, std::size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// `begin NAME`; any case for "begin".
bool IsBegin(std::string_view line) {
  return StartsWithIgnoreCase(line, "begin") && (line.size() == 5 || IsSpace(line[5]));
}

class Parser {
 public:
  explicit Parser(const Predefined& predefined)
      : lines_(&macros_, &tree_.texts, &tree_.diagnostics) {
    for (const std::string& name : predefined.builtin) macros_.AddBuiltin(name);
    for (const Macro& macro : predefined.command_line) {
      macros_.AddCommandLine(macro, &tree_.diagnostics);
    }
  }

  LineReader& lines() { return lines_; }

  Tree Run() {
    while (std::optional<SourceSpan> line = lines_.Next()) TakeLine(*line);
    tree_.file = lines_.file();
    tree_.macros = macros_.All();
    tree_.allowances = lines_.TakeAllowances();
    return std::move(tree_);
  }

 private:
  void Report(Severity severity, SourceSpan span, std::string message, std::string hint = {},
              std::vector<DiagnosticNote> notes = {}, std::string_view code = {}) {
    tree_.diagnostics.push_back(
        {severity, span, std::move(message), std::move(hint), std::move(notes), code});
  }
  void Error(SourceSpan span, std::string message, std::string hint = {},
             std::vector<DiagnosticNote> notes = {}) {
    Report(Severity::kError, span, std::move(message), std::move(hint), std::move(notes));
  }

  void TakeLine(SourceSpan line) {
    std::string_view text = line.view();
    if (IsBegin(text)) return Begin(line);
    if (section_ == Section::kIgnored) return;
    bool capital = text[0] >= 'A' && text[0] <= 'Z';
    if (MacroTable::DefinitionName(text) != 0 || (section_ == Section::kMain && capital)) {
      macros_.Define(line, &tree_.diagnostics);
      block_open_ = false;
      return;
    }
    switch (section_) {
      case Section::kMain:
        return MainLine(line);
      case Section::kAcl:
        return AclLine(line);
      case Section::kAuthenticators:
        return DriverLine(line, &tree_.authenticators);
      case Section::kRouters:
        return DriverLine(line, &tree_.routers);
      case Section::kTransports:
        return DriverLine(line, &tree_.transports);
      case Section::kIgnored:
        return;
    }
  }

  // --- sections ---------------------------------------------------------------------

  void Begin(SourceSpan line) {
    SourceSpan name = TrimSpan(line.Part(5, line.view().size()));
    block_open_ = block_missing_ = false;
    row_ = FindSection(name.view());
    if (!row_) {
      section_ = Section::kIgnored;
      return UnknownSection(line, name);
    }
    section_ = row_->section;
    for (const auto& [row, place] : seen_) {
      if (row != row_) continue;
      return Error(name, Quoted(name.view()) + " section is repeated in the configuration file", {},
                   {{place, "first here"}});
    }
    seen_.push_back({row_, name});
    if (section_ == Section::kIgnored) {
      Report(Severity::kWarning, name,
             "section " + Quoted(name.view()) + " has no meaning in Signet and is skipped", {}, {},
             code::kNoMeaning);
    }
  }

  static const SectionRow* FindSection(std::string_view name) {
    for (const SectionRow& row : kSections) {
      if (name == row.name || name == row.plural) return &row;
    }
    return nullptr;
  }

  void UnknownSection(SourceSpan line, SourceSpan name) {
    if (name.view().empty()) return Error(line, "section name expected after \"begin\"");
    std::vector<std::string_view> names;
    for (const SectionRow& row : kSections) names.insert(names.end(), {row.name, row.plural});
    std::string_view near = SuggestName(name.view(), names);
    Error(name, Quoted(name.view()) + " is not a known configuration section name",
          near.empty() ? "" : "did you mean " + Quoted(near) + "?");
  }

  // --- main section -------------------------------------------------------------------

  void MainLine(SourceSpan line) {
    OptionSetting setting;
    if (!ReadSetting(line, &setting)) return;
    std::string_view kind = setting.name.view();
    if (kind.ends_with("_cache")) kind.remove_suffix(6);
    if (std::find(std::begin(kListKinds), std::end(kListKinds), kind) == std::end(kListKinds)) {
      tree_.main.push_back(setting);
      return;
    }
    ListLine(line, setting, std::string(kind));
  }

  void ListLine(SourceSpan line, const OptionSetting& setting, std::string kind) {
    std::string_view text = line.view();
    std::size_t at = SkipSpace(text, setting.name.end - line.begin);
    std::size_t size = NameLength(text.substr(at));
    SourceSpan name = line.Part(at, at + size);
    if (size == 0)
      return Error(setting.name, "list name expected after " + Quoted(setting.name.view()));
    at = SkipSpace(text, at + size);
    if (at == text.size() || text[at] != '=') {
      return Error(name, "missing '=' after " + Quoted(name.view()));
    }
    for (const ListDefinition& other : tree_.lists) {
      if (other.kind != kind || other.name.view() != name.view()) continue;
      std::string of = kind.substr(0, kind.size() - 4);
      if (of == "localpart") of = "local part";
      return Error(name, "duplicate name " + Quoted(name.view()) + " for a named " + of + " list",
                   {}, {{other.name, "first defined here"}});
    }
    tree_.lists.push_back(
        {std::move(kind), setting.hide, name, TrimSpan(line.Part(at + 1, text.size()))});
  }

  // `[hide] name [= value]`
  bool ReadSetting(SourceSpan line, OptionSetting* setting) {
    std::string_view text = line.view();
    setting->line = line;
    std::size_t at = 0, size = NameLength(text);
    while (text.substr(at, size) == "hide" && SkipSpace(text, at + size) < text.size() &&
           text[SkipSpace(text, at + size)] != '=') {
      setting->hide = true;
      at = SkipSpace(text, at + size);
      size = NameLength(text.substr(at));
    }
    if (size == 0) {
      Error(line.Part(at, text.size()), "option setting expected: " + Printable(text));
      return false;
    }
    setting->name = line.Part(at, at + size);
    at = SkipSpace(text, at + size);
    if (at < text.size() && text[at] == '=') {
      setting->has_equals = true;
      ++at;
    }
    setting->value = TrimSpan(line.Part(at, text.size()));
    return true;
  }

  // --- blocks -------------------------------------------------------------------------

  // `name:`, the start of a block. A name with other characters is an error, yet it
  // starts a block all the same, so that what follows is not blamed for it.
  bool IsBlockStart(SourceSpan line, SourceSpan* name) {
    std::string_view text = line.view();
    std::size_t size = NameLength(text), colon = SkipSpace(text, size);
    if (size > 0 && colon < text.size() && text[colon] == ':') {
      *name = line.Part(0, size);
      SourceSpan rest = TrimSpan(line.Part(colon + 1, text.size()));
      if (!rest.view().empty()) {
        Error(rest, "extra characters follow " + What("name") + ' ' + Printable(name->view()) +
                        std::string(CommentHint(rest.view())));
      }
      return true;
    }
    if (text.back() != ':' || text.find_first_of(" \t=") != text.npos) return false;
    *name = line.Part(0, text.size() - 1);
    Error(*name, "missing or malformed " + What("name") + ' ' + Quoted(name->view()),
          "letters, digits and \"_\" expected, starting with a letter");
    return true;
  }

  std::string What(std::string_view noun) const {
    std::string what(row_->item);
    if (section_ != Section::kAcl && noun == "name") what = "driver";
    return what + ' ' + std::string(noun);
  }

  template <typename Block>
  void ReportTwin(const std::vector<Block>& blocks, SourceSpan name, std::string_view items,
                  SourceSpan (*place)(const Block&)) {
    for (const Block& other : blocks) {
      if (place(other).view() != name.view()) continue;
      return Error(name, "there are two " + std::string(items) + " called " + Quoted(name.view()),
                   {}, {{place(other), "the first is here"}});
    }
  }

  void AclLine(SourceSpan line) {
    SourceSpan name;
    if (IsBlockStart(line, &name)) {
      ReportTwin<AclSource>(tree_.acls, name, "ACLs",
                            [](const AclSource& acl) { return acl.name_span; });
      AclSource acl;
      acl.name = std::string(name.view());
      acl.name_span = name;
      tree_.acls.push_back(std::move(acl));
      block_open_ = true;
      block_missing_ = false;
      return;
    }
    if (!block_open_) return MissingBlock(line, "missing or malformed ACL name");
    tree_.acls.back().lines.push_back(line);
  }

  void DriverLine(SourceSpan line, std::vector<DriverBlock>* blocks) {
    SourceSpan name;
    if (IsBlockStart(line, &name)) {
      ReportTwin<DriverBlock>(*blocks, name, std::string(row_->item) + 's',
                              [](const DriverBlock& block) { return block.name; });
      if (name.view().size() > limits::kMacroNameMaxBytes) {
        Error(name, "driver name is too long (at most 63 characters)");
      }
      blocks->push_back({name, {}});
      block_open_ = true;
      block_missing_ = false;
      return;
    }
    if (!block_open_) return MissingBlock(line, std::string(row_->item) + " name missing");
    OptionSetting setting;
    if (ReadSetting(line, &setting)) blocks->back().options.push_back(setting);
  }

  // Said once for a run of lines without a name above them.
  void MissingBlock(SourceSpan line, std::string message) {
    if (block_missing_) return;
    block_missing_ = true;
    Error(line, std::move(message), "\"name:\" on a line of its own expected");
  }

  MacroTable macros_;
  Tree tree_;
  LineReader lines_;
  Section section_ = Section::kMain;
  const SectionRow* row_ = nullptr;
  std::vector<std::pair<const SectionRow*, SourceSpan>> seen_;
  bool block_open_ = false;     // a name: line came, and no macro definition since
  bool block_missing_ = false;  // reported already
};

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  c = ToLower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct Escape {
  char octet = 0;
  std::size_t size = 0;  // of its spelling, with the backslash
};

// `text` starts with a backslash and has at least one octet behind it.
Escape ReadEscape(std::string_view text) {
  switch (text[1]) {
    case 'n':
      return {'\n', 2};
    case 'r':
      return {'\r', 2};
    case 't':
      return {'\t', 2};
    case 'x': {
      int value = 0;
      std::size_t n = 2;
      while (n < std::min<std::size_t>(4, text.size()) && HexDigit(text[n]) >= 0) {
        value = value * 16 + HexDigit(text[n++]);
      }
      return {static_cast<char>(value), n};
    }
    default:
      break;
  }
  if (text[1] < '0' || text[1] > '7') return {text[1], 2};
  int value = 0;
  std::size_t n = 1;
  while (n < std::min<std::size_t>(4, text.size()) && text[n] >= '0' && text[n] <= '7') {
    value = value * 8 + (text[n++] - '0');
  }
  return {static_cast<char>(value), n};
}

}  // namespace

Tree ParseFile(const std::string& path, const Predefined& predefined) {
  Parser parser(predefined);
  parser.lines().OpenFiles(path);
  return parser.Run();
}

Tree ParseText(std::string name, std::string text, const Predefined& predefined) {
  Parser parser(predefined);
  parser.lines().OpenText(std::move(name), std::move(text));
  return parser.Run();
}

std::optional<SourceSpan> ReadString(SourceSpan value, std::string_view option, Texts* texts,
                                     Diagnostics* diagnostics) {
  std::string_view text = value.view();
  if (text.empty() || text[0] != '"') return value;
  MappedText out;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') {
    std::size_t run = at;
    while (run < text.size() && text[run] != '"' && text[run] != '\\') ++run;
    out.Append(value.Part(at, run));
    at = run;
    if (at + 1 >= text.size() || text[at] != '\\') {
      if (at < text.size() && text[at] == '\\') ++at;
      continue;
    }
    Escape escape = ReadEscape(text.substr(at));
    out.AppendReplacement({&escape.octet, 1}, value.Part(at, at + escape.size));
    at += escape.size;
  }
  auto error = [&](SourceSpan span, std::string message) {
    diagnostics->push_back({Severity::kError, span, std::move(message), {}, {}});
    return std::nullopt;
  };
  if (at >= text.size()) {
    return error(value.Part(0, 1),
                 "missing quote at end of string value for " + std::string(option));
  }
  SourceSpan rest = TrimSpan(value.Part(at + 1, text.size()));
  if (!rest.view().empty()) {
    return error(rest, "extra characters follow string value for " + std::string(option) +
                           std::string(CommentHint(rest.view())));
  }
  return std::move(out).Finish(value.Part(1, 1), texts);
}

}  // namespace signet::config
