#ifndef SIGNET_SRC_TLS_REMOTE_CREDENTIALS_H_
#define SIGNET_SRC_TLS_REMOTE_CREDENTIALS_H_

#include <string>

#include "src/tls/key_client.h"

struct gnutls_certificate_credentials_st;

// Inside of src/tls only.
namespace signet::tls {

// Adds a PEM chain whose key lies in the key process, checked as a pair (C2).
//   Returns  the number of the pair, or the library's error, which is negative.
int AddPair(gnutls_certificate_credentials_st* credentials, const std::string& chain_pem,
            const RemoteKeyPtr& key);

}  // namespace signet::tls
#endif
