#include "src/relay/path.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::relay {
namespace {

bool IsHigh(char c) { return (c & 0x80) != 0; }
bool IsPrintable(char c) { return IsHigh(c) || (c >= ' ' && c < '\x7f'); }

bool IsAtomChar(char c) {
  return IsAlnum(c) || IsHigh(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool IsDotAtom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || IsAtomChar(c); });
}

bool IsDomain(std::string_view text) {
  bool literal = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (literal) text = text.substr(1, text.size() - 2);
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || (IsHigh(c) && !literal) || c == '.' || c == '-' || c == '_' ||
           (literal && c == ':');
  });
}

}  // namespace

std::optional<std::string> EncodePath(std::string_view local_part, std::string_view domain,
                                      PathText text) {
  if (local_part.empty() && domain.empty()) return "<>";
  if (local_part.empty()) return std::nullopt;
  for (std::string_view part : {local_part, domain}) {
    const bool high = std::any_of(part.begin(), part.end(), IsHigh);
    if (high && (text == PathText::kAscii || !IsValidUtf8(part))) return std::nullopt;
  }
  if (!std::all_of(local_part.begin(), local_part.end(), IsPrintable)) return std::nullopt;
  std::string path = "<";
  if (IsDotAtom(local_part)) {
    path += local_part;
  } else {
    path += '"';
    for (char c : local_part) {
      if (c == '"' || c == '\\') path += '\\';
      path += c;
    }
    path += '"';
  }
  if (!domain.empty()) {
    if (!IsDomain(domain)) return std::nullopt;
    path += '@';
    path += domain;
  }
  path += '>';
  return path.size() <= kPathBytes ? std::optional(std::move(path)) : std::nullopt;
}

}  // namespace signet::relay
