#ifndef SIGNET_SRC_CRYPTO_DESCRIBE_H_
#define SIGNET_SRC_CRYPTO_DESCRIBE_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/crypto/certificate.h"
#include "src/crypto/extensions.h"

// What of a certificate is only ever shown to people: nothing here decides anything.
namespace signet::crypto {

// The subtrees of name constraints: "permitted mail .example.org", "excluded ip 10.0.0.0/8".
// A base of a kind that is not evaluated (rule I4) says so. Octets as in the certificate.
Said<std::vector<std::string>> NameConstraintsOf(const Certificate& certificate);

// Where the issuer's own certificate is, from the authority information access extension.
std::vector<std::string> IssuerUrisOf(const Certificate& certificate);

// One alternative name or attribute that is left out of every list (rule I6): its octets, and
// why it is, in words.
struct LeftOut {
  std::string kind;   // "mail", "CN"
  std::string value;  // as in the certificate, or hex where that is DER
  std::string why;
};
std::vector<LeftOut> LeftOutOf(const Certificate& certificate);

// "mail", "dns", …: a kind of alternative name as ${certextract{subj_altname,…}} calls it; of
// other names "othername=OID", but for those that have a name of their own ("upn").
std::string KindOfName(const SanName& name);

}  // namespace signet::crypto
#endif
