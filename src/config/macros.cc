#include "src/config/macros.h"

#include "src/base/text.h"

namespace signet::config {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsNameChar(char c) { return IsAlnum(c) || c == '_'; }

std::size_t NameLength(std::string_view line) {
  std::size_t n = 0;
  while (n < line.size() && IsNameChar(line[n])) ++n;
  return n;
}

// A line without "_X" holds no built-in macro; most lines are told apart by this.
bool MayHoldBuiltin(std::string_view line) {
  for (std::size_t i = line.find('_'); i != line.npos; i = line.find('_', i + 1)) {
    if (i + 1 < line.size() && IsUpper(line[i + 1])) return true;
  }
  return false;
}

bool IsWholeWord(std::string_view line, std::size_t at, std::size_t size) {
  return (at == 0 || !IsNameChar(line[at - 1])) &&
         (at + size >= line.size() || !IsNameChar(line[at + size]));
}

void Report(Diagnostics* diagnostics, SourceSpan span, std::string message, std::string hint = {},
            std::vector<DiagnosticNote> notes = {}) {
  diagnostics->push_back(
      {Severity::kError, span, std::move(message), std::move(hint), std::move(notes)});
}

}  // namespace

MacroTable::Entry* MacroTable::Find(std::string_view name) {
  for (Entry& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const MacroTable::Entry* MacroTable::FindSubstring(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (name.find(entry.name) != name.npos) return &entry;
  }
  return nullptr;
}

void MacroTable::AddBuiltin(std::string name) {
  entries_.push_back({std::move(name), "y", From::kBuiltin, {}});
}

void MacroTable::AddKnown(const Macro& macro) {
  bool builtin = macro.name.starts_with('_');
  entries_.push_back({macro.name, macro.text, builtin ? From::kBuiltin : From::kFile, {}});
}

void MacroTable::AddCommandLine(const Macro& macro, Diagnostics* diagnostics) {
  std::string shown = "\"" + macro.name + "\"";
  if (macro.name.empty() || !IsUpper(macro.name[0]) ||
      NameLength(macro.name) != macro.name.size()) {
    return Report(diagnostics, {},
                  "macro name expected behind -D, starting with an upper-case letter, but " +
                      shown + " found");
  }
  if (macro.name.size() > limits::kMacroNameMaxBytes) {
    return Report(diagnostics, {}, "macro name too long (maximum is 63 characters)");
  }
  if (Find(macro.name)) {
    return Report(diagnostics, {}, "macro " + shown + " is defined twice on the command line");
  }
  entries_.push_back({macro.name, std::string(Trim(macro.text)), From::kCommandLine, {}});
}

std::size_t MacroTable::DefinitionName(std::string_view line) {
  if (line.empty() || !IsUpper(line[0])) return 0;
  std::size_t name = NameLength(line), rest = name;
  while (rest < line.size() && IsSpace(line[rest])) ++rest;
  return rest < line.size() && line[rest] == '=' ? name : 0;
}

void MacroTable::Define(SourceSpan line, Diagnostics* diagnostics) {
  std::string_view text = line.view();
  std::size_t size = DefinitionName(text);
  if (size == 0) {
    return Report(diagnostics, line, "malformed macro definition \"" + std::string(text) + "\"",
                  "NAME = text expected");
  }
  std::string name(text.substr(0, size));
  SourceSpan place = line.Part(0, size);
  std::size_t equals = text.find('=', size);
  bool again = equals + 1 < text.size() && text[equals + 1] == '=';
  std::string value(TrimSpan(line.Part(equals + (again ? 2 : 1), text.size())).view());

  if (size > limits::kMacroNameMaxBytes) {
    return Report(diagnostics, place, "macro name too long (maximum is 63 characters)");
  }
  if (Entry* known = Find(name)) {
    if (known->from == From::kCommandLine) return;
    if (again) {
      known->text = std::move(value);
      return;
    }
    return Report(
        diagnostics, place,
        "macro \"" + name + "\" is already defined (use \"==\" if you want to redefine it)", {},
        {{known->place, "first defined here"}});
  }
  if (again)
    return Report(diagnostics, place, "can't redefine an undefined macro \"" + name + "\"");
  if (const Entry* part = FindSubstring(name)) {
    std::vector<DiagnosticNote> notes;
    if (part->place.text) notes.push_back({part->place, "\"" + part->name + "\" is defined here"});
    return Report(diagnostics, place,
                  "\"" + name +
                      "\" cannot be defined as a macro because previously defined macro \"" +
                      part->name + "\" is a substring",
                  {}, std::move(notes));
  }
  entries_.push_back({std::move(name), std::move(value), From::kFile, place});
}

MacroTable::Substituted MacroTable::Substitute(MappedText* line, std::size_t from) const {
  Substituted result;
  bool builtins = MayHoldBuiltin(line->text());
  for (const Entry& entry : entries_) {
    if (entry.from == From::kBuiltin && !builtins) continue;
    std::size_t at = line->text().find(entry.name, from);
    if (at == std::string::npos) continue;
    MappedText out;
    std::size_t done = 0;
    bool changed = false;
    for (; at != std::string::npos; at = line->text().find(entry.name, at)) {
      std::size_t end = at + entry.name.size();
      if (entry.from == From::kBuiltin && !IsWholeWord(line->text(), at, entry.name.size())) {
        at = end;
        continue;
      }
      out.AppendPart(*line, done, at);
      out.AppendReplacement(entry.text, line->Origin(at, end));
      done = at = end;
      changed = true;
      if (out.size() > limits::kConfigurationLineMaxBytes) return {true, true};
    }
    if (!changed) continue;
    out.AppendPart(*line, done, line->size());
    *line = std::move(out);
    result.any = true;
    if (line->size() > limits::kConfigurationLineMaxBytes) return {true, true};
  }
  return result;
}

std::vector<Macro> MacroTable::All() const {
  std::vector<Macro> all;
  for (const Entry& entry : entries_) all.push_back({entry.name, entry.text});
  return all;
}

}  // namespace signet::config
