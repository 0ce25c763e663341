#include "drivers/lookup/lsearch_text.h"

#include "drivers/lookup/escape.h"

namespace signet::lsearch {
namespace {

using driver::IsBlank;

std::string Lower(std::string_view text) { return driver::LowerAscii(text); }

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}
std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

std::string_view TakeKey(std::string_view line, std::string* key) {
  if (!line.empty() && line[0] == '"') {
    driver::TakeQuoted(&line, key);
    return line;
  }
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
    if (key.empty()) continue;
    order_.push_back(offset);
    lines_.emplace(Lower(key), offset);
  }
}

std::optional<Table::Item> Table::Find(std::string_view key) const {
  const auto found = lines_.find(Lower(key));
  if (key.empty() || found == lines_.end()) return std::nullopt;
  return ItemAt(found->second);
}

std::string Table::KeyAt(std::size_t index) const {
  std::string key;
  std::string_view rest = std::string_view(text_).substr(order_[index]);
  TakeKey(TakeLine(&rest), &key);
  return key;
}

Table::Item Table::ItemAt(std::size_t offset) const {
  Item item;
  std::string_view rest = std::string_view(text_).substr(offset);
  const std::string_view behind_key = TakeKey(TakeLine(&rest), &item.key);
  std::string_view data = TrimStart(behind_key);
  if (!data.empty() && data[0] == ':') data = TrimStart(data.substr(1));
  item.data = TrimEnd(data);
  item.full = item.key + std::string(TrimEnd(behind_key));
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    if (IsIgnored(line) || !IsBlank(line[0])) break;
    const std::string more = " " + std::string(TrimEnd(TrimStart(line)));
    item.data += more;
    item.full += more;
  }
  return item;
}

}  // namespace signet::lsearch
