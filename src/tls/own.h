#ifndef SIGNET_SRC_TLS_OWN_H_
#define SIGNET_SRC_TLS_OWN_H_

#include <string>
#include <vector>

#include "src/tls/tls.h"

namespace signet::tls {

// What a server shows its clients, for who watches when it ends.
struct OwnCertificate {
  std::string file;
  crypto::CertificatePtr leaf;
};
std::vector<OwnCertificate> OwnCertificates(const ServerPolicy& policy);

}  // namespace signet::tls
#endif
