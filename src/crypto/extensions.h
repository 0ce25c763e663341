#ifndef SIGNET_SRC_CRYPTO_EXTENSIONS_H_
#define SIGNET_SRC_CRYPTO_EXTENSIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/crypto/certificate.h"

// What extensions of a certificate say, decoded when somebody asks.
//
//   Returns  nullopt where the certificate has no such extension.
//   Errors   an extension that is not what its standard says, or holds more than
//            limits::kExtensionMaxValues: nothing of it is believed (rules I3, I18).
namespace signet::crypto {

template <typename T>
using Said = Result<std::optional<T>, std::string>;

struct BasicConstraints {
  bool ca = false;
  std::optional<std::uint32_t> path_length;
};

Said<BasicConstraints> BasicConstraintsOf(const Certificate& certificate);
// Object identifiers, in encoded order.
Said<std::vector<std::string>> PurposesOf(const Certificate& certificate);
Said<std::vector<std::string>> PoliciesOf(const Certificate& certificate);
// Names of the bits as RFC 5280 has them: "digitalSignature".
Said<std::vector<std::string>> KeyUsagesOf(const Certificate& certificate);
// Octets. The authority's may be missing in an extension that names it otherwise.
Said<std::string> SubjectKeyIdOf(const Certificate& certificate);
Said<std::string> AuthorityKeyIdOf(const Certificate& certificate);
// A Windows account's security identifier, "S-1-5-21-…", out of the extension of that name.
Said<std::string> SecurityIdOf(const Certificate& certificate);
// An extension that is one ASN.1 string, as UTF-8 (rule I6).
Said<std::string> TextOfExtension(const Certificate& certificate, std::string_view oid);

// The short name of a purpose, "clientAuth"; "" where none is known.
std::string_view NameOfPurpose(std::string_view oid);

}  // namespace signet::crypto
#endif
