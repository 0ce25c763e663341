#include "drivers/lookup/ldap_referral.h"

namespace signet::ldap {

std::string ReadReferral(std::string_view url, Query* next, SearchRequest* request) {
  const std::string wrong = "the server refers to \"" + std::string(url.substr(0, 100)) + "\": ";
  // What a query may hold before its URL is not the server's to set.
  const std::size_t colon = url.find("://");
  if (colon == url.npos || url.substr(0, colon).find_first_of(" \t\r\n=") != url.npos)
    return wrong + "not an LDAP URL";
  if (std::string why = ParseQuery(url, next); !why.empty()) return wrong + why;
  if (next->scheme == "ldapi" || !next->server || !next->server->unix_path.empty())
    return wrong + "no host is named";
  if (!next->base.empty()) request->base = next->base;
  if (next->has_scope) request->scope = next->scope;
  if (!next->filter.empty()) request->filter = next->filter;
  return "";
}

}  // namespace signet::ldap
