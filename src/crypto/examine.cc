#include "src/crypto/examine.h"

#include <algorithm>
#include <utility>

#include "src/base/limits.h"
#include "src/base/source.h"
#include "src/crypto/checks.h"
#include "src/crypto/extensions.h"
#include "src/crypto/policy.h"
#include "src/crypto/show_time.h"
#include "src/crypto/trust_parts.h"

namespace signet::crypto {
namespace {

constexpr std::int64_t kDay = 86400;

std::string NameOf(const Certificate& certificate) {
  return certificate.subject_text().empty() ? "(no name)" : certificate.subject_text();
}

// --- what a check says beside yes and no ---------------------------------------------------------

// "3 days", "2 hours", "1 minute", "59 seconds".
std::string Long(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  for (const Unit& unit : {Unit{kDay, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}) {
    const std::int64_t count = seconds / unit.seconds;
    if (count == 0 && unit.seconds > 1) continue;
    return std::to_string(count) + ' ' + unit.name + (count == 1 ? "" : "s");
  }
  return "";
}

std::string Dates(const Certificate& certificate, std::int64_t now) {
  const std::string from = ShowTime(certificate.not_before());
  const std::string until = ShowTime(certificate.not_after());
  if (now < certificate.not_before())
    return "not before " + from + ", in " + Long(certificate.not_before() - now);
  if (now > certificate.not_after())
    return until + ", " + Long(now - certificate.not_after()) + " ago";
  return "from " + from + " to " + until + "; " + Long(certificate.not_after() - now) + " left";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string Usages(const Certificate& certificate, Stands stands) {
  const std::string wanted = stands == Stands::kLeaf ? "digitalSignature" : "keyCertSign";
  const auto usages = KeyUsagesOf(certificate);
  if (!usages.ok()) return usages.error();
  if (!usages.value()) return "not limited";
  return Joined(*usages.value()) + "; " + wanted + " is wanted";
}

std::string WantedPurpose(Purpose purpose) {
  switch (purpose) {
    case Purpose::kTlsClient:
      return "clientAuth is wanted (server_eku = require-client)";
    case Purpose::kTlsClientOrServer:
      return "clientAuth or serverAuth is wanted (server_eku = allow-server)";
    case Purpose::kAnyClient:
      return "any is good (server_eku = ignore)";
    case Purpose::kTlsServer:
      break;
  }
  return "serverAuth is wanted";
}

std::string Purposes(const Certificate& certificate, Purpose purpose) {
  const auto purposes = PurposesOf(certificate);
  if (!purposes.ok()) return purposes.error();
  if (!purposes.value()) return "none is named, so that it may be used for all";
  std::vector<std::string> words;
  for (const std::string& oid : *purposes.value()) {
    const std::string_view name = NameOfPurpose(oid);
    words.emplace_back(name.empty() ? std::string_view(oid) : name);
  }
  return "purposes: " + Joined(words) + "; " + WantedPurpose(purpose);
}

std::string PathLength(const Certificate& issuer, std::size_t below) {
  const auto constraints = BasicConstraintsOf(issuer);
  const std::string has =
      std::to_string(below) + (below == 1 ? " authority" : " authorities") + " below it";
  if (!constraints.ok() || !constraints.value() || !constraints.value()->path_length)
    return "not limited; " + has;
  return "at most " + std::to_string(*constraints.value()->path_length) + "; " + has;
}

std::string Strength(const Certificate& certificate) {
  return certificate.key_algorithm() + " of " + std::to_string(certificate.key_bits()) +
         " bits, signed with " + certificate.signature_algorithm();
}

std::string Criticals(const Certificate& certificate) {
  std::vector<std::string> oids;
  for (const Extension& extension : certificate.extensions())
    if (extension.critical) oids.push_back(extension.oid);
  return oids.empty() ? "none" : "all are understood: " + Joined(oids);
}

// --- one certificate after the other
// ---------------------------------------------------------------

class Examiner {
 public:
  Examiner(const TrustStore& store, Purpose purpose, std::int64_t now)
      : store_(store), purpose_(purpose), now_(now) {}

  void Path(const crypto::Path& path, Examination* out);
  void WithoutPath(const std::vector<CertificatePtr>& sent, Examination* out);

 private:
  // A check by its function's words: "" is good.
  void Add(std::string name, std::string flaw, const std::string& facts) {
    Check check;
    check.result = flaw.empty() ? Check::kGood : Check::kBad;
    check.name = std::move(name);
    check.detail = flaw.empty() ? facts : flaw + (facts.empty() ? "" : ": " + facts);
    at_->checks.push_back(std::move(check));
  }
  void AddAs(Check::Result result, std::string name, std::string detail) {
    at_->checks.push_back({result, std::move(name), std::move(detail)});
  }

  void Common(const Certificate& certificate, Stands stands);
  void Leaf(const Certificate& leaf);
  void Issuer(const Certificate& issuer, std::size_t below);
  void Names(const crypto::Path& path, std::size_t k);
  void Policies(const crypto::Path& path);
  void Revoked(const Certificate& certificate, const Certificate& issuer);
  std::string WhyNoIssuer(const Certificate& last) const;

  const TrustStore& store_;
  Purpose purpose_;
  std::int64_t now_;
  Examined* at_ = nullptr;
};

void Examiner::Common(const Certificate& certificate, Stands stands) {
  const std::string over = FlawOfLimits(certificate, stands);
  Add("limits", over, over.empty() ? "its names are neither too many nor too long" : "");
  Add("validity", FlawOfValidity(certificate, now_), Dates(certificate, now_));
  const std::string flaw = FlawOfExtensions(certificate);
  Add("critical extensions", flaw, flaw.empty() ? Criticals(certificate) : "");
}

void Examiner::Leaf(const Certificate& leaf) {
  Common(leaf, Stands::kLeaf);
  const std::string flaw = FlawOfBeingAuthority(leaf, purpose_);
  Add("is no CA", flaw,
      flaw.empty() ? "it may not sign certificates"
                   : "by its basic constraints or key usage it may sign certificates");
  Add("key usage", FlawOfUsage(leaf, Stands::kLeaf), Usages(leaf, Stands::kLeaf));
  Add("key purpose (EKU)", FlawOfPurpose(leaf, purpose_, Stands::kLeaf), Purposes(leaf, purpose_));
}

void Examiner::Issuer(const Certificate& issuer, std::size_t below) {
  Common(issuer, Stands::kIssuer);
  const std::string flaw = FlawOfAuthority(issuer);
  Add("basic constraints", flaw, flaw.empty() ? "a certificate authority" : "");
  Add("path length", FlawOfPathLength(issuer, below), PathLength(issuer, below));
  Add("key usage", FlawOfUsage(issuer, Stands::kIssuer), Usages(issuer, Stands::kIssuer));
  Add("key purpose (EKU)", FlawOfPurpose(issuer, purpose_, Stands::kIssuer),
      Purposes(issuer, purpose_));
}

// The names of the k-th certificate of a path under the constraints above it, and its own
// constraints.
void Examiner::Names(const crypto::Path& path, std::size_t k) {
  const auto issuers = IssuersOf(path);
  std::string own, facts = "none";
  if (k > 0 && k <= issuers.size()) {
    if (const auto constraints = ConstraintsOf(*issuers[k - 1], &own))
      facts = "for those below it: " + constraints->Describe();
  }
  if (!own.empty()) return Add("name constraints", own, "");
  if (k == 0 && !NameConstraintWorkFits(path))
    return Add("name constraints", "too many names and name constraints", "");
  for (std::size_t i = k; k < path.below.size() && i < issuers.size(); ++i) {
    std::string ignored;  // the issuer's own flaw
    const auto constraints = ConstraintsOf(*issuers[i], &ignored);
    if (!constraints) continue;
    const std::string flaw =
        FlawOfNamesUnder(*constraints, *path.below[k], k == 0 ? Stands::kLeaf : Stands::kIssuer);
    const std::string by = NameOf(*issuers[i]) + " has " + constraints->Describe();
    if (!flaw.empty())
      return Add("name constraints", flaw, constraints->NameNotAllowed(*path.below[k]) + "; " + by);
    facts = (facts == "none" ? "" : facts + "; ") + "its names are allowed: " + by;
  }
  Add("name constraints", "", facts);
}

void Examiner::Policies(const crypto::Path& path) {
  const auto policies = PoliciesOf(*path.below.front());
  const bool has = policies.ok() && policies.value();
  Add("policies", FlawOfPolicies(path), has ? "has " + Joined(*policies.value()) : "has none");
}

void Examiner::Revoked(const Certificate& certificate, const Certificate& issuer) {
  std::int64_t until = now_;
  const CrlIndex& lists = TrustInternals::Lists(store_);
  std::string facts = lists.Describe(certificate, issuer, now_);
  const OnStale stale = TrustInternals::WhereStale(store_);
  const std::string unusable = "revocation list is out of date or not usable: ";
  switch (lists.Check(certificate, issuer, now_, &until)) {
    case Revocation::kNoList:
      return Add("revocation", "", "no list of " + NameOf(issuer) + " is there to ask");
    case Revocation::kGood:
      return Add("revocation", "", facts);
    case Revocation::kRevoked:
      return Add("revocation", "certificate revoked",
                 facts.starts_with("revoked ") ? facts.substr(8) : facts);
    case Revocation::kStaleList:
      if (stale == OnStale::kAccept) return Add("revocation", "", facts);
      [[fallthrough]];
    case Revocation::kNoUsableList:
      AddAs(stale == OnStale::kReject ? Check::kBad : Check::kUnknown, "revocation",
            unusable + facts);
  }
}

void Examiner::Path(const crypto::Path& path, Examination* out) {
  const auto issuers = IssuersOf(path);
  out->certificates.resize(1 + issuers.size());
  std::size_t below = 0;
  for (std::size_t k = 0; k < out->certificates.size(); ++k) {
    at_ = &out->certificates[k];
    at_->certificate = k < path.below.size() ? path.below[k] : path.anchor;
    at_->anchor = at_->certificate == path.anchor;
    const Certificate& certificate = *at_->certificate;
    if (k == 0) {
      Leaf(certificate);
    } else {
      Issuer(certificate, below);
      if (!IsSelfIssued(certificate)) ++below;
    }
    Names(path, k);
    if (k == 0) Policies(path);
    // Nothing of an anchor is asked of anybody else.
    if (k == path.below.size()) continue;
    Add("algorithm strength", FlawOfStrength(certificate), Strength(certificate));
    if (path.leaf_is_anchor()) {
      Add("signature", "", "not needed: it is trusted itself");
      Add("revocation", "", "not asked: it is trusted itself");
      continue;
    }
    const Certificate& issuer = *issuers[k];
    Add("signature", FlawOfSignature(certificate, issuer), "by " + NameOf(issuer));
    Revoked(certificate, issuer);
  }
}

std::string Examiner::WhyNoIssuer(const Certificate& last) const {
  const auto& anchors = store_.anchor_certificates();
  if (anchors.empty()) return "no authority is trusted: tls_verify_certificates names none";
  if (IsSelfIssued(last))
    return NameOf(last) + " is signed with its own key and is not trusted itself";
  std::vector<std::string_view> names;
  for (const CertificatePtr& anchor : anchors) {
    if (anchor->subject_der() == last.issuer_der())
      return "a trusted authority has the name of the issuer, " + last.issuer_text() +
             ", but another key: the key identifiers differ";
    names.push_back(anchor->subject_text());
  }
  std::string why = "issuer " + last.issuer_text() + " is not ";
  why += anchors.size() == 1
             ? "the trusted authority"
             : "among the " + std::to_string(anchors.size()) + " trusted authorities";
  const std::string_view near = SuggestName(last.issuer_text(), names);
  if (!near.empty()) return why + "; nearest by name: " + std::string(near);
  constexpr std::size_t kShown = 3;
  why += anchors.size() == 1 ? ", which is " : ", which are ";
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    why += (i > 0 ? ", " : "") + std::string(names[i]);
  return why + (names.size() > kShown ? ", ..." : "");
}

void Examiner::WithoutPath(const std::vector<CertificatePtr>& sent, Examination* out) {
  // As far as it hangs together: each once.
  std::vector<CertificatePtr> chain = {sent.front()};
  for (bool found = true; found;) {
    found = false;
    for (const CertificatePtr& next : sent) {
      const bool used = std::find(chain.begin(), chain.end(), next) != chain.end();
      if (used || !MayHaveIssued(*next, *chain.back())) continue;
      chain.push_back(next);
      found = true;
      break;
    }
  }
  out->why_no_path = WhyNoIssuer(*chain.back());
  if (chain.size() < sent.size())
    out->why_no_path += "; of the certificates that were sent, " +
                        std::to_string(sent.size() - chain.size()) + " belong to no path";
  out->certificates.resize(chain.size());
  std::size_t below = 0;
  for (std::size_t k = 0; k < chain.size(); ++k) {
    at_ = &out->certificates[k];
    at_->certificate = chain[k];
    if (k == 0) {
      Leaf(*chain[k]);
    } else {
      Issuer(*chain[k], below);
      if (!IsSelfIssued(*chain[k])) ++below;
    }
    Add("algorithm strength", FlawOfStrength(*chain[k]), Strength(*chain[k]));
    if (k + 1 < chain.size()) {
      Add("signature", FlawOfSignature(*chain[k], *chain[k + 1]), "by " + NameOf(*chain[k + 1]));
      Revoked(*chain[k], *chain[k + 1]);
    } else {
      AddAs(Check::kNotReached, "signature", "unknown CA: " + WhyNoIssuer(*chain[k]));
      AddAs(Check::kNotReached, "revocation", "its issuer is not known");
    }
  }
}

// What could not be read, or is too much to be looked at.
Examination Unread(ChainStatus status, const std::string& check) {
  Examination out;
  Examined& leaf = out.certificates.emplace_back();
  leaf.certificate = status.leaf;
  leaf.checks.push_back({Check::kBad, check, status.reason});
  out.why_no_path = status.reason;
  out.status = std::move(status);
  return out;
}

bool SaysSo(const Examination& examination) {
  const std::string& reason = examination.status.reason;
  for (const Examined& one : examination.certificates)
    for (const Check& check : one.checks)
      if (check.result != Check::kGood && check.detail.starts_with(reason)) return true;
  return false;
}

}  // namespace

Examination Examine(const TrustStore& store, std::span<const std::string_view> chain_der,
                    Purpose purpose, std::int64_t now) {
  Examination out;
  ChainStatus status = store.Verify(chain_der, purpose, now);
  if (chain_der.empty()) {
    out.why_no_path = status.reason;
    out.status = std::move(status);
    return out;
  }
  if (status.reason == kChainOverLimits) return Unread(std::move(status), "limits");
  std::vector<CertificatePtr> sent;
  for (const std::string_view der : chain_der) {
    auto certificate = Certificate::FromDer(der);
    if (!certificate.ok()) return Unread(std::move(status), "encoding");
    sent.push_back(std::move(certificate).value());
  }
  out.status = std::move(status);
  Examiner examiner(store, purpose, now);
  std::vector<CertificatePtr> choices;
  if (auto path = FindPath(sent, store.anchor_certificates(), &choices)) {
    // The one that signed; where none did, the one that was tried last.
    path->anchor = out.status.verified ? out.status.path.back() : choices.back();
    examiner.Path(*path, &out);
  } else {
    examiner.WithoutPath(sent, &out);
  }
  // The library has the last word on signatures.
  if (!out.status.verified && !SaysSo(out))
    out.certificates.front().checks.push_back({Check::kBad, "signature", out.status.reason});
  return out;
}

}  // namespace signet::crypto
