#ifndef SIGNET_SRC_CLI_PEER_H_
#define SIGNET_SRC_CLI_PEER_H_

#include <string>

#include "expand/services.h"
#include "src/base/result.h"
#include "src/config/config.h"
#include "src/facts/session.h"

namespace signet::cli {

// Makes `session` one whose client has proved the first certificate of a PEM file (the
// others are its chain), verified now against the configuration's
// tls_verify_certificates and tls_crl. For offline tools: no key is looked at.
//
//   Returns  why the certificate does not verify; empty where it does.
//   Errors   a file that cannot be read or holds no certificate, with its name.
Result<std::string, std::string> PretendCertificate(const std::string& pem_file,
                                                    const config::Config& config,
                                                    expand::Services& services,
                                                    facts::Session* session);

// The first certificate of a PEM file.
//
//   Errors   as above.
Result<crypto::CertificatePtr, std::string> ReadCertificate(const std::string& pem_file);

}  // namespace signet::cli
#endif
