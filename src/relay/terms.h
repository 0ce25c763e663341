#ifndef SIGNET_SRC_RELAY_TERMS_H_
#define SIGNET_SRC_RELAY_TERMS_H_

#include <memory>
#include <string>
#include <vector>

#include "src/base/secret.h"
#include "src/relay/client.h"
#include "src/relay/identity.h"
#include "src/relay/route.h"
#include "src/tls/tls.h"

namespace signet::relay {

enum class TlsUse : std::uint8_t { kNever, kWhereOffered, kRequired, kImplicit };
enum class Protocol : std::uint8_t { kSmtp, kSmtps, kLmtp };
Protocol ProtocolOf(const config::Transport& transport);

// What we say to an upstream that wants AUTH of us.
struct Credentials {
  std::vector<std::string> mechanisms;  // in the order of preference, in capitals
  std::string user;
  SecretText password;
  bool operator==(const Credentials& other) const {
    return mechanisms == other.mechanisms && user == other.user &&
           password.Reveal() == other.password.Reveal();
  }
};

// All that the configuration says about a connection, for one session and one address of
// an upstream. Two messages may share a connection where it is equal, and only there.
struct Terms {
  Host host;
  std::string ip;  // "" of a Unix socket
  Protocol protocol = Protocol::kSmtp;
  std::string helo;
  TlsUse tls_use = TlsUse::kNever;
  tls::ClientOptions tls;
  ClientTimes times{};
  bool pipelining = true;  // where it is offered
  Credentials credentials;
  std::vector<Attribute> xclient;  // what is to be said before MAIL; empty: nothing
  bool operator==(const Terms&) const = default;
};

// The words of auth_mechanism, in capitals.
std::vector<std::string> MechanismsOf(const config::Transport& transport);

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
