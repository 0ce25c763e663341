#include "expand/header_wrap.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::expand {
namespace {

constexpr std::size_t kTabColumns = 8;
// White space nearer to the front of a line than this does not break it.
constexpr std::size_t kLineLeast = 10;

// Where a line ends and the next begins.
struct Break {
  std::size_t end;
  std::size_t next;
};

Break FindBreak(std::string_view text, std::size_t columns) {
  // The place behind the last column counts too: what stands there is dropped.
  std::string_view reach = text.substr(0, columns < text.size() ? columns + 1 : text.size());
  std::size_t newline = std::min(reach.find('\n'), reach.size());
  std::size_t written = std::min(text.substr(0, reach.size() + 1).find("\\n"), reach.size());
  if (newline < written) return {newline, newline + 1};
  if (written < reach.size()) return {written, written + 2};
  if (text.size() <= columns) return {text.size(), text.size()};
  for (std::size_t at = columns; at > kLineLeast; --at)
    if (IsSpace(text[at])) {
      std::size_t next = at;
      while (next < text.size() && IsSpace(text[next]) && text[next] != '\n') ++next;
      while (at > 0 && IsSpace(text[at - 1])) --at;
      return {at, next};
    }
  return {columns, columns};
}

}  // namespace

std::string WrapHeader(std::string_view text, std::size_t columns, std::size_t octets) {
  std::string out;
  std::size_t width = columns;
  while (!text.empty() && out.size() < octets) {
    if (!out.empty()) {
      out += "\n\t";
      if (columns != std::string_view::npos)
        width = std::max(columns, kTabColumns + 1) - kTabColumns;
    }
    Break line = FindBreak(text, width);
    out += text.substr(0, line.end);
    text.remove_prefix(line.next);
  }
  if (out.size() > octets) out.resize(octets);
  return out;
}

}  // namespace signet::expand
