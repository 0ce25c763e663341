#ifndef SIGNET_SRC_CRYPTO_POLICY_H_
#define SIGNET_SRC_CRYPTO_POLICY_H_

#include <string>

#include "src/crypto/path.h"

namespace signet::crypto {

// Certificate policies over a path, RFC 5280 6.1, where any policy is good enough for us:
// they only matter where an authority requires one of everything below it. Policies,
// mappings, policy constraints and inhibitAnyPolicy are evaluated; those of the anchor, too.
//
//   Returns  "" or what is wrong, for the log.
std::string FlawOfPolicies(const Path& path);

}  // namespace signet::crypto
#endif
