#ifndef SIGNET_SRC_SMTP_SENSE_H_
#define SIGNET_SRC_SMTP_SENSE_H_

#include <cstdint>

#include "src/config/config.h"
#include "src/crypto/trust.h"
#include "src/tls/tls.h"

namespace signet::smtp {

// What can hardly be meant, or will not last, with the certificates that a configuration
// names: ours that expire or are for another name, authorities and revocation lists that
// expire, the whole public WebPKI as authorities for clients. Warnings with their codes.
//
//   Requires  the sources have been loaded without an error.
//   Cost      reads the files of certificates and revocation lists once more.
void CheckCertificates(const config::Config& config, const tls::ServerPolicy::Sources& sources,
                       const crypto::TrustStore& trust, std::int64_t now, Diagnostics* diagnostics);

}  // namespace signet::smtp
#endif
