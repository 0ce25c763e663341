#ifndef SIGNET_SRC_CRYPTO_CHECKS_H_
#define SIGNET_SRC_CRYPTO_CHECKS_H_

#include <optional>
#include <string>
#include <vector>

#include "src/crypto/constraints.h"
#include "src/crypto/path.h"

// The checks of path validation one by one: Verify asks them until one finds a flaw, Examine
// asks them all. Inside of src/crypto only.
//
//   Returns  of each: what is wrong, in words for the log; "" where nothing is.
namespace signet::crypto {

enum class Stands : std::uint8_t { kLeaf, kIssuer };

// By names and key identifiers.
bool MayHaveIssued(const Certificate& issuer, const Certificate& certificate);
bool IsSelfIssued(const Certificate& certificate);
// Issuers above the leaf, nearest first; the anchor last. None of a leaf that is an anchor.
std::vector<const Certificate*> IssuersOf(const Path& path);

std::string FlawOfValidity(const Certificate& certificate, std::int64_t now);
std::string FlawOfExtensions(const Certificate& certificate);  // critical ones
std::string FlawOfLimits(const Certificate& certificate, Stands stands);
std::string FlawOfUsage(const Certificate& certificate, Stands stands);
std::string FlawOfPurpose(const Certificate& certificate, Purpose purpose, Stands stands);
std::string FlawOfBeingAuthority(const Certificate& leaf, Purpose purpose);
std::string FlawOfAuthority(const Certificate& issuer);  // basic constraints
// `below`: certificates under this one that are not self-issued, the leaf not counted.
std::string FlawOfPathLength(const Certificate& issuer, std::size_t below);
// The name constraints of an issuer; nullopt where it has none, or *flaw says what is wrong.
std::optional<NameConstraints> ConstraintsOf(const Certificate& issuer, std::string* flaw);
std::string FlawOfNamesUnder(const NameConstraints& constraints, const Certificate& certificate,
                             Stands stands);
// The algorithm floor, rule T7.
std::string FlawOfStrength(const Certificate& certificate);
// The signature of a certificate with the key of another, and nothing else.
std::string FlawOfSignature(const Certificate& certificate, const Certificate& issuer);

}  // namespace signet::crypto
#endif
