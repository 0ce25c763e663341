#include "drivers/lookup/lsearch_text.h"

namespace signet::lsearch {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsOctal(char c) { return c >= '0' && c <= '7'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return lower;
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}
std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One escape, `text` starting behind its backslash; returns how many octets it took.
std::size_t TakeEscape(std::string_view text, std::string* out) {
  if (text.empty()) return 0;
  std::size_t used = 0;
  int value = 0;
  if (IsOctal(text[0])) {
    for (; used < 3 && used < text.size() && IsOctal(text[used]); ++used)
      value = value * 8 + (text[used] - '0');
    out->push_back(static_cast<char>(value));
    return used;
  }
  if (text[0] == 'x') {
    for (used = 1; used < 3 && used < text.size() && HexDigit(text[used]) >= 0; ++used)
      value = value * 16 + HexDigit(text[used]);
    out->push_back(static_cast<char>(value));
    return used;
  }
  constexpr std::string_view kNames = "nrtbfv", kValues = "\n\r\t\b\f\v";
  const std::size_t known = kNames.find(text[0]);
  out->push_back(known == std::string_view::npos ? text[0] : kValues[known]);
  return 1;
}

// The key at the start of `line`; returns the rest of the line.
std::string_view TakeQuotedKey(std::string_view line, std::string* key) {
  std::size_t i = 1;
  while (i < line.size() && line[i] != '"') {
    if (line[i] == '\\')
      i += 1 + TakeEscape(line.substr(i + 1), key);
    else
      key->push_back(line[i++]);
  }
  return line.substr(i < line.size() ? i + 1 : i);
}

std::string_view TakeKey(std::string_view line, std::string* key) {
  if (!line.empty() && line[0] == '"') return TakeQuotedKey(line, key);
  std::size_t end = 0;
  while (end < line.size() && line[end] != ':' && !IsBlank(line[end])) ++end;
  *key = line.substr(0, end);
  return line.substr(end);
}

// Cuts the first line, without its line end, off `text`.
std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return line;
}

bool IsIgnored(std::string_view line) { return TrimStart(line).empty() || line[0] == '#'; }

}  // namespace

Table::Table(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  std::string key;
  while (!rest.empty()) {
    const std::size_t offset = text_.size() - rest.size();
    const std::string_view line = TakeLine(&rest);
    if (IsIgnored(line) || IsBlank(line[0])) continue;
    key.clear();
    TakeKey(line, &key);
    if (!key.empty()) lines_.emplace(Lower(key), offset);
  }
}

std::optional<Table::Item> Table::Find(std::string_view key) const {
  const auto found = lines_.find(Lower(key));
  if (key.empty() || found == lines_.end()) return std::nullopt;
  Item item;
  std::string_view rest = std::string_view(text_).substr(found->second);
  const std::string_view behind_key = TakeKey(TakeLine(&rest), &item.key);
  std::string_view data = TrimStart(behind_key);
  if (!data.empty() && data[0] == ':') data = TrimStart(data.substr(1));
  item.data = TrimEnd(data);
  item.full = item.key + std::string(TrimEnd(behind_key));
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    if (IsIgnored(line)) continue;
    if (!IsBlank(line[0])) break;
    const std::string more = " " + std::string(TrimEnd(TrimStart(line)));
    item.data += more;
    item.full += more;
  }
  return item;
}

}  // namespace signet::lsearch
