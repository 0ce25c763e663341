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
// A driver's own quoting is fit for queries of its types only, and where the driver says so,
// only between two single quotes of SQL. The first word of a query is the
// administrator's alone where it is a command or the path of a file. In a query of
// settings and a URL it stands only where the driver's table says: never in the host.
//
//   Returns  what is wrong, naming the operator that is missing; "" where all is well.
std::string FindUnquoted(const Text& query, const LookupType& type);

bool Accepts(const LookupType& type, Quote quote);
// What a driver's own quoting marks its results with; kNone where it has none.
Quote QuoteOfItsOwn(const LookupType& type);

// The query for messages: the values of PASS= are replaced, and everything that stands where
// outsiders may have a part.
std::string WithoutPasswords(std::string_view query, const LookupType& type);

// "the client", "the certificate", … for messages.
std::string_view NameOfOrigin(Origins origins);

}  // namespace signet::expand
#endif
