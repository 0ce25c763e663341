#include "src/acl/parts.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::acl {
namespace {

// Takes the blanks at both ends off.
void TrimPart(Part* part) {
  const std::size_t begin = part->text.find_first_not_of(" \t\n\r");
  if (begin == std::string::npos) {
    part->text.clear();
    part->ours = 0;
    return;
  }
  const std::size_t end = part->text.find_last_not_of(" \t\n\r") + 1;
  part->from += begin;
  part->to = part->from + (end - begin);
  part->text = part->text.substr(begin, end - begin);
  part->ours = std::min(part->ours - std::min(part->ours, begin), part->text.size());
}

}  // namespace

std::vector<Part> SplitValue(const Value& value) {
  std::vector<Part> parts(1);
  const std::string& text = value.text;
  std::size_t segment = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (segment < value.segments.size() && i >= value.segments[segment].end) ++segment;
    const Origins origins = segment < value.segments.size()
                                ? value.segments[segment].origins
                                : (value.is_list ? value.element_origins : Origins{0});
    const bool ours = origins == kFromAdministrator;
    Part& part = parts.back();
    if (ours && text[i] == '/' && !(i + 1 < text.size() && text[i + 1] == '/')) {
      part.to = i;
      parts.push_back({.from = i + 1});
      continue;
    }
    if (ours && part.ours == part.text.size()) ++part.ours;
    part.text += text[i];
    if (ours && text[i] == '/') ++i;
  }
  parts.back().to = text.size();
  for (Part& part : parts) TrimPart(&part);
  return parts;
}

std::vector<Part> SplitSource(std::string_view text) {
  std::vector<Part> parts(1);
  int braces = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    Part& part = parts.back();
    if (text[i] == '{') ++braces;
    if (text[i] == '}') --braces;
    if (text[i] == '$' || text[i] == '\\') part.known = false;
    if (text[i] == '/' && braces <= 0) {
      if (i + 1 < text.size() && text[i + 1] == '/') {
        ++i;
      } else {
        part.to = i;
        parts.push_back({.from = i + 1});
        continue;
      }
    }
    part.text += text[i];
    ++part.ours;
  }
  parts.back().to = text.size();
  for (Part& part : parts) TrimPart(&part);
  return parts;
}

std::optional<std::string_view> OptionOf(const Part& part, std::string_view name) {
  if (part.ours < name.size()) return std::nullopt;
  if (!EqualsIgnoreCase(std::string_view(part.text).substr(0, name.size()), name))
    return std::nullopt;
  return Trim(std::string_view(part.text).substr(name.size()));
}
bool IsWord(const Part& part, std::string_view word) {
  return part.ours == part.text.size() && EqualsIgnoreCase(part.text, word);
}

}  // namespace signet::acl
