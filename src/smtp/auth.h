#ifndef SIGNET_SRC_SMTP_AUTH_H_
#define SIGNET_SRC_SMTP_AUTH_H_

#include <optional>

#include "src/smtp/dialogue.h"

// SASL in a session (RFC 4954). Only under TLS, and only what EHLO has shown (rule A1).
namespace signet::smtp {

// What a client finds that its certificate has authenticated: after_tls_auth.
enum class AfterTlsAuth : std::uint8_t { kHide, kExternal, kFull };

// Fills session.auth_offered: what the reply to this EHLO shows.
void OfferMechanisms(Dialogue& dialogue);

std::optional<Answer> CheckAuth(const Dialogue& dialogue, const Command& command);

// Runs one exchange to its end. A client that fails keeps what was known of it before.
//
//   Security  a certificate's identity is only ever replaced where after_tls_authorize says
//             so (A2); passwords are wiped and never logged (A6); failures are counted (A5).
Answer RunAuth(Dialogue& dialogue, const Command& command);

}  // namespace signet::smtp
#endif
