#include "src/smtp/xclient.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/smtp/parse.h"

namespace signet::smtp {
namespace {

Reply Bad(std::string text) { return MakeReply(501, "5.5.4", "XCLIENT: " + std::move(text)); }

bool IsUnavailable(std::string_view value) {
  return EqualsIgnoreCase(value, "[UNAVAILABLE]") || EqualsIgnoreCase(value, "[TEMPUNAVAIL]");
}

// IPv4, or IPv6 with its prefix or without; in the usual spelling, IPv4 in IPv6 clothes as IPv4.
std::optional<std::string> ReadIp(std::string_view value) {
  char spelled[INET6_ADDRSTRLEN];
  in6_addr six;
  in_addr four;
  const bool prefixed = StartsWithIgnoreCase(value, "IPv6:");
  const std::string text(prefixed ? value.substr(5) : value);
  if (text.find('\0') != std::string::npos) return std::nullopt;
  if (!prefixed && ::inet_pton(AF_INET, text.c_str(), &four) == 1)
    return ::inet_ntop(AF_INET, &four, spelled, sizeof spelled);
  if (::inet_pton(AF_INET6, text.c_str(), &six) != 1) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&six))
    return ::inet_ntop(AF_INET, &six.s6_addr[12], spelled, sizeof spelled);
  return ::inet_ntop(AF_INET6, &six, spelled, sizeof spelled);
}

std::optional<int> ReadPort(std::string_view value) {
  if (value.empty() || value.size() > 5 || !std::all_of(value.begin(), value.end(), IsDigit))
    return std::nullopt;
  int port = 0;
  for (char c : value) port = port * 10 + (c - '0');
  return port <= 65535 ? std::optional<int>(port) : std::nullopt;
}

bool IsHostName(std::string_view value) {
  return value.size() <= kDomainMaxBytes && std::all_of(value.begin(), value.end(), [](char c) {
           return IsAlnum(c) || c == '-' || c == '.' || c == '_';
         });
}

// As server_set_id has it (rule I11).
bool IsIdentity(std::string_view value) {
  return value.size() <= limits::kIdentityMaxBytes &&
         std::none_of(value.begin(), value.end(), [](char c) { return IsControl(c); });
}

// Reads one value. False: it is none of its kind. `value` is not empty.
bool ReadValue(std::string_view name, std::string value, Xclient* said) {
  const bool unavailable = IsUnavailable(value);
  if (name == "PROTO") {
    said->esmtp = EqualsIgnoreCase(value, "ESMTP");
    return *said->esmtp || unavailable || EqualsIgnoreCase(value, "SMTP");
  }
  if (name == "PORT" || name == "DESTPORT") {
    const std::optional<int> port = unavailable ? 0 : ReadPort(value);
    (name == "PORT" ? said->port : said->destport) = port;
    return port.has_value();
  }
  if (name == "ADDR" || name == "DESTADDR") {
    // A client without an address would have that of its front, and what it may do.
    const std::optional<std::string> ip = ReadIp(value);
    (name == "ADDR" ? said->addr : said->destaddr) = ip;
    return ip.has_value();
  }
  if (unavailable) value.clear();
  if (name == "NAME") return IsHostName(*(said->name = std::move(value)));
  if (name == "HELO") {
    said->helo = std::move(value);
    return said->helo->empty() || IsHeloName(*said->helo);
  }
  return IsIdentity(*(said->login = std::move(value)));
}

bool IsSaid(std::string_view name, const Xclient& said) {
  if (name == "NAME") return said.name.has_value();
  if (name == "ADDR") return said.addr.has_value();
  if (name == "PORT") return said.port.has_value();
  if (name == "PROTO") return said.esmtp.has_value();
  if (name == "HELO") return said.helo.has_value();
  if (name == "LOGIN") return said.login.has_value();
  if (name == "DESTADDR") return said.destaddr.has_value();
  return said.destport.has_value();
}

constexpr std::string_view kNames[] = {"ADDR",  "DESTADDR", "DESTPORT", "HELO",
                                       "LOGIN", "NAME",     "PORT",     "PROTO"};

std::optional<Reply> ReadWord(std::string_view word, XclientLogin login, Xclient* said) {
  const std::size_t equals = word.find('=');
  const std::string name = Upper(word.substr(0, equals));
  const bool known = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
  if (!known || (name == "LOGIN" && login == XclientLogin::kNo))
    return Bad("unrecognised parameter '" + Echo(word.substr(0, equals), 40) + "'");
  if (IsSaid(name, *said)) return Bad(name + " can be specified once only");
  if (equals == std::string_view::npos || equals + 1 == word.size())
    return Bad("missing value for parameter '" + name + "'");
  std::optional<std::string> value = DecodeXtext(word.substr(equals + 1));
  if (!value || value->empty() || !ReadValue(name, std::move(*value), said))
    return Bad("invalid value for parameter '" + name + "'");
  return std::nullopt;
}

}  // namespace

Result<Xclient, Reply> ParseXclient(std::string_view argument, XclientLogin login) {
  Xclient said;
  std::size_t words = 0;
  while (!argument.empty()) {
    const std::size_t end = std::min(argument.find(' '), argument.size());
    const std::string_view word = argument.substr(0, end);
    argument.remove_prefix(std::min(end + 1, argument.size()));
    if (word.empty()) continue;
    ++words;
    if (std::optional<Reply> wrong = ReadWord(word, login, &said)) return Err{std::move(*wrong)};
  }
  if (words == 0) return Err{MakeReply(501, "5.5.4", "XCLIENT must have at least one operand")};
  return said;
}

}  // namespace signet::smtp
