#ifndef SIGNET_SRC_AUTH_ASSERTED_H_
#define SIGNET_SRC_AUTH_ASSERTED_H_

#include "src/auth/call.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// Inside of src/auth only.
namespace signet::auth {

// server_identities, rule I17: makes a failure or a deferral of a success whose identity, or
// a mailbox of whose certificate, is not one that the authorities of the verified path may
// assert. A rule by key is about any authority of the path, a rule by subject about its
// anchor, because whoever is an authority below may choose a subject. Where rules name
// several authorities of the path, all of them count; where they name none, "*" does.
//
// Without the option, and for a session that only a pin speaks for, nothing changes.
void LimitToAssertable(const config::Config& config, const config::Authenticator& instance,
                       Call::World world, facts::Auth* auth);

}  // namespace signet::auth
#endif
