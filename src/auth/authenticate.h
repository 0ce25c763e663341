#ifndef SIGNET_SRC_AUTH_AUTHENTICATE_H_
#define SIGNET_SRC_AUTH_AUTHENTICATE_H_

#include "expand/expand.h"
#include "src/config/config.h"
#include "src/facts/session.h"

namespace signet::auth {

// Runs the one authenticator whose driver says that it wants to run after TLS, if there
// is one and the session has a verified certificate within limits (rules I1, I18).
// Everything is decided here: the driver can only narrow the result.
//
// `session.auth_vars` is set while it runs and empty afterwards; `session.auth` is not
// touched: the caller stores what is returned.
//
//   Returns  kNotTried, kAuthenticated (id non-empty, printable, one element, ≤
//            limits::kIdentityMaxBytes: I11), kFailed or kDeferred, each with a reason
//            for the log (G4, I14).
facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget);

// Whether the configuration has an authenticator that runs after TLS (for checks).
const config::Authenticator* FindAfterTls(const config::Config& config);

}  // namespace signet::auth
#endif
