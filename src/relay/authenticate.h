#ifndef SIGNET_SRC_RELAY_AUTHENTICATE_H_
#define SIGNET_SRC_RELAY_AUTHENTICATE_H_

#include <array>
#include <string>
#include <string_view>

#include "src/relay/client.h"
#include "src/relay/terms.h"

namespace signet::relay {

// What we can be: EXTERNAL (our TLS certificate), PLAIN, CRAM-MD5, LOGIN.
inline constexpr std::array<std::string_view, 4> kMechanisms = {"CRAM-MD5", "EXTERNAL", "LOGIN",
                                                                "PLAIN"};

// AUTH (RFC 4954) by the first of the mechanisms that is offered.
//
//   Requires  the connection may carry secrets: verified TLS, or it stays on this machine.
//   Returns   the mechanism.
//   Errors    for the log; without secrets.
Result<std::string, std::string> Authenticate(const Credentials& credentials, SmtpClient* client);

}  // namespace signet::relay
#endif
