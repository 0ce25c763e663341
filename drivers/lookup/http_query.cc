#include "drivers/lookup/http_query.h"

#include <string.h>

#include <algorithm>
#include <charconv>

#include "drivers/lookup/escape.h"
#include "drivers/lookup/file.h"
#include "drivers/lookup/settings.h"

namespace signet::http {
namespace {

using driver::Settings;

constexpr char kSettings[] = "user pass post json header";

void Wipe(std::string* text) { explicit_bzero(text->data(), text->size()); }

// The length of the UTF-8 sequence at the front of `text`; 0 where there is none (RFC 3629).
std::size_t SequenceAt(std::string_view text) {
  const auto octet = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (octet(i) & 0xc0) == 0x80; };
  const unsigned first = octet(0), second = octet(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first < 0xf0 || first > 0xf4 || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return tail(1) && tail(2) && tail(3) ? 4 : 0;
}

bool AppendJsonString(std::string_view text, std::string* json) {
  constexpr char kDigits[] = "0123456789abcdef";
  *json += '"';
  while (!text.empty()) {
    const std::size_t size = SequenceAt(text);
    if (size == 0) return false;
    const char c = text[0];
    if (c == '"' || c == '\\') {
      *json += '\\';
      *json += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      *json += "\\u00";
      *json += kDigits[c >> 4];
      *json += kDigits[c & 15];
    } else {
      *json += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  *json += '"';
  return true;
}

bool DecodeFormPart(std::string_view part, std::string* octets) {
  std::string spaced(part);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  const bool good = driver::DecodePercent(spaced, octets);
  Wipe(&spaced);
  return good;
}

// --- URL -----------------------------------------------------------------------------------

bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         driver::LowerAscii(text.substr(0, prefix.size())) == prefix;
}

// The host is the administrator's, and so clear that no two programs can read it in two
// ways: no user, no escapes, no backslash.
std::string ReadUrl(std::string_view url, Query* query) {
  if (url.empty()) return "there is no URL";
  if (url.size() > kUrlMaxBytes)
    return "the URL is longer than " + std::to_string(kUrlMaxBytes) + " octets";
  const bool tls = StartsWithIgnoreCase(url, "https://");
  if (!tls && !StartsWithIgnoreCase(url, "http://"))
    return "the URL is neither http:// nor https://";
  const std::size_t from = tls ? 8 : 7;
  const std::size_t end = std::min(url.find_first_of("/?#", from), url.size());
  std::string host;
  std::uint16_t port = 0;
  if (!driver::ReadHostPort(url.substr(from, end - from), tls ? 443 : 80, &host, &port))
    return "the URL has no proper host";
  const auto is_bad = [](char c) { return c <= ' ' || c >= 127 || c == '\\' || c == '"'; };
  if (std::any_of(url.begin(), url.end(), is_bad))
    return "the URL has octets that belong in none: encode them";
  query->url = url;
  query->origin = driver::LowerAscii(url.substr(0, end));
  return "";
}

// --- settings and options ------------------------------------------------------------------

std::string ReadMethod(std::string_view options, Query* query) {
  const std::string_view method = driver::OptionValue(options, "method=");
  query->method = query->has_body ? "POST" : "GET";
  if (method.data() == nullptr) return "";
  for (const char* known : {"GET", "HEAD", "POST", "PUT"})
    if (method == known) query->method = known;
  if (query->method != method) return "method= wants GET, HEAD, POST or PUT";
  const bool takes_body = method == "POST" || method == "PUT";
  return takes_body == query->has_body ? "" : "a body goes with method POST or PUT, and only there";
}

std::string ReadRedirects(std::string_view options, Query* query) {
  const std::string_view text = driver::OptionValue(options, "redirects=");
  if (text.data() == nullptr) return "";
  const auto result = std::from_chars(text.data(), text.data() + text.size(), query->redirects);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      query->redirects > kRedirectsMax)
    return "redirects= wants a number of at most " + std::to_string(kRedirectsMax);
  // What was meant for one server is not carried to another.
  if (query->redirects == 0 || (!query->has_body && !query->has_user && query->headers.empty()))
    return "";
  return "redirects= does not go with user=, post=, json= or header=";
}

std::string ReadBody(const Settings& settings, Query* query) {
  const std::string* post = settings.Find("post");
  const std::string* json = settings.Find("json");
  if (post != nullptr && json != nullptr) return "post= and json= exclude each other";
  query->has_body = post != nullptr || json != nullptr;
  if (post != nullptr) {
    query->body = *post;
    query->content_type = "application/x-www-form-urlencoded";
  }
  if (json != nullptr) {
    query->content_type = "application/json";
    if (!FormToJson(*json, &query->body)) return "json= wants NAME=VALUE&NAME=VALUE, in UTF-8";
  }
  return "";
}

bool IsHeader(std::string_view header) {
  const std::size_t colon = header.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const auto in_name = [](char c) {
    return c > ' ' && c < 127 && c != '(' && c != ')' && c != '"';
  };
  const auto in_value = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; };
  return std::all_of(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(colon),
                     in_name) &&
         std::all_of(header.begin(), header.end(), in_value);
}

// Those that say how the request is framed, and whom it is for, are not the administrator's.
bool IsOurs(std::string_view header) {
  const std::string name = driver::LowerAscii(header.substr(0, header.find(':')));
  for (const char* ours : {"host", "content-length", "transfer-encoding", "connection", "te",
                           "upgrade", "expect", "trailer"})
    if (name == ours) return true;
  return false;
}

std::string ReadHeader(const Settings& settings, Query* query) {
  if (settings.Find("header") == nullptr) return "";
  std::string header;
  std::string why = settings.Decode("header", &header);
  if (why.empty() && !IsHeader(header)) why = "header= wants \"Name: value\", without line ends";
  if (why.empty() && IsOurs(header)) why = "header= cannot set that header";
  if (why.empty()) query->headers.push_back(std::move(header));
  return why;
}

std::string ReadUser(const Settings& settings, Query* query) {
  query->has_user = settings.Find("user") != nullptr;
  query->has_password = settings.Find("pass") != nullptr;
  if (query->has_user != query->has_password) return "user= and pass= go together";
  if (std::string why = settings.Decode("user", &query->user); !why.empty()) return why;
  return settings.Decode("pass", &query->password);
}

}  // namespace

Query::~Query() {
  for (std::string* text : {&url, &user, &password, &body}) Wipe(text);
  for (std::string& header : headers) Wipe(&header);
}

bool FormToJson(std::string_view form, std::string* json) {
  *json += '{';
  while (!form.empty()) {
    const std::size_t end = std::min(form.find('&'), form.size());
    const std::string_view pair = form.substr(0, end);
    const std::size_t sign = pair.find('=');
    std::string name, value;
    if (sign == 0 || sign == std::string_view::npos) return false;
    bool good = DecodeFormPart(pair.substr(0, sign), &name) &&
                DecodeFormPart(pair.substr(sign + 1), &value);
    if (json->size() > 1) *json += ',';
    good = good && AppendJsonString(name, json);
    *json += ':';
    good = good && AppendJsonString(value, json);
    Wipe(&value);
    if (!good) return false;
    form.remove_prefix(std::min(end + 1, form.size()));
  }
  *json += '}';
  return true;
}

std::string ParseQuery(std::string_view text, std::string_view options, Query* query) {
  Settings settings;
  if (std::string why = settings.Parse(text, kSettings); !why.empty()) return why;
  if (std::string why = ReadUrl(settings.url(), query); !why.empty()) return why;
  if (std::string why = ReadUser(settings, query); !why.empty()) return why;
  if (std::string why = ReadBody(settings, query); !why.empty()) return why;
  if (std::string why = ReadHeader(settings, query); !why.empty()) return why;
  if (std::string why = ReadMethod(options, query); !why.empty()) return why;
  return ReadRedirects(options, query);
}

}  // namespace signet::http
