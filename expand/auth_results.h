#ifndef SIGNET_EXPAND_AUTH_RESULTS_H_
#define SIGNET_EXPAND_AUTH_RESULTS_H_

#include <string>
#include <string_view>

#include "src/facts/session.h"

namespace signet::expand {

// The field of RFC 8601 that says how the client of the session was authenticated, with
// `id` for who says so. Its lines are apart by "\n" and a tab. Whatever the client, its
// certificate or a directory has said stands in it quoted.
std::string AuthResultsField(const facts::Session& session, std::string_view id);

}  // namespace signet::expand
#endif
