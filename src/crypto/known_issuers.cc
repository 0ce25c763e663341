#include "src/crypto/known_issuers.h"

#include <gnutls/x509.h>

#include <utility>

namespace signet::crypto {

LibraryCertificate::LibraryCertificate(std::string_view der) {
  if (gnutls_x509_crt_init(&crt_) < 0) return;
  const gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(der.data())),
                             static_cast<unsigned>(der.size())};
  good_ = gnutls_x509_crt_import(crt_, &in, GNUTLS_X509_FMT_DER) >= 0;
}

LibraryCertificate::LibraryCertificate(LibraryCertificate&& other) noexcept
    : crt_(std::exchange(other.crt_, nullptr)), good_(std::exchange(other.good_, false)) {}

LibraryCertificate::~LibraryCertificate() {
  if (crt_ != nullptr) gnutls_x509_crt_deinit(crt_);
}

std::shared_ptr<const KnownIssuer> KnownIssuers::Find(std::string_view der) const {
  std::lock_guard lock(mutex_);
  for (const auto& issuer : issuers_)
    if (issuer->certificate->der() == der) return issuer;
  return nullptr;
}

void KnownIssuers::Add(CertificatePtr certificate, LibraryCertificate library,
                       CertificatePtr anchor) {
  auto issuer = std::make_shared<const KnownIssuer>(
      KnownIssuer{std::move(certificate), std::move(anchor), std::move(library)});
  std::lock_guard lock(mutex_);
  for (auto& known : issuers_) {
    if (known->certificate->der() != issuer->certificate->der()) continue;
    known = std::move(issuer);  // perhaps below another anchor now
    return;
  }
  if (issuers_.size() < kMax)
    issuers_.push_back(std::move(issuer));
  else
    issuers_[next_++ % kMax] = std::move(issuer);
}

}  // namespace signet::crypto
