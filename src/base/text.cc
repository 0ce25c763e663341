#include "src/base/text.h"

#include <algorithm>

namespace signet {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ToLower(c);
  return out;
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ToUpper(c);
  return out;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return ToLower(x) == ToLower(y);
         });
}

bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && EqualsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

bool EndsWithIgnoreCase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         EqualsIgnoreCase(text.substr(text.size() - suffix.size()), suffix);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

namespace {

// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF), or 0.
std::size_t Utf8Sequence(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  unsigned char low = 0x80, high = 0xbf;  // bounds of the second octet
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  return length;
}

}  // namespace

std::size_t Utf8SequenceLength(std::string_view text) {
  return text.empty() ? 0 : Utf8Sequence(text);
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = Utf8Sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::vector<std::string> SplitAdministratorList(std::string_view list) {
  std::vector<std::string> items;
  char separator = ':';
  list = Trim(list);
  if (list.size() >= 2 && list[0] == '<' && !IsAlnum(list[1]) && list[1] != ' ') {
    separator = list[1];
    list = Trim(list.substr(2));
  }
  while (!list.empty()) {
    std::string item;
    std::size_t i = 0;
    for (; i < list.size(); ++i) {
      if (list[i] == separator) {
        if (i + 1 >= list.size() || list[i + 1] != separator) break;
        ++i;
      }
      item += list[i];
    }
    items.emplace_back(Trim(item));
    list.remove_prefix(std::min(list.size(), i + 1));
    while (!list.empty() && IsSpace(list.front())) list.remove_prefix(1);
  }
  return items;
}

}  // namespace signet
