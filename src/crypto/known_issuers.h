#ifndef SIGNET_SRC_CRYPTO_KNOWN_ISSUERS_H_
#define SIGNET_SRC_CRYPTO_KNOWN_ISSUERS_H_

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "src/crypto/certificate.h"

struct gnutls_x509_crt_int;

namespace signet::crypto {

// A certificate as the library holds it.
class LibraryCertificate {
 public:
  explicit LibraryCertificate(std::string_view der);
  LibraryCertificate(LibraryCertificate&& other) noexcept;
  LibraryCertificate& operator=(LibraryCertificate&&) = delete;
  ~LibraryCertificate();
  bool good() const { return good_; }
  gnutls_x509_crt_int* get() const { return crt_; }

 private:
  gnutls_x509_crt_int* crt_ = nullptr;
  bool good_ = false;
};

// An authority between a leaf and an anchor, whose signature by that anchor was found good,
// once and for all: both are known by their octets.
struct KnownIssuer {
  CertificatePtr certificate, anchor;
  LibraryCertificate library;
};

// KnownIssuers remembers authorities of one trust store: those that clients sent within chains
// whose signatures are good, so that no stranger fills it (rule R7). Nothing else about them
// is remembered: dates, purposes, constraints and revocation are looked at each time.
//
//   Threads  any; a mutex is held for a look through a short list.
class KnownIssuers {
 public:
  std::shared_ptr<const KnownIssuer> Find(std::string_view der) const;  // nullptr: not known
  void Add(CertificatePtr certificate, LibraryCertificate library, CertificatePtr anchor);

  // Beyond it the oldest goes: organisations have a handful.
  static constexpr std::size_t kMax = 32;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const KnownIssuer>> issuers_;
  std::size_t next_ = 0;
};

}  // namespace signet::crypto
#endif
