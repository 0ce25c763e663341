#ifndef SIGNET_SRC_TLS_DESCRIBE_H_
#define SIGNET_SRC_TLS_DESCRIBE_H_

#include <string_view>
#include <vector>

#include "src/facts/session.h"

struct gnutls_session_int;

// Inside of src/tls only: what a handshake came to, on either side.
namespace signet::tls {

// Version, suite and bits.
void DescribeCipher(gnutls_session_int* session, facts::Tls* facts);

// The certificates that the peer sent, or that its ticket holds: leaf first. Views into
// the session.
std::vector<std::string_view> PeerChain(gnutls_session_int* session);

}  // namespace signet::tls
#endif
