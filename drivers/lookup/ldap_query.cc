#include "drivers/lookup/ldap_query.h"

#include <string.h>

#include <charconv>

#include "drivers/lookup/escape.h"

namespace signet::ldap {
namespace {

using driver::HexDigit;
using driver::IsBlank;

std::string Lower(std::string_view text) { return driver::LowerAscii(text); }

bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && Lower(text.substr(0, prefix.size())) == prefix;
}

void SkipBlanks(std::string_view* text) {
  while (!text->empty() && IsBlank(text->front())) text->remove_prefix(1);
}

// "%41" → "A". A percent sign without two hexadecimal digits is an error.
bool DecodePercent(std::string_view text, std::string* out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out->push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out->push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

// For USER, where an administrator may have written a lone percent sign: it stays.
std::string DecodePercentLoosely(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool sequence = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                          HexDigit(text[i + 2]) >= 0;
    out.push_back(sequence ? static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]))
                           : text[i]);
    if (sequence) i += 2;
  }
  return out;
}

// NUL → \00, unless a backslash before it would change what that means.
bool EscapeNul(std::string* text) {
  if (text->find('\0') == std::string::npos) return true;
  std::string out;
  bool escaped = false;
  for (const char c : *text) {
    if (c != '\0') {
      out.push_back(c);
    } else if (escaped) {
      return false;
    } else {
      out += "\\00";
    }
    escaped = c == '\\' && !escaped;
  }
  *text = std::move(out);
  return true;
}

std::size_t NestingOf(std::string_view filter) {
  std::size_t depth = 0, deepest = 0;
  for (const char c : filter) {
    if (c == '(' && ++depth > deepest) deepest = depth;
    if (c == ')' && depth > 0) --depth;
  }
  return deepest;
}

bool ParseNumber(std::string_view text, std::uint32_t max, std::uint32_t* number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && *number <= max;
}

// --- settings ------------------------------------------------------------------------

// A value in double quotes or up to white space; cuts it off `text`. False where there
// is no end quote.
bool TakeValue(std::string_view* text, std::string* value) {
  if (text->empty() || text->front() != '"') {
    std::size_t end = 0;
    while (end < text->size() && !IsBlank((*text)[end])) ++end;
    *value = text->substr(0, end);
    text->remove_prefix(end);
    return true;
  }
  return driver::TakeQuoted(text, value);
}

std::string WantsNumber(std::string_view name, std::string_view value) {
  return std::string(name) + "= wants a number of at most 1000000, found \"" + std::string(value) +
         "\"";
}

std::string SetNumber(std::string_view name, std::string_view value, std::uint32_t* number) {
  return ParseNumber(value, 1'000'000, number) ? "" : WantsNumber(name, value);
}

std::string SetDereference(std::string_view value, Query* query) {
  const std::string word = Lower(value);
  if (word == "searching") query->dereference = Dereference::kSearching;
  if (word == "finding") query->dereference = Dereference::kFinding;
  if (word == "always") query->dereference = Dereference::kAlways;
  if (word == "never") query->dereference = Dereference::kNever;
  return "";
}

std::string SetReferrals(std::string_view value, Query* query) {
  const std::string word = Lower(value);
  query->follow = word == "follow";
  if (query->follow || word == "nofollow") return "";
  return "LDAP option REFERRALS is not \"follow\" or \"nofollow\"";
}

std::string SetUser(std::string_view value, Query* query) {
  query->user = DecodePercentLoosely(value);
  query->has_user = true;
  return query->user.find('\0') == std::string::npos ? "" : "LDAP USER contains a NUL octet";
}

std::string ApplySetting(std::string_view name, const std::string& value, Query* query) {
  const std::string lower = Lower(name);
  if (lower == "user") return SetUser(value, query);
  if (lower == "pass") {
    query->password = value;
    query->has_password = true;
    return "";
  }
  if (lower == "size") return SetNumber(name, value, &query->size_limit);
  if (lower == "time") return SetNumber(name, value, &query->time_limit_s);
  if (lower == "connect" || lower == "nettime")
    return SetNumber(name, value, &query->network_timeout_s);
  if (lower == "dereference") return SetDereference(value, query);
  if (lower == "referrals") return SetReferrals(value, query);
  if (lower == "servers") {
    query->servers = value;
    return "";
  }
  return "unknown parameter \"" + std::string(name) + "=\" precedes LDAP URL";
}

constexpr const char kMalformed[] = "malformed parameter setting precedes LDAP URL";

bool LooksLikeUrl(std::string_view text) {
  return StartsWithIgnoreCase(text, "ldap:") || StartsWithIgnoreCase(text, "ldaps:") ||
         StartsWithIgnoreCase(text, "ldapi:");
}

// NAME=, cut off `text`; empty where there is none.
std::string_view TakeName(std::string_view* text) {
  std::size_t end = 0;
  while (end < text->size() && !IsBlank((*text)[end]) && (*text)[end] != '=') ++end;
  if (end == 0 || end == text->size() || (*text)[end] != '=') return {};
  const std::string_view name = text->substr(0, end);
  text->remove_prefix(end + 1);
  return name;
}

// Takes the settings off `text`, so that the URL is left.
std::string ParseSettings(std::string_view* text, Query* query) {
  SkipBlanks(text);
  while (!LooksLikeUrl(*text)) {
    const std::string_view name = TakeName(text);
    if (name.empty()) return kMalformed;
    std::string value;
    const bool ended = TakeValue(text, &value);
    std::string why = ended ? ApplySetting(name, value, query) : kMalformed;
    explicit_bzero(value.data(), value.size());
    if (!why.empty()) return why;
    if (text->empty() || !IsBlank(text->front())) return kMalformed;
    SkipBlanks(text);
  }
  return "";
}

// --- URL -----------------------------------------------------------------------------

// Numbers as OpenLDAP's ldap_url_parse has them.
enum UrlError {
  kNone = 0,
  kBadScheme = 3,
  kBadUrl = 5,
  kBadHost = 6,
  kBadAttributes = 7,
  kBadScope = 8,
  kBadFilter = 9,
  kBadExtensions = 10
};

// host, host:port, [v6]:port; `text` is decoded.
bool ParseHostPort(std::string_view text, Server* server) {
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    server->host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    // More than one colon and no brackets: an IPv6 address without a port.
    const std::size_t colon = text.find(':');
    const bool bare_v6 = colon != std::string_view::npos && text.rfind(':') != colon;
    server->host = bare_v6 ? text : text.substr(0, colon);
    if (!bare_v6 && colon != std::string_view::npos) port = text.substr(colon);
  }
  if (server->host.empty() || server->host.find('\0') != std::string::npos) return false;
  if (port.empty()) return true;
  std::uint32_t number = 0;
  if (port[0] != ':' || !ParseNumber(port.substr(1), 65535, &number) || number == 0) return false;
  server->port = static_cast<std::uint16_t>(number);
  return true;
}

bool ParseServer(std::string_view text, Server* server) {
  if (text.empty() || text[0] != '/') return ParseHostPort(text, server);
  server->unix_path = text;
  return text.find('\0') == std::string_view::npos;
}

UrlError ParseAttributes(std::string_view text, Query* query) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string attribute;
    if (!DecodePercent(text.substr(0, comma), &attribute)) return kBadAttributes;
    if (attribute.find('\0') != std::string::npos) return kBadAttributes;
    if (!attribute.empty()) query->attributes.push_back(std::move(attribute));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return kNone;
}

UrlError ParseScope(std::string_view text, Query* query) {
  std::string word;
  if (!DecodePercent(text, &word)) return kBadScope;
  word = Lower(word);
  query->has_scope = !word.empty();
  if (word.empty() || word == "base")
    query->scope = Scope::kBase;
  else if (word == "one" || word == "onelevel")
    query->scope = Scope::kOne;
  else if (word == "sub" || word == "subtree")
    query->scope = Scope::kSub;
  else
    return kBadScope;
  return kNone;
}

// An extension that is marked critical is one that we do not know.
UrlError ParseExtensions(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '!' && (i == 0 || text[i - 1] == ',')) return kBadExtensions;
  return kNone;
}

UrlError ParseHostPart(std::string_view text, Query* query) {
  if (text.empty()) return kNone;
  std::string host;
  if (!DecodePercent(text, &host)) return kBadHost;
  Server server;
  if (!ParseServer(host, &server)) return kBadHost;
  query->server = std::move(server);
  return kNone;
}

// What follows the host: base?attributes?scope?filter?extensions.
UrlError ParsePath(std::string_view text, Query* query) {
  std::string_view parts[5];
  for (std::string_view& part : parts) {
    const std::size_t mark = &part == &parts[4] ? std::string_view::npos : text.find('?');
    part = text.substr(0, mark);
    text.remove_prefix(mark == std::string_view::npos ? text.size() : mark + 1);
  }
  if (!DecodePercent(parts[0], &query->base) || !EscapeNul(&query->base)) return kBadUrl;
  if (const UrlError error = ParseAttributes(parts[1], query); error != kNone) return error;
  if (const UrlError error = ParseScope(parts[2], query); error != kNone) return error;
  if (!DecodePercent(parts[3], &query->filter) || !EscapeNul(&query->filter)) return kBadFilter;
  return ParseExtensions(parts[4]);
}

UrlError ParseUrl(std::string_view url, Query* query) {
  const std::size_t colon = url.find("://");
  query->scheme = Lower(url.substr(0, colon));
  url.remove_prefix(colon + 3);
  const std::size_t slash = url.find('/');
  const std::size_t mark = url.find('?');
  if (mark < slash) return kBadUrl;  // ldap://host?… lacks the slash before the base
  if (const UrlError error = ParseHostPart(url.substr(0, slash), query); error != kNone)
    return error;
  return slash == std::string_view::npos ? kNone : ParsePath(url.substr(slash + 1), query);
}

bool HasKnownScheme(std::string_view url) {
  return StartsWithIgnoreCase(url, "ldap://") || StartsWithIgnoreCase(url, "ldaps://") ||
         StartsWithIgnoreCase(url, "ldapi://");
}

std::string CheckUrl(const Query& query) {
  if (query.scheme == "ldapi" && query.server && query.server->unix_path.empty())
    return "ldapi requires an absolute path (\"" + query.server->host + "\" given)";
  if (NestingOf(query.filter) > kFilterNestingMax)
    return "ldap_search failed: -7, Bad search filter (nested deeper than " +
           std::to_string(kFilterNestingMax) + ")";
  return "";
}

}  // namespace

std::string Server::Name() const {
  if (!unix_path.empty()) return unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + (port == 0 ? "" : ":" + std::to_string(port));
}

Query::~Query() { explicit_bzero(password.data(), password.size()); }

std::string ParseQuery(std::string_view text, Query* query) {
  if (std::string why = ParseSettings(&text, query); !why.empty()) return why;
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  if (!HasKnownScheme(text))
    return "LDAP URL does not start with \"ldap://\", \"ldaps://\", or \"ldapi://\" "
           "(it starts with \"" +
           std::string(text.substr(0, 16)) + "...\")";
  if (const UrlError error = ParseUrl(text, query); error != kNone)
    return "ldap_url_parse: (error " + std::to_string(error) + ") parsing \"" + std::string(text) +
           "\"";
  return CheckUrl(*query);
}

std::string ParseServers(std::string_view list, std::vector<Server>* servers) {
  char separator = ':';
  SkipBlanks(&list);
  if (list.size() >= 2 && list[0] == '<') {
    separator = list[1];
    list.remove_prefix(2);
  }
  while (!list.empty()) {
    std::string item;
    while (!list.empty()) {
      const char c = list.front();
      list.remove_prefix(1);
      if (c == separator) {
        if (list.empty() || list.front() != separator) break;
        list.remove_prefix(1);
      }
      item.push_back(c);
    }
    std::string_view trimmed = item;
    SkipBlanks(&trimmed);
    while (!trimmed.empty() && IsBlank(trimmed.back())) trimmed.remove_suffix(1);
    if (trimmed.empty()) continue;
    std::string decoded = DecodePercentLoosely(trimmed);
    Server server;
    if (!ParseServer(decoded, &server)) return "malformed LDAP server \"" + decoded + "\"";
    servers->push_back(std::move(server));
  }
  return "";
}

}  // namespace signet::ldap
