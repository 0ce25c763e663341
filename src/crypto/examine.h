#ifndef SIGNET_SRC_CRYPTO_EXAMINE_H_
#define SIGNET_SRC_CRYPTO_EXAMINE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/crypto/trust.h"

namespace signet::crypto {

// One check of one certificate, for people.
struct Check {
  enum Result : std::uint8_t {
    kGood,
    kBad,
    kUnknown,    // cannot be known now
    kNotReached  // nobody knows whose key it would be asked of
  };
  Result result = kGood;
  // "encoding", "limits", "validity", "critical extensions", "is no CA", "basic constraints",
  // "path length", "key usage", "key purpose (EKU)", "name constraints", "policies",
  // "algorithm strength", "signature", "revocation"
  std::string name;
  // The facts. Of kBad it begins with the words that ChainStatus::reason would have. Names in
  // it are the certificates'.
  std::string detail;
};

struct Examined {
  CertificatePtr certificate;  // nullptr where it cannot be read
  bool anchor = false;
  std::vector<Check> checks;
};

struct Examination {
  ChainStatus status;
  // The path, leaf first and with its anchor; where there is none, what was sent, as far as
  // it hangs together.
  std::vector<Examined> certificates;
  std::string why_no_path;  // "" where there is one
};

// What Verify says of a chain, and every check of it with its outcome, by the functions that
// Verify uses. For people who ask why: it costs several times as much.
Examination Examine(const TrustStore& store, std::span<const std::string_view> chain_der,
                    Purpose purpose, std::int64_t now);

}  // namespace signet::crypto
#endif
