#include "drivers/lookup/settings.h"

#include <arpa/inet.h>
#include <signet/driver_cpp.h>
#include <string.h>

#include <algorithm>
#include <charconv>

#include "drivers/lookup/escape.h"

namespace signet::driver {
namespace {

void SkipBlanks(std::string_view* text) {
  while (!text->empty() && IsBlank(text->front())) text->remove_prefix(1);
}

std::string_view TakeWord(std::string_view* text) {
  const auto end = std::find_if(text->begin(), text->end(), IsBlank);
  const std::string_view word = text->substr(0, static_cast<std::size_t>(end - text->begin()));
  text->remove_prefix(word.size());
  return word;
}

bool IsIn(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t blank = std::min(words.find(' '), words.size());
    if (words.substr(0, blank) == word) return true;
    words.remove_prefix(std::min(blank + 1, words.size()));
  }
  return false;
}

// A value in double quotes or up to white space, cut off `text`.
bool TakeValue(std::string_view* text, std::string* value) {
  if (text->empty() || text->front() != '"') {
    *value = TakeWord(text);
    return true;
  }
  const std::size_t end = text->find('"', 1);
  if (end == std::string_view::npos) return false;
  *value = text->substr(1, end - 1);
  text->remove_prefix(end + 1);
  return text->empty() || IsBlank(text->front());
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Settings::~Settings() {
  for (Setting& setting : all_) explicit_bzero(setting.value.data(), setting.value.size());
  explicit_bzero(url_.data(), url_.size());
}

std::string Settings::Parse(std::string_view query, std::string_view known) {
  for (SkipBlanks(&query); !query.empty(); SkipBlanks(&query)) {
    const std::size_t end = query.find_first_of("=: \t\r\n\v\f");
    if (end == std::string_view::npos || query[end] != '=') break;
    all_.push_back({LowerAscii(query.substr(0, end)), ""});
    Setting& setting = all_.back();
    query.remove_prefix(end + 1);
    if (!IsIn(known, setting.name)) return "unknown setting \"" + setting.name + "=\"";
    if (Find(setting.name) != &setting.value) return "\"" + setting.name + "=\" appears twice";
    if (!TakeValue(&query, &setting.value))
      return "the value of \"" + setting.name + "=\" has no end, or more behind its end";
  }
  url_ = TakeWord(&query);
  SkipBlanks(&query);
  return query.empty() ? "" : "there is more behind the URL";
}

const std::string* Settings::Find(std::string_view name) const {
  for (const Setting& setting : all_)
    if (setting.name == name) return &setting.value;
  return nullptr;
}

std::string Settings::Decode(std::string_view name, std::string* value) const {
  const std::string* written = Find(name);
  if (written == nullptr || DecodePercent(*written, value)) return "";
  return "the value of \"" + std::string(name) + "=\" has a \"%\" without two digits";
}

std::string EncodePercent(std::string_view octets) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : octets) {
    if (IsUnreserved(c)) {
      text += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    text += '%';
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

int QuotePercent(std::uint32_t, signet_text option, signet_text text,
                 void (*add)(void* context, signet_text piece), void* context) noexcept {
  if (option.size != 0) return 0;
  const std::string quoted = EncodePercent(View(text));
  add(context, Text(quoted));
  return 1;
}

bool DecodePercent(std::string_view text, std::string* octets) {
  octets->reserve(octets->size() + text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      octets->push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    octets->push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

bool ReadHostPort(std::string_view text, std::uint16_t port, std::string* host,
                  std::uint16_t* number) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    *host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host->find(':') == std::string::npos) return false;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    *host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  const auto fits = [](char c) { return IsUnreserved(c) || c == ':'; };
  if (host->empty() || !std::all_of(host->begin(), host->end(), fits)) return false;
  *number = port;
  if (rest.empty()) return true;
  const char* end = rest.data() + rest.size();
  const auto result = std::from_chars(rest.data() + 1, end, *number);
  return rest[0] == ':' && result.ec == std::errc() && result.ptr == end && *number != 0;
}

bool IsLoopback(std::string_view host) {
  const std::string text(host);
  in_addr v4;
  in6_addr v6;
  if (LowerAscii(text) == "localhost") return true;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace signet::driver
