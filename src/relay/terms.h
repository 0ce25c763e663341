#ifndef SIGNET_SRC_RELAY_TERMS_H_
#define SIGNET_SRC_RELAY_TERMS_H_

#include <memory>
#include <string>
#include <vector>

#include "src/relay/identity.h"
#include "src/relay/route.h"
#include "src/tls/tls.h"

namespace signet::relay {

enum class TlsUse : std::uint8_t { kNever, kWhereOffered, kRequired, kImplicit };
enum class Protocol : std::uint8_t { kSmtp, kSmtps, kLmtp };
Protocol ProtocolOf(const config::Transport& transport);

// All that the configuration says about a connection, for one session and one address of
// an upstream. Two messages may share a connection where it is equal, and only there.
struct Terms {
  Host host;
  std::string ip;  // "" of a Unix socket
  Protocol protocol = Protocol::kSmtp;
  std::string helo;
  TlsUse tls_use = TlsUse::kNever;
  tls::ClientOptions tls;
  std::vector<Attribute> xclient;  // what is to be said before MAIL; empty: nothing
  bool operator==(const Terms&) const = default;
};

// Expands the options of place.transport. Requires that context.session.upstream names the
// host and address that is meant.
//   Errors  a reply with 451, and why for the log.
Result<Terms, Reply> MakeTerms(const Place& place, const Host& host, const std::string& ip,
                               config::MatchContext& context);

// The value of MAIL's AUTH= (RFC 4954 5): of authenticated_sender, where the session is
// authenticated; "<>" where it is not.
//   Errors  as above.
Result<std::string, Reply> AuthenticatedSender(const Place& place, config::MatchContext& context);

}  // namespace signet::relay
#endif
