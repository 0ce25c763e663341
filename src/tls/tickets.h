#ifndef SIGNET_SRC_TLS_TICKETS_H_
#define SIGNET_SRC_TLS_TICKETS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/secret.h"

// The secrets that tickets are sealed with, and the keys that are made of them.
namespace signet::tls {

// Newest first. The first seals; all open.
using TicketSecrets = std::vector<SecretText>;

// A file of secrets (tls_ticket_keys): one in a line, in hex or base64, at least
// limits::kTicketSecretMinBytes each. Lines with '#' in front and empty ones don't count.
// Errors: with the number of the line, and nothing of what is in it.
Result<TicketSecrets, std::string> ParseTicketSecrets(std::string_view text);
// The same of a file, which must be for its owner only, as a private key (rule C4).
Result<TicketSecrets, std::string> ReadTicketSecrets(const std::string& path);

// What the library seals tickets with; `purpose` is all that a ticket is bound to.
SecretText TicketKey(const SecretText& secret, std::string_view purpose);

// Names of the keys that tickets are sealed with, as they stand in front of each, out of an
// extension of the client's first message; at most kTicketNamesLookedAt.
inline constexpr std::size_t kTicketNamesLookedAt = 4;  // clients offer one, seldom two
std::vector<std::string> NamesInTicket(std::string_view extension);         // TLS 1.2
std::vector<std::string> NamesInPreSharedKeys(std::string_view extension);  // TLS 1.3
// Whether one of `names` is of `key` at `now`.
//
// GnuTLS opens tickets with one key only and does not say how it names it: what is done here
// is what it was seen to do (3.7). Were it to change, tickets of older secrets would not be
// known any more and a full handshake would take place; a test would tell.
bool IsNamed(const std::vector<std::string>& names, const SecretText& key, std::int64_t now);

}  // namespace signet::tls
#endif
