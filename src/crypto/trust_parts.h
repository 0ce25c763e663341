#ifndef SIGNET_SRC_CRYPTO_TRUST_PARTS_H_
#define SIGNET_SRC_CRYPTO_TRUST_PARTS_H_

#include "src/crypto/crl.h"
#include "src/crypto/trust.h"

namespace signet::crypto {

// The reason where a chain is more than is looked at.
inline constexpr std::string_view kChainOverLimits = "certificate chain over limits";

// What a TrustStore verifies with, for whoever explains what it found. Inside of src/crypto
// only.
struct TrustInternals {
  static const CrlIndex& Lists(const TrustStore& store);
  static OnStale WhereStale(const TrustStore& store);
};

}  // namespace signet::crypto
#endif
