#ifndef SIGNET_SRC_TLS_PRETEND_H_
#define SIGNET_SRC_TLS_PRETEND_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/tls/tls.h"

namespace signet::tls {

// A client that is not there, as its handshake would have been.
struct PretendedClient {
  std::vector<std::string> chain;  // DER, leaf first; empty where it has no certificate
  std::string server_name;         // that it asks for; ""
  bool tls12 = false;              // instead of TLS 1.3
  std::int64_t at = 0;             // seconds since the epoch
};

// What Accept() would have given for such a client that has the key of its certificate, with
// the same checks by the same code; but for a stream, and what only octets on a wire can
// give: no ticket, no exporter. The version is one that the policy speaks; of the cipher suite
// the usual one is named, and that both sides find a signature is taken for granted.
//
//   Errors  as Accept's: no version in common; no ALPN, which this client does not send, where
//           it is wanted.
Result<Accepted, HandshakeFailure> Pretend(const ServerPolicy& policy, const AcceptOptions& options,
                                           const PretendedClient& client);

}  // namespace signet::tls
#endif
