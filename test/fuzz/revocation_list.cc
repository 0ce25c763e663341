// PEM → revocation lists.
#include <string>

#include "src/base/codec.h"
#include "src/crypto/crl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  (void)signet::crypto::CrlIndex::FromPem(octets);
  (void)signet::crypto::CrlIndex::FromPem(
      "-----BEGIN X509 CRL-----\n" + signet::EncodeBase64(octets) + "\n-----END X509 CRL-----\n");
  return 0;
}
