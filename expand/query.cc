#include "expand/query.h"

#include <algorithm>

#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

// Where in an LDAP query an octet stands: in front of the URL are settings, then come
// host, base DN, attributes, scope and filter, with "?" between them.
enum class Place : std::uint8_t {
  kUserSetting,
  kPasswordSetting,
  kSetting,
  kHost,
  kDn,
  kMiddle,
  kFilter
};

Place PlaceIn(std::string_view before) {
  std::size_t scheme = before.rfind("://");
  if (scheme == std::string_view::npos) {
    std::size_t blank = before.find_last_of(" \t\r\n");
    std::string_view setting = blank == std::string_view::npos ? before : before.substr(blank + 1);
    // A quoted value may hold blanks: go back to the setting that opened it.
    if (std::count(before.begin(), before.end(), '"') % 2 == 1) {
      std::string_view open = before.substr(0, before.rfind('"'));
      blank = open.find_last_of(" \t\r\n");
      setting = blank == std::string_view::npos ? open : open.substr(blank + 1);
    }
    if (StartsWithIgnoreCase(setting, "user=")) return Place::kUserSetting;
    if (StartsWithIgnoreCase(setting, "pass=")) return Place::kPasswordSetting;
    return Place::kSetting;
  }
  std::string_view url = before.substr(scheme + 3);
  auto marks = std::count(url.begin(), url.end(), '?');
  if (marks >= 3) return Place::kFilter;
  if (marks > 0) return Place::kMiddle;
  return url.find('/') == std::string_view::npos ? Place::kHost : Place::kDn;
}

Quote WantedAt(Place place) {
  switch (place) {
    case Place::kUserSetting:
    case Place::kDn:
      return Quote::kLdapDn;
    case Place::kFilter:
      return Quote::kLdapFilter;
    case Place::kPasswordSetting:
      return Quote::kWord;
    case Place::kSetting:
    case Place::kHost:
    case Place::kMiddle:
      return Quote::kNone;
  }
  return Quote::kNone;
}

std::string_view OperatorFor(Quote quote) {
  switch (quote) {
    case Quote::kLdapFilter:
      return "quote_ldap";
    case Quote::kLdapDn:
      return "quote_ldap_dn";
    case Quote::kRegex:
      return "rxquote";
    case Quote::kWord:
      return "quote";
    case Quote::kNone:
    case Quote::kFileName:
      return "";
    default:
      return "quote_";  // and the type's name
  }
}

std::string UseOperator(Quote quote, std::string_view type) {
  return "is not quoted: use ${" + std::string(OperatorFor(quote)) +
         (quote >= Quote::kFirstOfDrivers ? std::string(type) : "") + ":...}";
}

std::string Unfit(const Segment& run, std::string_view type, std::string_view remedy) {
  return "text from " + std::string(NameOfOrigin(run.origins)) + " in a query of type \"" +
         std::string(type) + "\" " + std::string(remedy);
}

// Where in a text of SQL an octet stands.
class SqlPlace {
 public:
  bool in_string() const { return place_ == '\''; }

  void Take(std::string_view text) {
    for (char c : text) Take(c);
  }

 private:
  void Take(char c) {
    const char last = last_;
    last_ = c;
    switch (place_) {
      case '\0':
        Open(last, c);
        break;
      case '-':  // to the end of the line
        if (c == '\n') place_ = '\0';
        break;
      case '*':
        if (last == '*' && c == '/') place_ = '\0';
        break;
      default:
        if (c == place_) place_ = '\0';
    }
  }

  void Open(char last, char c) {
    if (c == '\'' || c == '"' || c == '`') place_ = c;
    if (c == '[') place_ = ']';
    if (c == '-' && last == '-') place_ = '-';
    if (c == '*' && last == '/') {
      place_ = '*';
      last_ = '\0';  // this asterisk does not also end the comment
    }
  }

  char place_ = '\0';  // what ends the string, name or comment; NUL: in none
  char last_ = '\0';
};

// A query of settings and a URL, read octet by octet: where does the next one stand?
class SettingsPlace {
 public:
  void Take(std::string_view text) {
    for (const char c : text) Take(c);
  }
  // The setting's name, "/" in the URL behind its host, "" elsewhere.
  std::string_view name() const {
    if (state_ == State::kBare || state_ == State::kQuoted) return name_;
    return state_ == State::kUrlPath ? "/" : "";
  }
  bool quoted() const { return state_ == State::kQuoted; }
  // What `c`, the next octet, is: a part of a value, or of how the query is put together.
  bool EndsValue(char c) const {
    return state_ == State::kQuoted ? c == '"' : state_ == State::kBare && IsSpace(c);
  }

 private:
  enum class State : std::uint8_t { kWord, kBare, kQuoted, kUrl, kUrlPath };

  void Take(char c) {
    switch (state_) {
      case State::kQuoted:
        if (c == '"') Begin();
        return;
      case State::kBare:
        if (IsSpace(c)) return Begin();
        if (c == '"' && first_) state_ = State::kQuoted;
        first_ = false;
        return;
      case State::kWord:
        return TakeOfWord(c);
      case State::kUrl:
        slashes_ = c == '/' ? slashes_ + 1 : slashes_;
        if (slashes_ == 3 || c == '?' || c == '#') state_ = State::kUrlPath;
        return;
      case State::kUrlPath:
        return;
    }
  }
  void TakeOfWord(char c) {
    if (IsSpace(c)) return Begin();
    if (c == ':') {
      state_ = State::kUrl;
    } else if (c == '=') {
      name_ = Lower(word_);
      state_ = State::kBare;
      first_ = true;
    } else {
      word_ += c;
    }
  }
  void Begin() {
    word_.clear();
    state_ = State::kWord;
  }

  State state_ = State::kWord;
  std::string word_, name_;
  bool first_ = false;  // of a value
  int slashes_ = 0;
};

bool IsIn(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t blank = std::min(words.find(' '), words.size());
    if (words.substr(0, blank) == word) return true;
    words.remove_prefix(std::min(blank + 1, words.size()));
  }
  return false;
}

bool InFirstWord(std::string_view form, std::size_t at) {
  std::size_t begin = 0;
  while (begin < at && IsSpace(form[begin])) ++begin;
  return std::none_of(form.begin() + static_cast<std::ptrdiff_t>(begin),
                      form.begin() + static_cast<std::ptrdiff_t>(at), IsSpace);
}

// What is wrong in a query of a type with a quoting of its own, or with none.
std::string FindUnquotedPlain(const Text& query, const LookupType& type, std::string_view form) {
  SqlPlace place;
  SettingsPlace setting;
  bool in_first_word = true;
  std::size_t begin = 0;
  for (const Segment& run : query.segments) {
    const std::size_t at = begin;
    begin = run.end;
    const std::string_view octets = form.substr(at, begin - at);
    if ((run.origins & kOutsiders) == 0) {
      place.Take(octets);
      if (type.outsiders) setting.Take(octets);
      continue;
    }
    if (type.outsiders && !IsIn(*type.outsiders, setting.name()))
      return Unfit(run, type.name, "stands where no text from outside may be");
    if (!Accepts(type, run.quote))
      return Unfit(run, type.name,
                   type.accepts.empty() ? "cannot be made fit for it"
                                        : UseOperator(type.accepts.front(), type.name));
    if (type.first_word && in_first_word && (in_first_word = InFirstWord(form, at)))
      return Unfit(run, type.name, "stands in its first word");
    if (type.in_string && !place.in_string())
      return Unfit(run, type.name, "stands outside of a string: put it between single quotes");
    place.Take(octets);
    if (type.outsiders) setting.Take(octets);
  }
  return "";
}

// Every octet where outsiders may have a part gives way to one "***".
std::string WithoutOutsiders(std::string_view query, std::string_view outsiders) {
  std::string shown;
  SettingsPlace place;
  bool hidden = false;
  for (const char c : query) {
    const bool hide = !place.EndsValue(c) && !(c == '"' && !place.quoted() && !hidden) &&
                      IsIn(outsiders, place.name());
    if (hide && !hidden) shown += "***";
    if (!hide) shown += c;
    hidden = hide;
    place.Take(std::string_view(&c, 1));
  }
  return shown;
}

}  // namespace

std::string_view NameOfOrigin(Origins origins) {
  if (origins & kFromClient) return "the client";
  if (origins & kFromCertificate) return "the certificate";
  if (origins & kFromUpstream) return "the upstream server";
  if (origins & kFromDirectory) return "a lookup";
  return "the configuration";
}

bool Accepts(const LookupType& type, Quote quote) {
  return std::find(type.accepts.begin(), type.accepts.end(), quote) != type.accepts.end();
}

Quote QuoteOfItsOwn(const LookupType& type) {
  for (Quote quote : type.accepts)
    if (quote >= Quote::kFirstOfDrivers) return quote;
  return Quote::kNone;
}

std::string FindUnquoted(const Text& query, const LookupType& type) {
  if (query.segments.empty() || type.any_text) return "";
  if (query.segments.size() > limits::kQueryParts)
    return "a query of type \"" + std::string(type.name) + "\" has more than " +
           std::to_string(limits::kQueryParts) + " parts of different origin";
  const bool ldap = Accepts(type, Quote::kLdapFilter) && Accepts(type, Quote::kLdapDn);
  // Only the administrator's octets say where the parts of the query are.
  std::string form(query.text);
  std::size_t begin = 0;
  for (const Segment& run : query.segments) {
    if ((run.origins & kOutsiders) != 0)
      std::fill(form.begin() + static_cast<std::ptrdiff_t>(begin), form.begin() + run.end, 'x');
    begin = run.end;
  }
  if (!ldap) return FindUnquotedPlain(query, type, form);
  begin = 0;
  for (const Segment& run : query.segments) {
    std::size_t at = begin;
    begin = run.end;
    if ((run.origins & kOutsiders) == 0) continue;
    Quote wanted = WantedAt(PlaceIn(std::string_view(form).substr(0, at)));
    if (wanted == Quote::kNone)
      return Unfit(run, type.name, "stands where neither a DN nor a filter is");
    if (run.quote != wanted) return Unfit(run, type.name, UseOperator(wanted, type.name));
  }
  return "";
}

namespace {

// A setting, or the query itself: what may stand behind a password.
bool IsSettingOrUrl(std::string_view word) {
  const std::size_t mark = word.find_first_of("=:");
  return mark != word.npos && mark > 0 &&
         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(mark), IsAlpha) &&
         (word[mark] == '=' || word.substr(mark).starts_with("://"));
}

// Where a password that begins at `begin` ends. Behind one that is not quoted as it should
// be comes more of it.
std::size_t EndOfPassword(std::string_view query, std::size_t begin) {
  std::size_t i = begin;
  if (i < query.size() && query[i] == '"') {
    for (++i; i < query.size() && query[i] != '"'; ++i)
      if (query[i] == '\\') ++i;
    i = std::min(i + 1, query.size());
  }
  while (true) {
    while (i < query.size() && !IsSpace(query[i])) ++i;
    std::size_t next = i;
    while (next < query.size() && IsSpace(query[next])) ++next;
    if (next == query.size() || IsSettingOrUrl(query.substr(next))) return i;
    i = next;
  }
}

}  // namespace

std::string WithoutPasswords(std::string_view query, const LookupType& type) {
  if (type.outsiders) return WithoutOutsiders(query, *type.outsiders);
  std::string shown;
  for (std::size_t i = 0; i < query.size();) {
    bool begins =
        (i == 0 || IsSpace(query[i - 1])) && StartsWithIgnoreCase(query.substr(i), "pass=");
    if (!begins) {
      shown += query[i++];
      continue;
    }
    shown += query.substr(i, 5);
    shown += "***";
    i = EndOfPassword(query, i + 5);
  }
  return shown;
}

}  // namespace signet::expand
