#ifndef SIGNET_SRC_CRYPTO_CONSTRAINTS_H_
#define SIGNET_SRC_CRYPTO_CONSTRAINTS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/crypto/certificate.h"
#include "src/crypto/der.h"

namespace signet::crypto {

// NameConstraints says which names a CA may give to those below it: RFC 5280 4.2.1.10.
// Evaluated are mail addresses (in subject attributes too), DNS names, URIs, IP addresses
// and directory names. Where a comparison is in doubt, a permission is read narrowly and
// an exclusion widely (rule I4).
//
//   Lifetime  keeps views into the DER that it was read from.
class NameConstraints {
 public:
  // nullopt: malformed, or a constraint of a kind that we do not evaluate: the CA is
  // not usable.
  static std::optional<NameConstraints> Parse(std::string_view der);

  // Whether every name of the certificate is permitted and none is excluded.
  bool Allow(const Certificate& certificate) const;
  bool ExcludesDirectoryNames() const;
  // For people: the first name that Allow refuses, "mail eve@example.net"; and what is
  // permitted and excluded. Not escaped.
  std::string NameNotAllowed(const Certificate& certificate) const;
  std::string Describe() const;
  std::size_t size() const { return permitted_.size() + excluded_.size(); }

 private:
  enum class Kind : std::uint8_t { kMail, kDns, kUri, kIp, kDirectory };
  struct Subtree {
    Kind kind;
    std::string_view base;            // contents of the GeneralName
    std::vector<NameAttribute> name;  // of a directory name
  };
  struct Candidate;  // one name of a certificate
  static bool ParseList(std::string_view content, std::vector<Subtree>* out);
  static std::optional<Subtree> ParseSubtree(std::string_view content);
  static std::vector<Candidate> NamesOf(const Certificate& certificate);
  bool AllowName(const Candidate& name) const;

  std::vector<Subtree> permitted_, excluded_;
};

// Names of a certificate that constraints are compared with; for bounding the work.
std::size_t CountConstrainedNames(const Certificate& certificate);

}  // namespace signet::crypto
#endif
