#ifndef SIGNET_SRC_CRYPTO_CRL_H_
#define SIGNET_SRC_CRYPTO_CRL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/crypto/certificate.h"

namespace signet::crypto {

enum class Revocation : std::uint8_t {
  kNoList,  // nobody gave us a list of this issuer: it does not use them
  kGood,
  kRevoked,
  kStaleList,     // not on the issuer's list, which is out of date
  kNoUsableList,  // there are lists, but not signed by the issuer, or not understood
};

// CrlIndex holds certificate revocation lists, looked up by issuer and serial number.
// Signature and dates of a list are checked here, when it is used, because the issuer's
// certificate is first seen in a chain (rule C3). Immutable but for the memory of which
// signatures were good.
//
//   Threads  Check may be called from any thread.
//   Cost     a binary search; the first use of a list with an issuer checks its signature.
class CrlIndex {
 public:
  // Errors: a text that is no list at all. A list with a critical extension, or of another
  // kind than a full direct one, is kept and is not usable.
  static Result<std::unique_ptr<CrlIndex>, std::string> FromPem(std::string_view pem);
  ~CrlIndex();

  // `*fresh_until` is lowered to the time until which the answer holds, in seconds.
  Revocation Check(const Certificate& certificate, const Certificate& issuer, std::int64_t now,
                   std::int64_t* fresh_until) const;
  std::size_t lists() const;
  // What the lists say of themselves, unverified: for telling people.
  struct Dates {
    std::string issuer;  // its name, printed
    std::int64_t this_update = 0;
    std::int64_t next_update = 0;  // 0: the list does not say
  };
  std::vector<Dates> dates() const;

  // What the lists of an issuer say of a certificate, in words for people: which list, of when,
  // and when and why the certificate was revoked. "" where there is no list.
  std::string Describe(const Certificate& certificate, const Certificate& issuer,
                       std::int64_t now) const;

 private:
  struct List;
  CrlIndex();
  std::vector<std::unique_ptr<List>> lists_;
};

}  // namespace signet::crypto
#endif
