// Any octets as an LDAP query and as a list of servers; and rule L2: what the quote
// operators make of any octets, inside a filter or a DN, parses back to exactly them. Any
// octets as a referral of a server.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/lookup/ldap_query.h"
#include "drivers/lookup/ldap_referral.h"
#include "src/base/codec.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return (c | 0x20) - 'a' + 10;
}

bool IsHex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// The value of `\HH` pairs, and of `\c` in a DN: what a directory makes of the escapes.
std::string Unescape(std::string_view text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    Check(i + 1 < text.size());
    if (i + 2 < text.size() && IsHex(text[i + 1]) && IsHex(text[i + 2])) {
      value += static_cast<char>(Digit(text[i + 1]) * 16 + Digit(text[i + 2]));
      i += 2;
    } else {
      value += text[++i];
    }
  }
  return value;
}

// Characters that end or open something where they stand without a backslash.
bool HasBare(std::string_view text, std::string_view special) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (special.find(text[i]) != std::string_view::npos)
      return true;
  }
  return false;
}

void CheckQuoting(std::string_view octets) {
  signet::ldap::Query query;
  const std::string url = "ldap:///cn=" + signet::QuoteLdapDn(octets) +
                          ",dc=x?a?sub?(cn=" + signet::QuoteLdapFilter(octets) + ")";
  Check(signet::ldap::ParseQuery(url, &query).empty());
  Check(query.attributes.size() == 1 && query.scope == signet::ldap::Scope::kSub);
  Check(query.base.starts_with("cn=") && query.base.ends_with(",dc=x"));
  const std::string_view dn = std::string_view(query.base).substr(3, query.base.size() - 3 - 5);
  Check(!HasBare(dn, ",+\"<>;") && Unescape(dn) == octets);
  Check(query.filter.starts_with("(cn=") && query.filter.ends_with(")"));
  const std::string_view filter = std::string_view(query.filter).substr(4, query.filter.size() - 5);
  Check(!HasBare(filter, "*()") && Unescape(filter) == octets);
}

// Rule L7: where a server may send us, it names a host and nothing else of ours.
void CheckReferral(std::string_view text) {
  signet::ldap::Query next;
  signet::ldap::SearchRequest request;
  if (!signet::ldap::ReadReferral(text, &next, &request).empty()) return;
  Check(next.server && !next.server->host.empty() && next.server->unix_path.empty());
  Check(!next.has_user && !next.has_password && !next.follow && !next.servers);
  Check(next.scheme == "ldap" || next.scheme == "ldaps");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  signet::ldap::Query query;
  if (signet::ldap::ParseQuery(text, &query).empty()) {
    Check(query.base.find('\0') == std::string::npos);
    Check(query.filter.find('\0') == std::string::npos);
    Check(query.user.find('\0') == std::string::npos);
    Check(query.scheme.starts_with("ldap"));
  }
  std::vector<signet::ldap::Server> servers;
  if (signet::ldap::ParseServers(text, &servers).empty())
    for (const signet::ldap::Server& server : servers)
      Check(server.host.empty() != server.unix_path.empty());
  CheckReferral(text);
  CheckQuoting(text);
  return 0;
}
