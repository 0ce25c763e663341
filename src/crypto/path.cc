#include "src/crypto/path.h"

#include <algorithm>

#include "src/base/limits.h"
#include "src/crypto/checks.h"
#include "src/crypto/constraints.h"
#include "src/crypto/der.h"
#include "src/crypto/policy.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidSubjectKeyId = "2.5.29.14";
constexpr std::string_view kOidKeyUsage = "2.5.29.15";
constexpr std::string_view kOidBasicConstraints = "2.5.29.19";
constexpr std::string_view kOidNameConstraints = "2.5.29.30";
constexpr std::string_view kOidAuthorityKeyId = "2.5.29.35";
constexpr std::string_view kOidPurposes = "2.5.29.37";
constexpr std::string_view kPurposeAny = "2.5.29.37.0";
constexpr std::string_view kPurposeServer = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view kPurposeClient = "1.3.6.1.5.5.7.3.2";

// Understood where critical: evaluated below, in policy.cc, or without meaning for us.
constexpr std::string_view kUnderstood[] = {
    "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.32",
    "2.5.29.33", "2.5.29.35", "2.5.29.36", "2.5.29.37", "2.5.29.54",
};

constexpr std::uint32_t kUsageDigitalSignature = 1u << 0;
constexpr std::uint32_t kUsageCertSign = 1u << 5;

std::string_view KeyIdOfSubject(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidSubjectKeyId);
  const auto id = value ? der::Only(*value, der::kOctetString) : std::nullopt;
  return id ? id->content : std::string_view();
}

std::string_view KeyIdOfIssuer(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidAuthorityKeyId);
  const auto sequence = value ? der::Only(*value, der::kSequence) : std::nullopt;
  if (!sequence) return "";
  der::Reader reader(sequence->content);
  const auto id = reader.Optional(der::Context(0));
  return id ? id->content : std::string_view();
}

// Depth-first over what was sent. Name loops and cross-signing cost steps, not time.
class Search {
 public:
  Search(const std::vector<CertificatePtr>& sent, const std::vector<CertificatePtr>& anchors)
      : sent_(sent), anchors_(anchors), used_(sent.size(), false) {}

  bool From(std::size_t at) {
    if (++steps_ > kMaxSteps) return false;
    used_[at] = true;
    path_.below.push_back(sent_[at]);
    if (EndsAtAnchor(*sent_[at])) return true;
    for (std::size_t i = 1; i < sent_.size(); ++i)
      if (!used_[i] && MayHaveIssued(*sent_[i], *sent_[at]) && From(i)) return true;
    used_[at] = false;
    path_.below.pop_back();
    return false;
  }
  Path path_;
  std::vector<CertificatePtr> choices_;

 private:
  static constexpr int kMaxSteps = 100;

  bool EndsAtAnchor(const Certificate& certificate) {
    const bool is_leaf = path_.below.size() == 1;
    for (const CertificatePtr& anchor : anchors_) {
      if (is_leaf && anchor->der() == certificate.der()) {
        path_.below.back() = anchor;
        choices_ = {anchor};
        return true;
      }
      if (MayHaveIssued(*anchor, certificate)) choices_.push_back(anchor);
    }
    return !choices_.empty();
  }

  const std::vector<CertificatePtr>& sent_;
  const std::vector<CertificatePtr>& anchors_;
  std::vector<bool> used_;
  int steps_ = 0;
};

struct BasicConstraints {
  bool ca = false;
  std::optional<std::uint32_t> path_length;
};

std::optional<BasicConstraints> ReadBasicConstraints(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidBasicConstraints);
  if (!value) return BasicConstraints{};
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence) return std::nullopt;
  der::Reader reader(sequence->content);
  BasicConstraints out;
  if (const auto ca = reader.Optional(der::kBoolean)) {
    const auto flag = der::Boolean(ca->content);
    if (!flag) return std::nullopt;
    out.ca = *flag;
  }
  if (const auto length = reader.Optional(der::kInteger)) {
    out.path_length = der::SmallInteger(length->content);
    if (!out.path_length) return std::nullopt;
  }
  return reader.done() ? std::optional(out) : std::nullopt;
}

// A certificate without the extension may be used for everything.
bool HasUsage(const Certificate& certificate, std::uint32_t bit) {
  const auto value = certificate.ExtensionView(kOidKeyUsage);
  if (!value) return true;
  const auto bits = der::Only(*value, der::kBitString);
  const auto usage = bits ? der::NamedBits(bits->content) : std::nullopt;
  return usage && (*usage & bit);
}

// What a certificate may be used for, as bits; none where the extension is malformed.
enum : unsigned { kForClients = 1, kForServers = 2, kForOthers = 4 };

unsigned PurposesOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidPurposes);
  if (!value) return kForClients | kForServers | kForOthers;
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence) return 0;
  der::Reader reader(sequence->content);
  unsigned found = 0;
  while (const auto oid = reader.Next()) {
    if (oid->tag != der::kOid) return 0;
    const auto text = der::OidText(oid->content);
    const bool any = text == kPurposeAny;
    if (any || text == kPurposeClient) found |= kForClients;
    if (any || text == kPurposeServer) found |= kForServers;
    found |= kForOthers;
  }
  return reader.done() ? found : 0;
}

unsigned Wanted(Purpose purpose) {
  switch (purpose) {
    case Purpose::kTlsClient:
      return kForClients;
    case Purpose::kTlsServer:
      return kForServers;
    case Purpose::kTlsClientOrServer:
      return kForClients | kForServers;
    case Purpose::kAnyClient:
      return kForClients | kForServers | kForOthers;
  }
  return 0;
}

bool HasPurpose(const Certificate& certificate, Purpose purpose) {
  return (PurposesOf(certificate) & Wanted(purpose)) != 0;
}

}  // namespace

// --- one check each ----------------------------------------------------------------------------

bool IsSelfIssued(const Certificate& certificate) {
  return certificate.subject_der() == certificate.issuer_der();
}

bool MayHaveIssued(const Certificate& issuer, const Certificate& certificate) {
  if (issuer.subject_der() != certificate.issuer_der()) return false;
  const std::string_view wanted = KeyIdOfIssuer(certificate), has = KeyIdOfSubject(issuer);
  return wanted.empty() || has.empty() || wanted == has;
}

std::vector<const Certificate*> IssuersOf(const Path& path) {
  std::vector<const Certificate*> issuers;
  if (path.leaf_is_anchor()) return issuers;
  for (std::size_t i = 1; i < path.below.size(); ++i) issuers.push_back(path.below[i].get());
  issuers.push_back(path.anchor.get());
  return issuers;
}

std::string FlawOfValidity(const Certificate& certificate, std::int64_t now) {
  if (now < certificate.not_before()) return "certificate not yet valid";
  if (now > certificate.not_after()) return "certificate expired";
  return "";
}

std::string FlawOfExtensions(const Certificate& certificate) {
  for (const Extension& extension : certificate.extensions()) {
    if (extension.critical && !IsUnderstood(extension.oid))
      return "unknown critical extension " + extension.oid;
  }
  return "";
}

std::string FlawOfLimits(const Certificate& certificate, Stands stands) {
  if (certificate.within_limits()) return "";
  return stands == Stands::kLeaf ? "certificate over limits"
                                 : "certificate of an issuer over limits";
}

std::string FlawOfAuthority(const Certificate& issuer) {
  const auto constraints = ReadBasicConstraints(issuer);
  return constraints && constraints->ca ? "" : "issuer is not a certificate authority";
}

std::string FlawOfPathLength(const Certificate& issuer, std::size_t below) {
  const auto constraints = ReadBasicConstraints(issuer);
  const bool exceeded =
      constraints && constraints->path_length && below > *constraints->path_length;
  return exceeded ? "path length of a certificate authority exceeded" : "";
}

std::string FlawOfBeingAuthority(const Certificate& leaf, Purpose purpose) {
  return IsClientPurpose(purpose) && leaf.is_ca() ? "certificate authority as client" : "";
}

std::string FlawOfUsage(const Certificate& certificate, Stands stands) {
  if (stands == Stands::kLeaf)
    return HasUsage(certificate, kUsageDigitalSignature) ? ""
                                                         : "key usage does not allow signatures";
  return HasUsage(certificate, kUsageCertSign) ? "" : "issuer may not sign certificates";
}

std::string FlawOfPurpose(const Certificate& certificate, Purpose purpose, Stands stands) {
  if (HasPurpose(certificate, purpose)) return "";
  return stands == Stands::kLeaf ? "wrong key purpose" : "wrong key purpose of an issuer";
}

std::optional<NameConstraints> ConstraintsOf(const Certificate& issuer, std::string* flaw) {
  const auto value = issuer.ExtensionView(kOidNameConstraints);
  if (!value) return std::nullopt;
  auto constraints = NameConstraints::Parse(*value);
  if (!constraints) *flaw = "name constraints of a kind that is not evaluated";
  return constraints;
}

std::string FlawOfNamesUnder(const NameConstraints& constraints, const Certificate& certificate,
                             Stands stands) {
  // A self-issued intermediate (a key rollover) is exempt: RFC 5280 6.1.3 (b).
  if (stands == Stands::kIssuer && IsSelfIssued(certificate)) return "";
  return constraints.Allow(certificate) ? "" : "name not allowed by its issuer's constraints";
}

namespace {

// `below`: certificates under this one that are not self-issued, the leaf not counted.
std::string FlawOfIssuer(const Certificate& issuer, std::size_t below, Purpose purpose) {
  std::string flaw = FlawOfAuthority(issuer);
  if (flaw.empty()) flaw = FlawOfPathLength(issuer, below);
  if (flaw.empty()) flaw = FlawOfUsage(issuer, Stands::kIssuer);
  return flaw.empty() ? FlawOfPurpose(issuer, purpose, Stands::kIssuer) : flaw;
}

std::string FlawOfLeaf(const Certificate& leaf, Purpose purpose) {
  std::string flaw = FlawOfLimits(leaf, Stands::kLeaf);
  if (flaw.empty()) flaw = FlawOfBeingAuthority(leaf, purpose);
  if (flaw.empty()) flaw = FlawOfUsage(leaf, Stands::kLeaf);
  return flaw.empty() ? FlawOfPurpose(leaf, purpose, Stands::kLeaf) : flaw;
}

std::string FlawOfIssuers(const Path& path, Purpose purpose) {
  std::size_t below = 0;
  for (const Certificate* issuer : IssuersOf(path)) {
    if (std::string flaw = FlawOfIssuer(*issuer, below, purpose); !flaw.empty()) return flaw;
    if (!IsSelfIssued(*issuer)) ++below;
  }
  return "";
}

// An issuer's constraints hold for everything below it.
std::string FlawOfNames(const Path& path) {
  const auto issuers = IssuersOf(path);
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    std::string flaw;
    const auto constraints = ConstraintsOf(*issuers[i], &flaw);
    for (std::size_t k = 0; constraints && k <= i && flaw.empty(); ++k)
      flaw =
          FlawOfNamesUnder(*constraints, *path.below[k], k == 0 ? Stands::kLeaf : Stands::kIssuer);
    if (!flaw.empty()) return flaw;
  }
  return "";
}

// Critical extensions that the library does not know, and we do.
bool HasCriticalPolicies(const Certificate& certificate) {
  for (const Extension& extension : certificate.extensions())
    for (std::string_view oid : {"2.5.29.33", "2.5.29.36", "2.5.29.54"})
      if (extension.critical && extension.oid == oid) return true;
  return false;
}

}  // namespace

bool IsUnderstood(std::string_view oid) {
  return std::find(std::begin(kUnderstood), std::end(kUnderstood), oid) != std::end(kUnderstood);
}

std::string FlawOfPinnedLeaf(const Certificate& certificate, Purpose purpose, std::int64_t now) {
  const bool self_issued = IsSelfIssued(certificate);
  std::string flaw = FlawOfLimits(certificate, Stands::kLeaf);
  if (!flaw.empty()) return flaw;
  if (certificate.is_ca() && !self_issued) return "certificate authority as client";
  flaw = FlawOfUsage(certificate, Stands::kLeaf);
  if (flaw.empty()) flaw = FlawOfPurpose(certificate, purpose, Stands::kLeaf);
  if (flaw.empty()) flaw = FlawOfValidity(certificate, now);
  return flaw.empty() ? FlawOfExtensions(certificate) : flaw;
}

std::optional<Path> FindPath(const std::vector<CertificatePtr>& sent,
                             const std::vector<CertificatePtr>& anchors,
                             std::vector<CertificatePtr>* anchor_choices) {
  Search search(sent, anchors);
  if (sent.empty() || !search.From(0)) return std::nullopt;
  *anchor_choices = std::move(search.choices_);
  search.path_.anchor = anchor_choices->front();
  return std::move(search.path_);
}

bool NameConstraintWorkFits(const Path& path) {
  std::size_t names = 0, constraints = 0;
  for (const Certificate* issuer : IssuersOf(path)) {
    const auto value = issuer->ExtensionView(kOidNameConstraints);
    const auto parsed = value ? NameConstraints::Parse(*value) : std::nullopt;
    if (parsed) constraints += parsed->size();
  }
  if (constraints == 0) return true;
  for (const CertificatePtr& certificate : path.below) names += CountConstrainedNames(*certificate);
  return names * constraints <= limits::kNameConstraintWork;
}

bool HasPurposeThroughout(const Path& path, Purpose purpose) {
  const auto issuers = IssuersOf(path);
  return HasPurpose(*path.below.front(), purpose) &&
         std::all_of(issuers.begin(), issuers.end(),
                     [purpose](const Certificate* issuer) { return HasPurpose(*issuer, purpose); });
}

bool IsBeyondTheLibrary(const Path& path) {
  if (HasCriticalPolicies(*path.below.front())) return true;
  for (const Certificate* issuer : IssuersOf(path)) {
    if (issuer != path.anchor.get() && IsSelfIssued(*issuer)) return true;
    if (HasCriticalPolicies(*issuer)) return true;
    const auto value = issuer->ExtensionView(kOidNameConstraints);
    const auto constraints = value ? NameConstraints::Parse(*value) : std::nullopt;
    if (constraints && constraints->ExcludesDirectoryNames()) return true;
  }
  return false;
}

std::string FlawOf(const Path& path, Purpose purpose, std::int64_t now) {
  std::string flaw = FlawOfLeaf(*path.below.front(), purpose);
  const auto check = [&](const Certificate& certificate) {
    if (flaw.empty()) flaw = FlawOfValidity(certificate, now);
    if (flaw.empty()) flaw = FlawOfExtensions(certificate);
    if (flaw.empty()) flaw = FlawOfLimits(certificate, Stands::kIssuer);
  };
  for (const CertificatePtr& certificate : path.below) check(*certificate);
  check(*path.anchor);
  if (flaw.empty()) flaw = FlawOfIssuers(path, purpose);
  if (flaw.empty() && !NameConstraintWorkFits(path)) flaw = "too many names and name constraints";
  if (flaw.empty()) flaw = FlawOfNames(path);
  if (flaw.empty()) flaw = FlawOfPolicies(path);
  return flaw;
}

}  // namespace signet::crypto
