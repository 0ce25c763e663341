#ifndef SIGNET_SRC_AUTH_AUTHENTICATE_H_
#define SIGNET_SRC_AUTH_AUTHENTICATE_H_

#include <string>

#include "expand/expand.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/crypto/trust.h"
#include "src/facts/session.h"

namespace signet::auth {

// Runs the one authenticator whose driver says that it wants to run after TLS, if there
// is one and the session has a verified certificate within limits (rules I1, I18), or one
// whose pin is configured where the instance does not insist on a verified one.
// Everything is decided here: the driver can only narrow the result.
//
// `session.auth_vars` is set while it runs and empty afterwards; `session.auth` is not
// touched: the caller stores what is returned.
//
//   Returns  kNotTried, kAuthenticated (id non-empty, printable, one element, ≤
//            limits::kIdentityMaxBytes: I11), kFailed or kDeferred. `authenticator`,
//            `id` and `public_name` are set with kAuthenticated only (I15). `reason` is
//            what stands behind "NAME authenticator failed for H=…: " in the log, with
//            NAME from FindAfterTls: "535 Incorrect authentication data (set_id=a@b)"
//            or "435 Unable to authenticate at present (set_id=a@b): …" (G4, I14).
//   Errors   a forced failure of a parameter or of server_condition is kFailed; any other
//            failure, and any failure of server_set_id after a success, is kDeferred.
facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget,
                                 Log* log = nullptr);

// Whether that is worth trying with the session's certificate.
bool MayAuthenticateAfterTls(const config::Config& config, const facts::Session& session);

// Why it is not, in words for people; "" where it is.
std::string WhyNotTried(const config::Config& config, const facts::Session& session);

// The same for a session under way, after a reload: whether that authenticator would still
// look at its expressions, with what is known of the certificate now in `session.tls`. ""
// where it would, otherwise why not, for the log. May wait.
std::string WhyNotAnyMore(const config::Config& config, facts::Session& session, Log* log);

// What can be known to be wrong with files of server_pins, while the configuration loads.
void CheckPins(const config::Config& config, Diagnostics* diagnostics);

// Which rules of server_identities name by their subjects authorities that are not there.
void CheckIdentities(const config::Config& config, const crypto::TrustStore& trust,
                     Diagnostics* diagnostics);

// Whether the configuration has an authenticator that runs after TLS (for checks).
const config::Authenticator* FindAfterTls(const config::Config& config);

// What clients' certificates must have been made for: its server_eku.
crypto::Purpose PurposeOfClients(const config::Config& config);

}  // namespace signet::auth
#endif
