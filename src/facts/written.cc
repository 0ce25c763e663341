#include "src/facts/written.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/text.h"

namespace signet::facts {
namespace {

constexpr std::string_view kInPlace = "***";

// Whether a setting's name may begin at `at`.
bool BeginsWord(std::string_view text, std::size_t at) {
  return at == 0 || (!IsAlnum(text[at - 1]) && text[at - 1] != '_' && text[at - 1] != '-');
}

bool HasSetting(std::string_view text, std::size_t at, std::string_view name) {
  return StartsWithIgnoreCase(text.substr(at), name) && BeginsWord(text, at);
}

bool HasPassword(std::string_view text) {
  for (std::size_t at = text.find_first_of("pP"); at != text.npos;
       at = text.find_first_of("pP", at + 1))
    if (HasSetting(text, at, "pass=")) return true;
  return false;
}

// What stands behind a password that was not quoted as it should be: a setting, or the query
// itself.
bool IsSettingOrUrl(std::string_view word) {
  const std::size_t mark = word.find_first_of("=:");
  return mark != word.npos && mark > 0 &&
         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(mark),
                     [](char c) { return IsAlnum(c) || c == '_'; }) &&
         (word[mark] == '=' || word.substr(mark).starts_with("://"));
}

// Behind what "{" at `at` opens.
std::size_t BehindBraces(std::string_view text, std::size_t at) {
  for (int depth = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

// Where the value that begins at `at` ends: of a query, or of the expression of one.
std::size_t EndOfValue(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at)
      if (text[at] == '\\') ++at;
    at = std::min(at + 1, text.size());
  }
  while (true) {
    while (at < text.size() && !IsSpace(text[at]) && text[at] != '}')
      at = text[at] == '{' ? BehindBraces(text, at) : at + 1;
    if (at < text.size() && text[at] == '}') return at;
    const std::size_t next = text.find_first_not_of(" \t\r\n", at);
    if (next == text.npos) return text.size();
    if (IsSettingOrUrl(text.substr(next))) return at;
    at = next;
  }
}

// Where the credentials in a URL's authority end, which begins at `at`; `at` where there are
// none.
std::size_t EndOfUserInfo(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?# \t\r\n"));
  const std::size_t mark = authority.rfind('@');
  const bool credentials = mark != authority.npos && authority.substr(0, mark).find(':') < mark;
  return credentials ? at + mark : at;
}

// The second text of ${hmac{md5}{key}{…}}.
std::pair<std::size_t, std::size_t> HmacKey(std::string_view text, std::size_t at) {
  const std::size_t first = text.find('{', at + std::string_view("${hmac").size());
  if (first == text.npos) return {text.size(), text.size()};
  const std::size_t begin = text.find('{', BehindBraces(text, first));
  if (begin == text.npos) return {text.size(), text.size()};
  return {begin + 1, std::max(begin + 1, BehindBraces(text, begin) - 1)};
}

// Whether any of these can begin with it.
bool MayBegin(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return lower == 'p' || lower == 'u' || lower == 's' || c == ':' || c == '$';
}

// What is to be left out at `at`, or two equal numbers; *stays is what of it is to be shown.
std::pair<std::size_t, std::size_t> Credentials(std::string_view text, std::size_t at,
                                                bool with_user) {
  if (HasSetting(text, at, "pass=") || (with_user && HasSetting(text, at, "user="))) {
    const std::size_t begin = at + 5;
    return {begin, EndOfValue(text, begin)};
  }
  if (HasSetting(text, at, "servers=")) {
    const std::size_t begin = at + 8;
    return {begin, std::min(text.find_first_of(" \t\r\n};", begin), text.size())};
  }
  if (text.substr(at).starts_with("://")) return {at + 3, EndOfUserInfo(text, at + 3)};
  if (text.substr(at).starts_with("${hmac")) return HmacKey(text, at);
  return {at, at};
}

}  // namespace

std::string WithoutCredentials(std::string_view text) {
  // Most texts have none of it.
  if (text.find('=') == text.npos && text.find("://") == text.npos &&
      text.find("${hmac") == text.npos)
    return std::string(text);
  const bool with_user = HasPassword(text);
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t next = at;
    while (next < text.size() && !MayBegin(text[next])) ++next;
    shown += text.substr(at, next - at);
    at = next;
    if (at == text.size()) break;
    const auto [begin, end] = Credentials(text, at, with_user);
    if (begin == end) {
      shown += text[at++];
      continue;
    }
    shown += text.substr(at, begin - at);
    shown += kInPlace;
    at = end;
  }
  return shown;
}

bool EndsInPassword(std::string_view text) {
  for (std::size_t at = text.size(); at-- > 0;) {
    if (HasSetting(text, at, "servers=")) return text.find_first_of(" \t\r\n;", at) == text.npos;
    if (!HasSetting(text, at, "pass=")) continue;
    const std::string_view value = text.substr(at + 5);
    if (!value.starts_with('"')) return value.find_first_of(" \t\r\n") == value.npos;
    for (std::size_t i = 1; i < value.size(); ++i) {
      if (value[i] == '"') return false;
      if (value[i] == '\\') ++i;
    }
    return true;
  }
  return false;
}

std::string AsWritten(std::string_view text, std::size_t most) {
  // A list may have thousands of items: then it is not read to its end.
  constexpr std::size_t kMostRead = 2048;
  const bool more = text.size() > kMostRead;
  const std::string safe = WithoutCredentials(text.substr(0, kMostRead));
  std::string line;
  for (const char c : Trim(safe)) {
    const bool blank = IsSpace(c);
    if (blank && line.ends_with(' ')) continue;
    line += blank ? ' ' : c;
  }
  if (line.size() <= most && !more) return line;
  constexpr std::string_view kGap = " ... ";
  const std::size_t back = more ? 0 : most / 4;
  std::size_t front = std::min(most - back - kGap.size(), line.size());
  const auto inside = [&](std::size_t at) {  // of a character in UTF-8
    return at < line.size() && (line[at] & 0xc0) == 0x80;
  };
  while (front > 0 && inside(front)) --front;
  std::size_t rest = line.size() - back;
  while (rest < line.size() && inside(rest)) ++rest;
  return line.substr(0, front) + std::string(kGap.substr(0, more ? 4 : 5)) + line.substr(rest);
}

std::string WordsOf(Origins origins) {
  constexpr std::array<std::pair<Origin, std::string_view>, 4> kWords = {
      {{kFromClient, "client"},
       {kFromCertificate, "certificate"},
       {kFromDirectory, "directory"},
       {kFromUpstream, "upstream"}}};
  std::string words;
  for (const auto& [origin, word] : kWords) {
    if ((origins & origin) == 0) continue;
    if (!words.empty()) words += ", ";
    words += word;
  }
  return words;
}

}  // namespace signet::facts
