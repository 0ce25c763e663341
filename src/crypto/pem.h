#ifndef SIGNET_SRC_CRYPTO_PEM_H_
#define SIGNET_SRC_CRYPTO_PEM_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/crypto/certificate.h"

namespace signet::crypto {

// What is wrong with a file of certificates, and where. Never holds octets of the file but
// for the label of a block.
struct PemMistake {
  std::size_t line = 0;  // from 1; 0: not about a line
  std::string message;
  std::string Text(std::string_view file) const;  // "FILE:LINE: message"
};

struct PlacedCertificate {
  CertificatePtr certificate;
  std::size_t line = 0;  // where its block begins; 0 in a file of DER
};

// All certificates of a file: PEM blocks with whatever text between them, or one certificate
// in DER. For people who want to know what is in a file: anything that is no certificate,
// and a private key above all, is a mistake with its place.
Result<std::vector<PlacedCertificate>, PemMistake> ReadCertificates(std::string_view text);

}  // namespace signet::crypto
#endif
