#ifndef SIGNET_SRC_CRYPTO_NAME_H_
#define SIGNET_SRC_CRYPTO_NAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/crypto/certificate.h"

// Distinguished names: DER → attributes and text. Attributes are read from the encoded
// structure (rule I8); the text is for display and for logs.
namespace signet::crypto {

struct ParsedName {
  std::vector<NameAttribute> attributes;  // encoded order
  bool over_limit = false;  // more than limits::kSubjectMaxAttributes; attributes are empty
};

//   Returns   nullopt where `der` is not exactly one DER Name. An attribute whose value is
//             not valid in its type is there, marked, with its raw octets.
std::optional<ParsedName> ParseName(std::string_view der);

// The name as a GnuTLS program such as Exim prints it: RFC 4514 escapes, but in encoded
// order. Empty for an empty name or one that cannot be printed.
std::string PrintName(std::string_view der);

// An attribute's value as PrintName writes it: a backslash before each of , + " \ < > ;
// before "#" and a blank at the front and a blank at the end; "#" and hex digits where the
// label is not known. With kBare, commas have no backslash: in a list of values they need
// none.
enum class Commas : std::uint8_t { kEscaped, kBare };
std::string PrintValue(const NameAttribute& attribute, Commas commas);

// All attributes as PrintName writes them, without asking the library.
std::string PrintAttributes(const std::vector<NameAttribute>& attributes);

// The name as RFC 4514 and so directories write it: the last RDN first. Empty where an
// attribute is not valid in its type.
std::string PrintForDirectory(const std::vector<NameAttribute>& attributes);

// The text of an ASN.1 string as UTF-8, by its declared type (rule I6). nullopt: the type
// is none of text, the octets are not valid in it, or there is a control character.
std::optional<std::string> DecodeText(std::uint8_t tag, std::string_view octets);

}  // namespace signet::crypto
#endif
