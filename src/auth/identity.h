#ifndef SIGNET_SRC_AUTH_IDENTITY_H_
#define SIGNET_SRC_AUTH_IDENTITY_H_

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/base/value.h"

namespace signet::auth {

// The identity that a value of server_set_id names (rules I11, I12): the value's text, or
// the one element of a list as it is.
//
//   Errors    what is wrong with it, for the log: nothing there, several elements, over
//             limits::kIdentityMaxBytes, control characters, blanks that a directory
//             would not tell from others (rule I10), not UTF-8.
//   Security  never repaired, cut or escaped: what is not fit is no identity.
Result<std::string, std::string> IdentityOf(const Value& value);

// The value as an id for the log and $authenticated_fail_id: printable, one line, and
// empty where it is over the limit.
std::string FailedIdentityOf(const Value& value);

}  // namespace signet::auth
#endif
