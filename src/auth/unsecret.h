#ifndef SIGNET_SRC_AUTH_UNSECRET_H_
#define SIGNET_SRC_AUTH_UNSECRET_H_

#include <string>
#include <string_view>
#include <vector>

namespace signet::auth {

// A failure's text for the log, without what may be a password (rule A6): each part in
// double quotes that shows one of `secrets` is "***" instead.
//
//   Security  a part is left out whole, and already where it has the longest run of letters
//             and digits of a secret, in any letter case: a query holds it quoted in ways
//             that are not known here. A text that shows one outside of quotes is not shown.
std::string WithoutSecrets(std::string_view text, const std::vector<std::string_view>& secrets);

}  // namespace signet::auth
#endif
