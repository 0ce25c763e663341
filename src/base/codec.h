#ifndef SIGNET_SRC_BASE_CODEC_H_
#define SIGNET_SRC_BASE_CODEC_H_

#include <optional>
#include <string>
#include <string_view>

// Encodings between octets and text. All are total: any octets, any length.
namespace signet {

std::string HexLower(std::string_view octets);
std::string HexUpper(std::string_view octets);
std::optional<std::string> DecodeHex(std::string_view hex);

// RFC 4648 §4, padded, on one line. Decoding is strict: padding required, no blanks,
// no other characters, and the bits that the padding drops are zero, unless they do not
// matter.
enum class DroppedBits : bool { kZero, kAny };
std::string EncodeBase64(std::string_view octets);
std::optional<std::string> DecodeBase64(std::string_view text,
                                        DroppedBits dropped = DroppedBits::kZero);

// RFC 3461 §4 / RFC 1891: "+" and "=" and what is not printable ASCII as +HH.
std::string EncodeXtext(std::string_view octets);
std::optional<std::string> DecodeXtext(std::string_view text);

// What ${quote_ldap:} and ${quote_ldap_dn:} produce: RFC 4515 / RFC 4514 escaping
// first, then URL escaping, so that the result may stand in an LDAP URL (rule L2).
std::string QuoteLdapFilter(std::string_view octets);
std::string QuoteLdapDn(std::string_view octets);

}  // namespace signet
#endif
