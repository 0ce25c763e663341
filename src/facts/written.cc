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
  constexpr std::size_t kLongestName = 64;
  const std::size_t mark = word.substr(0, kLongestName).find_first_of("=:");
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

// Whether a text is what somebody wrote, with parts in braces that may end in the middle, or
// what came of it.
enum class Form : bool { kValue, kSource };

// Where the value that begins at `at` ends: of a query, or of the expression of one.
std::size_t EndOfValue(std::string_view text, std::size_t at, Form form) {
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at)
      if (text[at] == '\\') ++at;
    at = std::min(at + 1, text.size());
  }
  const bool source = form == Form::kSource;
  while (true) {
    while (at < text.size() && !IsSpace(text[at]) && !(source && text[at] == '}'))
      at = source && text[at] == '{' ? BehindBraces(text, at) : at + 1;
    if (at < text.size() && text[at] == '}') return at;
    std::size_t next = at;
    while (next < text.size() && IsSpace(text[next])) ++next;
    if (next == text.size() || IsSettingOrUrl(text.substr(next)))
      return next == text.size() ? next : at;
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

constexpr std::size_t kPasswordsInside = 4;

// Where what belongs to a setting's value ends.
std::size_t EndOf(std::string_view name, std::string_view text, std::size_t begin, Form form) {
  if (name != "servers=") {
    std::size_t end = EndOfValue(text, begin, form);
    // One that looks as if it began inside may reach further. Of many, nobody knows.
    std::size_t inside = 0;
    for (std::size_t at = begin; at < end; ++at) {
      if ((text[at] | 0x20) != 'p' || !HasSetting(text, at, "pass=")) continue;
      if (++inside > kPasswordsInside) return text.size();
      end = std::max(end, EndOfValue(text, at + 5, form));
    }
    return end;
  }
  const char* ends = form == Form::kSource ? " \t\r\n\v\f};" : " \t\r\n\v\f;";
  return std::min(text.find_first_of(ends, begin), text.size());
}

// Leaves the values of one setting out.
std::string WithoutSetting(std::string_view name, const std::string& text, Form form) {
  std::string shown;
  std::size_t kept = 0;
  const char first = name.front(), upper = static_cast<char>(first - 'a' + 'A');
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((text[at] != first && text[at] != upper) || !HasSetting(text, at, name)) continue;
    const std::size_t begin = at + name.size(), end = EndOf(name, text, begin, form);
    if (begin == end) continue;
    shown.append(text, kept, begin - kept);
    shown += kInPlace;
    kept = end;
    at = end - 1;
  }
  return kept == 0 ? text : shown.append(text, kept);
}

std::string WithoutKeys(const std::string& text) {
  std::string shown;
  std::size_t kept = 0;
  for (std::size_t at = text.find("${hmac"); at != text.npos; at = text.find("${hmac", at + 1)) {
    const auto [begin, end] = HmacKey(text, at);
    if (begin < kept || begin == end) continue;
    shown.append(text, kept, begin - kept);
    shown += kInPlace;
    kept = end;
  }
  return shown.append(text, kept);
}

std::string WithoutUserInfo(std::string text) {
  for (std::size_t at = text.find("://"); at != text.npos; at = text.find("://", at)) {
    at += 3;
    const std::size_t end = EndOfUserInfo(text, at);
    if (end > at) text.replace(at, end - at, kInPlace);
  }
  return text;
}

// Passwords first: what is looked for then may reach over one.
std::string Without(std::string_view text, Form form) {
  std::string shown(text);
  if (text.find('=') != text.npos) {
    const bool with_user = HasPassword(text);
    shown = WithoutSetting("pass=", shown, form);
    shown = WithoutSetting("servers=", shown, form);
    shown = WithoutSetting("header=", shown, form);
    if (with_user) shown = WithoutSetting("user=", shown, form);
  }
  if (form == Form::kSource) shown = WithoutKeys(shown);
  return WithoutUserInfo(std::move(shown));
}

}  // namespace

std::string WithoutCredentials(std::string_view text) { return Without(text, Form::kValue); }

bool EndsInPassword(std::string_view text) {
  for (std::size_t at = text.size(); at-- > 0;) {
    if (HasSetting(text, at, "servers="))
      return text.find_first_of(" \t\r\n\v\f;", at) == text.npos;
    if (!HasSetting(text, at, "pass=")) continue;
    const std::string_view value = text.substr(at + 5);
    if (!value.starts_with('"')) return std::none_of(value.begin(), value.end(), IsSpace);
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
  const std::string safe = Without(text.substr(0, kMostRead), Form::kSource);
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
