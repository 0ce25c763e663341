#ifndef SIGNET_SRC_CRYPTO_PATH_H_
#define SIGNET_SRC_CRYPTO_PATH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/crypto/certificate.h"
#include "src/crypto/trust.h"

// The parts of path validation (RFC 5280 6.1) that need no cryptography: which
// certificates make a path, and whether each of them may stand where it stands.
namespace signet::crypto {

// Leaf first; the anchor last, unless the leaf is an anchor itself.
struct Path {
  std::vector<CertificatePtr> below;  // leaf and intermediates
  CertificatePtr anchor;
  bool leaf_is_anchor() const { return below.size() == 1 && below[0] == anchor; }
};

// A path from sent[0] to one of `anchors` by names and key identifiers, over certificates
// in any order, each used once at most; the search is bounded. nullopt: none.
// `anchor_choices` gets every anchor that may have signed the last one: CAs may share a
// name, and only the signature tells them apart (rule I17).
std::optional<Path> FindPath(const std::vector<CertificatePtr>& sent,
                             const std::vector<CertificatePtr>& anchors,
                             std::vector<CertificatePtr>* anchor_choices);

// Names × constraints over the path: what AllowNames would have to compare.
bool NameConstraintWorkFits(const Path& path);

// Whether leaf and issuers, the anchor included, may all be used for it.
bool HasPurposeThroughout(const Path& path, Purpose purpose);

// What is wrong with the path, in words for the log; "" where nothing is: validity
// periods, issuers that may issue, path length, purposes, name constraints, critical
// extensions, a client that is a CA (rules I3, I4, I18, I19).
std::string FlawOf(const Path& path, Purpose purpose, std::int64_t now);

// Whether an extension is understood here, so that it may be critical.
bool IsUnderstood(std::string_view oid);

// Whether GnuTLS refuses such a path for its constraints or critical extensions whatever they
// say: it has no word for an exclusion of directory names, counts self-issued authorities for
// the path length, and knows no policy constraints.
bool IsBeyondTheLibrary(const Path& path);

// What is wrong with a certificate that is trusted by itself and not for its issuer:
// everything of the above that is about the leaf. One that is signed with its own key may
// call itself an authority, as makers of self-signed certificates do by default.
std::string FlawOfPinnedLeaf(const Certificate& certificate, Purpose purpose, std::int64_t now);

}  // namespace signet::crypto
#endif
