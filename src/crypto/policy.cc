#include "src/crypto/policy.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "src/crypto/der.h"
#include "src/crypto/extensions.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidMappings = "2.5.29.33";
constexpr std::string_view kOidPolicyConstraints = "2.5.29.36";
constexpr std::string_view kOidInhibitAny = "2.5.29.54";
constexpr std::string_view kAnyPolicy = "2.5.29.32.0";

bool IsSelfIssued(const Certificate& certificate) {
  return certificate.subject_der() == certificate.issuer_der();
}

// The policies that the path is still good for: what the leaves of the standard's tree
// expect of the next certificate. Neither `any` nor one in the set: none.
struct Valid {
  bool any = true;
  std::set<std::string> set;
  bool none() const { return !any && set.empty(); }
  bool Has(const std::string& policy) const { return any || set.contains(policy); }
};

class Policies {
 public:
  explicit Policies(const Path& path)
      : path_(path),
        explicit_(path.below.size() + 1),
        inhibit_any_(path.below.size() + 1),
        inhibit_mapping_(path.below.size() + 1) {}

  std::string Flaw() {
    if (path_.leaf_is_anchor()) return "";
    if (!Constrain(*path_.anchor)) return kMalformed;
    for (std::size_t i = path_.below.size(); i-- > 0;) {
      const Certificate& certificate = *path_.below[i];
      const bool is_leaf = i == 0;
      if (!Narrow(certificate, is_leaf)) return kMalformed;
      if (is_leaf && explicit_ > 0) --explicit_;
      if (!is_leaf) {
        if (explicit_ == 0 && valid_.none()) return kMissing;
        if (!Map(certificate)) return kMalformed;
        if (!IsSelfIssued(certificate)) CountDown();
      }
      if (!Constrain(certificate)) return kMalformed;
      // Of a leaf, only that it wants one itself counts.
      if (explicit_ == 0 && valid_.none()) return kMissing;
    }
    return "";
  }

 private:
  static constexpr const char* kMalformed = "malformed certificate policies";
  static constexpr const char* kMissing = "no certificate policy, which an issuer requires";

  void CountDown() {
    for (std::size_t* count : {&explicit_, &inhibit_any_, &inhibit_mapping_})
      if (*count > 0) --*count;
  }

  // 6.1.3 (d), (e).
  bool Narrow(const Certificate& certificate, bool is_leaf) {
    const auto policies = PoliciesOf(certificate);
    if (!policies.ok()) return false;
    Valid next{false, {}};
    if (policies.value()) {
      for (const std::string& policy : *policies.value()) {
        if (policy != kAnyPolicy) {
          if (valid_.Has(policy)) next.set.insert(policy);
        } else if (inhibit_any_ > 0 || (!is_leaf && IsSelfIssued(certificate))) {
          next.any = next.any || valid_.any;
          next.set.insert(valid_.set.begin(), valid_.set.end());
        }
      }
    }
    valid_ = std::move(next);
    return true;
  }

  // 6.1.4 (a), (b): pairs of an issuer's policy and what it is called further down.
  bool Map(const Certificate& certificate) {
    const auto value = certificate.ExtensionView(kOidMappings);
    if (!value) return true;
    const auto sequence = der::Only(*value, der::kSequence);
    if (!sequence) return false;
    const Valid before = valid_;
    std::set<std::string> gone, added;
    der::Reader pairs(sequence->content);
    while (const auto pair = pairs.Next()) {
      der::Reader reader(pair->content);
      const auto from = reader.Expect(der::kOid), to = reader.Expect(der::kOid);
      if (pair->tag != der::kSequence || !from || !to || !reader.done()) return false;
      const auto ours = der::OidText(from->content), theirs = der::OidText(to->content);
      if (!ours || !theirs || *ours == kAnyPolicy || *theirs == kAnyPolicy) return false;
      if (!before.Has(*ours)) continue;
      gone.insert(*ours);
      if (inhibit_mapping_ > 0) added.insert(*theirs);
    }
    for (const std::string& policy : gone) valid_.set.erase(policy);
    valid_.set.insert(added.begin(), added.end());
    return pairs.done();
  }

  // 6.1.4 (i), (j); 6.1.5 (b).
  bool Constrain(const Certificate& certificate) {
    if (const auto value = certificate.ExtensionView(kOidInhibitAny)) {
      const auto number = der::Only(*value, der::kInteger);
      const auto skip = number ? der::SmallInteger(number->content) : std::nullopt;
      if (!skip) return false;
      inhibit_any_ = std::min<std::size_t>(inhibit_any_, *skip);
    }
    const auto value = certificate.ExtensionView(kOidPolicyConstraints);
    if (!value) return true;
    const auto sequence = der::Only(*value, der::kSequence);
    if (!sequence || sequence->content.empty()) return false;
    der::Reader reader(sequence->content);
    const bool is_leaf = &certificate == path_.below.front().get();
    for (const auto& [tag, count] : {std::pair{0, &explicit_}, std::pair{1, &inhibit_mapping_}}) {
      const auto field = reader.Optional(der::Context(tag));
      if (!field) continue;
      const auto skip = der::SmallInteger(field->content);
      if (!skip) return false;
      if (!is_leaf || *skip == 0) *count = std::min<std::size_t>(*count, *skip);
    }
    return reader.done();
  }

  const Path& path_;
  Valid valid_;
  // How many more certificates may come before the rule holds; 0: it holds.
  std::size_t explicit_, inhibit_any_, inhibit_mapping_;
};

}  // namespace

std::string FlawOfPolicies(const Path& path) { return Policies(path).Flaw(); }

}  // namespace signet::crypto
