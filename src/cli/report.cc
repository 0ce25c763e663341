#include "src/cli/report.h"

#include <algorithm>
#include <cstdio>

#include "src/cli/terminal.h"

namespace signet::cli {
namespace {

std::string Count(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool IsCarets(std::string_view line) {
  return line.find('^') != line.npos && line.find_first_not_of(" \t^") == line.npos;
}

// The severity in colour; the words around it stay as they are.
std::string WithColour(std::string line, bool colour) {
  const std::pair<std::string_view, Style> severities[] = {
      {" error: ", Style::kBad}, {" warning: ", Style::kDoubt}, {" note: ", Style::kBold}};
  for (const auto& [word, style] : severities) {
    const std::size_t at = line.find(word);
    if (!colour || at == line.npos) continue;
    return line.substr(0, at + 1) + Styled(word.substr(1, word.size() - 2), style, true) +
           line.substr(at + word.size() - 1);
  }
  return line;
}

// A line "FILE:1:2: error: …", as long as it is: further lines are indented behind it.
std::string Header(std::string_view line, bool colour) {
  constexpr std::size_t kIndent = 4;
  std::string text;
  for (const std::string& part : Wrap(line, kColumns - kIndent)) {
    text += text.empty() ? WithColour(part, colour) : std::string(kIndent, ' ') + part;
    text += '\n';
  }
  return text;
}

// A line of the configuration and the carets below it. Of a long one, what the carets point at
// is shown, with what stands before it.
std::string Excerpt(std::string_view source, std::string_view carets) {
  constexpr std::size_t kMargin = 2, kBefore = 30;
  const std::size_t at = carets.find('^');
  // Nobody knows how wide a tab is.
  if (WidthOf(source) <= kColumns || carets.find('\t') != carets.npos)
    return std::string(source) + '\n' + std::string(carets) + '\n';
  const std::size_t skip = at > kMargin + kBefore ? at - kMargin - kBefore : 0;
  std::string_view rest = source.substr(CutTo(source, kMargin + skip).size());
  const std::string mark = skip > 0 ? "…" : "";
  const std::size_t moved = kMargin + (skip > 0 ? 1 : 0);
  std::string text = "  " + mark + Shorten(rest, kColumns - moved) + '\n';
  text += std::string(moved + at - kMargin - skip, ' ');
  const std::size_t length = std::min(carets.size() - at, kColumns - (moved + at - kMargin - skip));
  return text + std::string(length, '^') + '\n';
}

}  // namespace

std::string ForTerminal(const Diagnostic& diagnostic, bool colour) {
  const std::vector<std::string> lines = LinesOf(Render(diagnostic));
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool excerpt = lines[i].starts_with("  ");
    if (excerpt && i + 1 < lines.size() && IsCarets(lines[i + 1])) {
      text += Excerpt(lines[i], lines[i + 1]);
      ++i;
    } else {
      text += excerpt ? Shorten(lines[i], kColumns) + '\n' : Header(lines[i], colour);
    }
  }
  return text;
}

void PrintDiagnostics(const Diagnostics& diagnostics) {
  const bool terminal = IsTerminal(2), colour = WantsColour(2);
  for (const Diagnostic& diagnostic : diagnostics) {
    const std::string text = terminal ? ForTerminal(diagnostic, colour) : Render(diagnostic);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

std::string CountDiagnostics(const Diagnostics& diagnostics) {
  std::size_t errors = static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [](const Diagnostic& d) { return d.severity == Severity::kError; }));
  std::size_t warnings = diagnostics.size() - errors;
  if (diagnostics.empty()) return "no mistakes";
  if (errors == 0) return Count(warnings, "warning");
  if (warnings == 0) return Count(errors, "error");
  return Count(errors, "error") + ", " + Count(warnings, "warning");
}

bool PrintText(std::string_view text) {
  std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  return written == text.size() && std::fflush(stdout) == 0;
}

}  // namespace signet::cli
