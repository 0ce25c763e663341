#include "src/cli/ldif.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "src/base/codec.h"
#include "src/base/text.h"

namespace signet::cli {
namespace {

// A line as it is meant: what continues on the next lines is joined to it.
struct Line {
  std::string text;
  std::size_t number = 0;
};

std::vector<Line> Unfold(std::string_view text) {
  std::vector<Line> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool continues =
        !line.empty() && line[0] == ' ' && !lines.empty() && !lines.back().text.empty();
    if (continues)
      lines.back().text += line.substr(1);
    else
      lines.push_back({std::string(line), number});
  }
  std::erase_if(lines, [](const Line& line) { return line.text.starts_with('#'); });
  return lines;
}

bool IsDescription(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlnum(c) || c == '-' || c == '.' || c == ';' || c == '_';
  });
}

struct Field {
  std::string name, value;
};

// Errors: what is wrong with it.
Result<Field, std::string> ReadField(const std::string& line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return Err{std::string("no colon in the line")};
  Field field{line.substr(0, colon), ""};
  if (!IsDescription(field.name))
    return Err{'"' + field.name + "\" is not the name of an attribute"};
  std::string_view rest = std::string_view(line).substr(colon + 1);
  if (rest.starts_with('<')) return Err{std::string("values in other files are not read")};
  const bool base64 = rest.starts_with(':');
  if (base64) rest.remove_prefix(1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!base64) {
    field.value = rest;
    return field;
  }
  while (rest.ends_with(' ')) rest.remove_suffix(1);
  std::optional<std::string> decoded = DecodeBase64(rest);
  if (!decoded) return Err{std::string("a value is not base64")};
  field.value = *std::move(decoded);
  return field;
}

void Add(Field field, LdifEntry* entry) {
  for (LdifEntry::Attribute& attribute : entry->attributes)
    if (EqualsIgnoreCase(attribute.name, field.name)) {
      attribute.values.push_back(std::move(field.value));
      return;
    }
  entry->attributes.push_back({std::move(field.name), {std::move(field.value)}});
}

}  // namespace

Result<std::vector<LdifEntry>, std::string> ParseLdif(std::string_view text) {
  std::vector<LdifEntry> entries;
  bool in_entry = false;
  bool first = true;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (const Line& line : Unfold(text)) {
    const auto wrong = [&line](const std::string& what) {
      return Err{std::to_string(line.number) + ": " + what};
    };
    if (line.text.empty()) {
      in_entry = false;
      continue;
    }
    auto field = ReadField(line.text);
    if (!field) return wrong(field.error());
    const std::string name = Lower(field.value().name);
    const bool version = std::exchange(first, false) && name == "version";
    if (version) continue;
    if (!in_entry) {
      // What ldapsearch writes below the entries.
      if (name == "search" || name == "result") {
        in_entry = true;
        entries.push_back({"", 0, {}});
        continue;
      }
      if (name != "dn") return wrong("an entry begins with \"dn:\"");
      entries.push_back({field.value().value, line.number, {}});
      in_entry = true;
      continue;
    }
    if (entries.back().line == 0) continue;
    if (name == "dn") return wrong("no empty line in front of the entry");
    if (name == "changetype" || name == "control")
      return wrong("these are changes of a directory, not its entries");
    Add(std::move(field).value(), &entries.back());
  }
  std::erase_if(entries, [](const LdifEntry& entry) { return entry.line == 0; });
  return entries;
}

}  // namespace signet::cli
