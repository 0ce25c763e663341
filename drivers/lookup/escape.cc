#include "drivers/lookup/escape.h"

namespace signet::driver {
namespace {

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

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

}  // namespace

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return lower;
}

bool TakeQuoted(std::string_view* text, std::string* out) {
  std::size_t i = 1;
  while (i < text->size() && (*text)[i] != '"') {
    if ((*text)[i] == '\\')
      i += 1 + TakeEscape(text->substr(i + 1), out);
    else
      out->push_back((*text)[i++]);
  }
  const bool ended = i < text->size();
  text->remove_prefix(ended ? i + 1 : i);
  return ended;
}

}  // namespace signet::driver
