#ifndef SIGNET_SRC_CLI_LDIF_H_
#define SIGNET_SRC_CLI_LDIF_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace signet::cli {

// An entry of a directory as a file has it: attributes in their order, as they are spelled.
struct LdifEntry {
  struct Attribute {
    std::string name;  // options included: "userCertificate;binary"
    std::vector<std::string> values;
  };
  std::string dn;
  std::size_t line = 0;  // where it begins
  std::vector<Attribute> attributes;
};

// Reads LDIF (RFC 2849): entries, as slapcat, ldapsearch -L and exports of other directories
// write them. Changes, and values that stand in other files (":<"), are not for reading.
//
//   Errors  "17: a value is not base64", of the first mistake.
Result<std::vector<LdifEntry>, std::string> ParseLdif(std::string_view text);

}  // namespace signet::cli
#endif
