#ifndef SIGNET_SRC_SMTP_COUNTED_H_
#define SIGNET_SRC_SMTP_COUNTED_H_

#include <string_view>

#include "src/smtp/dialogue.h"

// What sessions add to the numbers of report::Metrics. Each does nothing where nobody counts.
namespace signet::smtp {

// A handshake that is over.
void CountHandshake(const Dialogue& dialogue, const facts::Tls& tls);

// A run of an authenticator. A client that has proved who it is with a certificate is noted
// with the end of that.
void CountAuthentication(const Dialogue& dialogue, std::string_view authenticator,
                         facts::AuthResult result);
void CountCertificateOf(const Dialogue& dialogue);
// The end of an AUTH command.
void CountExchange(const Dialogue& dialogue, std::string_view authenticator, const Answer& answer);

// An answer that is no, unless it is for a mistake of the client's; asked for each answer.
void CountAnswer(const Dialogue& dialogue, const Command& command, const Answer& answer);
// A refusal outside commands: "connect", "tls".
void CountRefused(const Dialogue& dialogue, std::string_view place, const Reply& reply);

// Before the greeting: a list or a limit keeps the client out.
void CountRefusedConnection(const Dialogue& dialogue, std::string_view reason);

void CountMessage(const Dialogue& dialogue, std::size_t octets);
void CountEnd(const Dialogue& dialogue);

}  // namespace signet::smtp
#endif
