#ifndef SIGNET_SRC_CRYPTO_TRUST_H_
#define SIGNET_SRC_CRYPTO_TRUST_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/crypto/certificate.h"

namespace signet::crypto {

// What a chain is verified for. The last two are for clients whose certificates were not
// made for clients: made for TLS servers, or for whatever purpose. Leaf and issuers must
// all have the purpose; one without any may be used for all.
enum class Purpose : std::uint8_t { kTlsClient, kTlsServer, kTlsClientOrServer, kAnyClient };
inline bool IsClientPurpose(Purpose purpose) { return purpose != Purpose::kTlsServer; }

// The reason where a peer sent nothing at all.
inline constexpr std::string_view kNoCertificate = "no certificate";

// What verification found. `reason` is for the log: "certificate expired", "unknown CA",
// "wrong key purpose", …; empty where verified.
struct ChainStatus {
  bool verified = false;
  std::string reason;
  CertificatePtr leaf;  // parsed once, from the octets that were verified (I2)
  // The path that was found good: leaf first, anchor last; one element where the leaf is an
  // anchor itself. Empty unless verified. The anchor is the one that signed, by key (I17).
  std::vector<CertificatePtr> path;
  // Verified, and not for kTlsClient, only for the wider purpose that was asked for.
  bool purpose_excused = false;
  // Not a verdict about the certificate: its issuer's revocation list is out of date or not
  // usable, and identities of that issuer are deferred (rule C3).
  bool temporary = false;
  bool revoked = false;          // its issuer says so, or that of an issuer
  std::int64_t valid_until = 0;  // seconds; the chain must be looked at again then
};

// What is wrong with a certificate whose key is known by itself (a pin), so that no chain
// has to verify: its dates, its purposes, its key's strength; "" where nothing is. Its own
// signature says nothing and is not looked at.
std::string FlawOfPinned(const Certificate& certificate, Purpose purpose, std::int64_t now);

// What becomes of clients whose issuer's revocation list cannot be used (rule C3).
enum class OnStale : std::uint8_t {
  kDefer,   // their identities are deferred
  kReject,  // they do not verify
  kAccept,  // as kDefer, but a list that is only out of date refuses just whom it lists
};

// TrustStore holds trust anchors and CRLs and verifies chains against them: rule I3 and
// I4, algorithm floor T7. Immutable; a reload makes a new one with a new generation.
// An empty store verifies nobody (T11).
//
//   Threads  Verify may be called from any thread.
//   Cost     one verification 230–530 µs; a hit in the chain cache ≈ 1 µs + SHA-256 of the DER.
class TrustStore {
 public:
  struct Sources {
    std::string anchors_pem;  // certificates
    std::string crls_pem;     // may be empty
    OnStale on_stale = OnStale::kDefer;
  };
  // Errors: a text that is not empty and holds no certificate, or something malformed.
  // Anchors that are there twice count once.
  static Result<std::shared_ptr<const TrustStore>, std::string> Make(const Sources& sources);
  ~TrustStore();

  // `chain_der`: leaf first, as the peer sent it. `now` in seconds. The cache is keyed by
  // purpose, store and SHA-256 of the whole chain; it holds only validity, never the
  // proof that a peer has the key. Never throws; every failure is a status.
  ChainStatus Verify(std::span<const std::string_view> chain_der, Purpose purpose,
                     std::int64_t now) const;

  std::size_t anchors() const;
  const std::vector<CertificatePtr>& anchor_certificates() const;
  std::uint64_t generation() const;
  struct CacheCounters {
    std::uint64_t hits = 0, misses = 0;
  };
  CacheCounters cache_counters() const;

 private:
  friend struct TrustInternals;
  struct Rep;
  explicit TrustStore(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};
using TrustStorePtr = std::shared_ptr<const TrustStore>;

}  // namespace signet::crypto
#endif
