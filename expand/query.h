#ifndef SIGNET_EXPAND_QUERY_H_
#define SIGNET_EXPAND_QUERY_H_

#include <string>
#include <string_view>
#include <vector>

#include "expand/list.h"
#include "expand/services.h"

namespace signet::expand {

// Looks for text from outside in a query that was not made fit for its place there by the
// right quote operator (rules L1, L2). In an LDAP query the place decides which one is
// right: quote_ldap_dn in a DN, quote_ldap in a filter, quote in a password.
//
//   Returns  what is wrong, naming the operator that is missing; "" where all is well.
std::string FindUnquoted(const Text& query, const LookupType& type);

// The query with the values of PASS= replaced, for messages.
std::string WithoutPasswords(std::string_view query);

// "the client", "the certificate", … for messages.
std::string_view NameOfOrigin(Origins origins);

}  // namespace signet::expand
#endif
