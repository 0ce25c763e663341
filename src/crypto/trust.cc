#include "src/crypto/trust.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/limits.h"
#include "src/crypto/chain_cache.h"
#include "src/crypto/checks.h"
#include "src/crypto/crl.h"
#include "src/crypto/der.h"
#include "src/crypto/digest.h"
#include "src/crypto/known_issuers.h"
#include "src/crypto/path.h"
#include "src/crypto/trust_parts.h"

namespace signet::crypto {
namespace {

// The algorithm floor, rule T7.
bool KeyIsStrong(gnutls_x509_crt_t crt) {
  unsigned bits = 0;
  switch (gnutls_x509_crt_get_pk_algorithm(crt, &bits)) {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS:
      return bits >= 2048;
    case GNUTLS_PK_ECDSA:
      return bits >= 256;
    case GNUTLS_PK_EDDSA_ED25519:
    case GNUTLS_PK_EDDSA_ED448:
      return true;
    default:
      return false;
  }
}

bool SignatureIsStrong(gnutls_x509_crt_t crt) {
  const int algorithm = gnutls_x509_crt_get_signature_algorithm(crt);
  if (algorithm < 0) return false;
  if (algorithm == GNUTLS_SIGN_EDDSA_ED25519 || algorithm == GNUTLS_SIGN_EDDSA_ED448) return true;
  switch (gnutls_sign_get_hash_algorithm(static_cast<gnutls_sign_algorithm_t>(algorithm))) {
    case GNUTLS_DIG_SHA224:
    case GNUTLS_DIG_SHA256:
    case GNUTLS_DIG_SHA384:
    case GNUTLS_DIG_SHA512:
    case GNUTLS_DIG_SHA3_256:
    case GNUTLS_DIG_SHA3_384:
    case GNUTLS_DIG_SHA3_512:
      return true;
    default:
      return false;
  }
}

std::string FlawOfStrength(gnutls_x509_crt_t crt) {
  if (!KeyIsStrong(crt)) return "key too weak";
  return SignatureIsStrong(crt) ? "" : "signature algorithm too weak";
}

// The signature of a certificate with the key of another, and nothing else.
std::string FlawOfSignature(const Certificate& certificate, gnutls_x509_crt_t crt,
                            gnutls_x509_crt_t issuer) {
  const auto whole = der::Only(certificate.der(), der::kSequence);
  const auto signed_part =
      whole ? der::Reader(whole->content).Next() : std::optional<der::Element>();
  const int algorithm = gnutls_x509_crt_get_signature_algorithm(crt);
  gnutls_pubkey_t key = nullptr;
  if (!signed_part || algorithm < 0 || gnutls_pubkey_init(&key) < 0) return "not verified";
  const auto datum = [](std::string_view octets) {
    return gnutls_datum_t{reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
                          static_cast<unsigned>(octets.size())};
  };
  const gnutls_datum_t text = datum(signed_part->whole);
  const gnutls_datum_t signature = datum(certificate.signature());
  const bool good = gnutls_pubkey_import_x509(key, issuer, 0) >= 0 &&
                    gnutls_pubkey_verify_data2(key, static_cast<gnutls_sign_algorithm_t>(algorithm),
                                               0, &text, &signature) >= 0;
  gnutls_pubkey_deinit(key);
  return good ? "" : "bad signature";
}

// In other words than ours where we have checked the same before, so that a log and a
// test can tell who found it.
std::string Describe(unsigned status) {
  if (status & GNUTLS_CERT_SIGNATURE_FAILURE) return "bad signature";
  if (status & GNUTLS_CERT_INSECURE_ALGORITHM) return "weak algorithm";
  if (status & GNUTLS_CERT_SIGNER_NOT_CA) return "GnuTLS: issuer is not a CA";
  if (status & GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) return "constraints of an issuer not met";
  if (status & GNUTLS_CERT_PURPOSE_MISMATCH) return "GnuTLS: wrong key purpose";
  if (status & GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS) return "GnuTLS: unknown critical extension";
  if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) return "unknown CA";
  return "not verified";
}

std::string CacheKey(std::span<const std::string_view> chain, Purpose purpose) {
  std::string octets(1, static_cast<char>(purpose));
  for (std::string_view der : chain) {
    // With its length, so that no two chains give the same octets.
    for (int shift = 24; shift >= 0; shift -= 8)
      octets += static_cast<char>(der.size() >> shift & 0xff);
    octets += der;
  }
  return Sha256(octets);
}

std::atomic<std::uint64_t> next_generation{1};

// How many chains that did not verify are remembered, for a minute each.
constexpr std::size_t kBadChains = 1000;

}  // namespace

struct TrustStore::Rep {
  std::vector<CertificatePtr> anchors;
  std::vector<LibraryCertificate> library_anchors;  // same order
  std::unique_ptr<CrlIndex> crls;
  OnStale on_stale = OnStale::kDefer;
  std::uint64_t generation = next_generation.fetch_add(1);
  mutable ChainCache cache{limits::kChainCacheEntries, kBadChains};
  mutable KnownIssuers known;  // of chains that verified

  gnutls_x509_crt_t LibraryAnchor(const CertificatePtr& anchor) const;
  void VerifyParsed(const std::vector<CertificatePtr>& sent, Purpose purpose, std::int64_t now,
                    ChainStatus* status) const;
  std::string FlawOfSignatures(const Path& path, Purpose purpose) const;
  bool LeafIsSignedByKnown(const Path& path, Purpose purpose) const;
  std::string FlawOfRevocation(const Path& path, std::int64_t now, ChainStatus* status) const;
};

gnutls_x509_crt_t TrustStore::Rep::LibraryAnchor(const CertificatePtr& anchor) const {
  const auto it = std::find(anchors.begin(), anchors.end(), anchor);
  SIGNET_CHECK(it != anchors.end());
  return library_anchors[static_cast<std::size_t>(it - anchors.begin())].get();
}

// For paths whose standing the library judges by less than the standard. "" or what is wrong.
std::string FlawOfEachSignature(const Path& path, const std::vector<gnutls_x509_crt_t>& chain,
                                gnutls_x509_crt_t anchor) {
  std::string flaw;
  for (std::size_t i = 0; i < chain.size() && flaw.empty(); ++i)
    flaw = FlawOfSignature(*path.below[i], chain[i], i + 1 < chain.size() ? chain[i + 1] : anchor);
  return flaw;
}

// What the library says of a chain below `anchor`: its bits in *status; false for a trouble
// of its own, with *status its code. Times are ours: it would ask the wall clock.
bool VerifyByLibrary(std::vector<gnutls_x509_crt_t> chain, gnutls_x509_crt_t anchor,
                     Purpose purpose, unsigned* status, int* error) {
  gnutls_x509_trust_list_t list = nullptr;
  if (*error = gnutls_x509_trust_list_init(&list, 1); *error < 0) return false;
  // What the library has no word for was checked by us alone.
  const bool simple = purpose == Purpose::kTlsClient || purpose == Purpose::kTlsServer;
  const char* oid =
      purpose == Purpose::kTlsServer ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID,
                                reinterpret_cast<unsigned char*>(const_cast<char*>(oid)), 0};
  constexpr unsigned kFlags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_CRL_CHECKS |
                              GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT |
                              GNUTLS_VERIFY_DO_NOT_ALLOW_UNSORTED_CHAIN;
  *status = GNUTLS_CERT_INVALID;
  *error = gnutls_x509_trust_list_add_cas(list, &anchor, 1, 0) == 1 ? 0 : GNUTLS_E_MEMORY_ERROR;
  if (*error >= 0)
    *error =
        gnutls_x509_trust_list_verify_crt2(list, chain.data(), static_cast<unsigned>(chain.size()),
                                           &data, simple ? 1 : 0, kFlags, status, nullptr);
  gnutls_x509_trust_list_deinit(list, 0);  // 0: the anchor stays ours
  return *error >= 0;
}

// That one issuer has signed another does not change: where it was seen before, only the
// leaf's signature is left, which is a third of the work. The library looks at the leaf and
// at what its issuer demands of it; what the anchor demands was checked by us, and where that
// is about names, the library is to look as well.
bool TrustStore::Rep::LeafIsSignedByKnown(const Path& path, Purpose purpose) const {
  constexpr std::string_view kNameConstraints = "2.5.29.30";
  if (path.below.size() != 2 || path.anchor->ExtensionView(kNameConstraints)) return false;
  const auto issuer = known.Find(path.below[1]->der());
  if (issuer == nullptr || issuer->anchor != path.anchor) return false;
  const LibraryCertificate leaf(path.below[0]->der());
  unsigned status = GNUTLS_CERT_INVALID;
  int error = 0;
  return leaf.good() && FlawOfStrength(leaf.get()).empty() &&
         VerifyByLibrary({leaf.get()}, issuer->library.get(), purpose, &status, &error) &&
         status == 0;
}

// Signatures, by the library, against exactly the anchor whose constraints were checked.
std::string TrustStore::Rep::FlawOfSignatures(const Path& path, Purpose purpose) const {
  if (LeafIsSignedByKnown(path, purpose)) return "";
  std::vector<LibraryCertificate> owned;
  std::vector<gnutls_x509_crt_t> chain;
  for (const CertificatePtr& certificate : path.below) {
    owned.emplace_back(certificate->der());
    if (!owned.back().good()) return "malformed certificate";
    std::string flaw = FlawOfStrength(owned.back().get());
    if (!flaw.empty()) return flaw;
    chain.push_back(owned.back().get());
  }
  const gnutls_x509_crt_t anchor = LibraryAnchor(path.anchor);
  unsigned status = 0;
  int error = 0;
  if (!VerifyByLibrary(chain, anchor, purpose, &status, &error)) return gnutls_strerror(error);
  constexpr unsigned kJudgedByUs = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE |
                                   GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS;
  if (status != 0 && (status & ~kJudgedByUs) == 0 && IsBeyondTheLibrary(path))
    return FlawOfEachSignature(path, chain, anchor);
  if (status != 0) return Describe(status);
  if (path.below.size() == 2) known.Add(path.below[1], std::move(owned[1]), path.anchor);
  return "";
}

std::string TrustStore::Rep::FlawOfRevocation(const Path& path, std::int64_t now,
                                              ChainStatus* status) const {
  if (path.leaf_is_anchor()) return "";
  for (std::size_t i = 0; i < path.below.size(); ++i) {
    const Certificate& issuer = i + 1 < path.below.size() ? *path.below[i + 1] : *path.anchor;
    switch (crls->Check(*path.below[i], issuer, now, &status->valid_until)) {
      case Revocation::kNoList:
      case Revocation::kGood:
        break;
      case Revocation::kRevoked:
        status->revoked = true;
        return "certificate revoked";
      case Revocation::kStaleList:
        if (on_stale == OnStale::kAccept) break;
        [[fallthrough]];
      case Revocation::kNoUsableList:
        status->temporary = on_stale != OnStale::kReject;
        return "revocation list is out of date or not usable";
    }
  }
  return "";
}

// Cheap checks first, so that what cannot pass costs no signature (rule R8).
void TrustStore::Rep::VerifyParsed(const std::vector<CertificatePtr>& sent, Purpose purpose,
                                   std::int64_t now, ChainStatus* status) const {
  std::vector<CertificatePtr> choices;
  auto path = FindPath(sent, anchors, &choices);
  status->reason = "unknown CA";
  if (!path) return;
  for (const CertificatePtr& anchor : choices) {
    path->anchor = anchor;
    status->reason = FlawOf(*path, purpose, now);
    if (status->reason.empty()) status->reason = FlawOfSignatures(*path, purpose);
    if (status->reason.empty()) break;
  }
  if (!status->reason.empty()) return;

  status->valid_until = now + static_cast<std::int64_t>(limits::kChainCacheMaxAgeSeconds) - 1;
  for (const CertificatePtr& certificate : path->below)
    status->valid_until = std::min(status->valid_until, certificate->not_after());
  status->valid_until = std::min(status->valid_until, path->anchor->not_after());
  status->reason = FlawOfRevocation(*path, now, status);
  status->verified = status->reason.empty();
  status->valid_until += 1;  // the last second of a validity period is part of it
  if (!status->verified) return;
  status->purpose_excused =
      purpose != Purpose::kTlsServer && !HasPurposeThroughout(*path, Purpose::kTlsClient);
  status->path = path->below;
  if (!path->leaf_is_anchor()) status->path.push_back(path->anchor);
}

std::string FlawOfStrength(const Certificate& certificate) {
  const LibraryCertificate library(certificate.der());
  return library.good() ? FlawOfStrength(library.get()) : "malformed certificate";
}

std::string FlawOfSignature(const Certificate& certificate, const Certificate& issuer) {
  const LibraryCertificate library(certificate.der()), signer(issuer.der());
  if (!library.good() || !signer.good()) return "malformed certificate";
  return FlawOfSignature(certificate, library.get(), signer.get());
}

std::string FlawOfPinned(const Certificate& certificate, Purpose purpose, std::int64_t now) {
  std::string flaw = FlawOfPinnedLeaf(certificate, purpose, now);
  if (!flaw.empty()) return flaw;
  const LibraryCertificate library(certificate.der());
  if (!library.good()) return "malformed certificate";
  return KeyIsStrong(library.get()) ? "" : "key too weak";
}

TrustStore::TrustStore(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
TrustStore::~TrustStore() = default;

Result<TrustStorePtr, std::string> TrustStore::Make(const Sources& sources) {
  auto rep = std::make_unique<Rep>();
  auto crls = CrlIndex::FromPem(sources.crls_pem);
  if (!crls.ok()) return Err{crls.error()};
  if (crls.value()->lists() == 0 && !sources.crls_pem.empty())
    return Err{std::string("no PEM revocation list found")};
  rep->crls = std::move(crls).value();
  rep->on_stale = sources.on_stale;
  if (!sources.anchors_pem.empty()) {
    const auto anchors = Certificate::ChainFromPem(sources.anchors_pem);
    if (!anchors.ok()) return Err{anchors.error()};
    for (const CertificatePtr& anchor : anchors.value()) {
      const auto same = [&](const CertificatePtr& other) { return other->der() == anchor->der(); };
      if (std::any_of(rep->anchors.begin(), rep->anchors.end(), same)) continue;
      rep->anchors.push_back(anchor);
      rep->library_anchors.emplace_back(anchor->der());
    }
  }
  return TrustStorePtr(new TrustStore(std::move(rep)));
}

ChainStatus TrustStore::Verify(std::span<const std::string_view> chain_der, Purpose purpose,
                               std::int64_t now) const {
  ChainStatus status;
  if (chain_der.empty()) {
    status.reason = kNoCertificate;
    return status;
  }
  std::size_t octets = 0;
  for (std::string_view der : chain_der) octets += der.size();
  const bool too_long = chain_der.size() > limits::kChainMaxCertificates ||
                        octets > limits::kCertificateMessageMaxBytes;

  const std::string key = too_long ? std::string() : CacheKey(chain_der, purpose);
  if (!too_long)
    if (auto found = rep_->cache.Find(key, now)) return *found;

  status.valid_until = now + static_cast<std::int64_t>(limits::kChainCacheBadMaxAgeSeconds);
  std::vector<CertificatePtr> sent;
  for (std::string_view der : chain_der) {
    // An issuer is sent by all of its clients and kept once.
    if (const auto known = sent.empty() ? nullptr : rep_->known.Find(der)) {
      sent.push_back(known->certificate);
      continue;
    }
    auto certificate = Certificate::FromDer(der);
    if (!certificate.ok()) {
      status.reason = certificate.error();
      break;
    }
    sent.push_back(certificate.value());
    if (too_long) break;
  }
  if (!sent.empty()) status.leaf = sent.front();
  if (too_long) {
    status.reason = kChainOverLimits;
    return status;
  }
  if (status.reason.empty()) rep_->VerifyParsed(sent, purpose, now, &status);
  if (!status.verified)
    status.valid_until = now + static_cast<std::int64_t>(limits::kChainCacheBadMaxAgeSeconds);
  rep_->cache.Put(key, status, now);
  return status;
}

std::size_t TrustStore::anchors() const { return rep_->anchors.size(); }
const std::vector<CertificatePtr>& TrustStore::anchor_certificates() const { return rep_->anchors; }
std::uint64_t TrustStore::generation() const { return rep_->generation; }
TrustStore::CacheCounters TrustStore::cache_counters() const { return rep_->cache.counters(); }

const CrlIndex& TrustInternals::Lists(const TrustStore& store) { return *store.rep_->crls; }
OnStale TrustInternals::WhereStale(const TrustStore& store) { return store.rep_->on_stale; }

}  // namespace signet::crypto
