#include "src/cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace signet::cli {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view CodeOf(Style style) {
  switch (style) {
    case Style::kBold:
      return "\033[1m";
    case Style::kDim:
      return "\033[2m";
    case Style::kGood:
      return "\033[32m";
    case Style::kBad:
      return "\033[31m";
    case Style::kDoubt:
      return "\033[33m";
    case Style::kNone:
      break;
  }
  return "";
}

// Where a line that fills its columns is best broken: octets of it that stay.
std::size_t BreakOf(std::string_view line) {
  const std::size_t least = line.size() / 3;  // no lines of a few letters
  if (const std::size_t blank = line.rfind(' '); blank != line.npos && blank > least)
    return blank + 1;
  const std::size_t mark = line.find_last_of(",;/:=&");
  if (mark != line.npos && mark + 1 > least) return mark + 1;
  return line.size();
}

}  // namespace

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

bool WantsColour(int fd) {
  const char* none = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return IsTerminal(fd) && !dumb && (none == nullptr || *none == '\0');
}

std::string Styled(std::string_view text, Style style, bool colour) {
  if (!colour || style == Style::kNone || text.empty()) return std::string(text);
  return std::string(CodeOf(style)) + std::string(text) + "\033[0m";
}

std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string_view CutTo(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t width = 0; end < text.size(); ++end) {
    if (IsContinuation(text[end])) continue;
    if (width == columns) break;
    ++width;
  }
  return text.substr(0, end);
}

std::string Shorten(std::string_view text, std::size_t columns) {
  if (WidthOf(text) <= columns) return std::string(text);
  return columns == 0 ? "" : std::string(CutTo(text, columns - 1)) + "…";
}

std::string Padded(std::string_view text, std::size_t columns) {
  const std::size_t width = WidthOf(text);
  return std::string(text) + std::string(width < columns ? columns - width : 0, ' ');
}

std::vector<std::string> Wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  while (WidthOf(text) > columns) {
    // A blank right behind the columns is a good end too.
    const std::string_view whole = CutTo(text, columns);
    const bool ends = whole.size() < text.size() && text[whole.size()] == ' ';
    const std::size_t size = ends ? whole.size() : BreakOf(whole);
    std::string_view line = text.substr(0, size);
    while (line.ends_with(' ')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(size);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
  lines.emplace_back(text);
  return lines;
}

}  // namespace signet::cli
