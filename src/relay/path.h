#ifndef SIGNET_SRC_RELAY_PATH_H_
#define SIGNET_SRC_RELAY_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace signet::relay {

inline constexpr std::size_t kPathBytes = 512;  // beyond RFC 5321's 256, as others accept

// "<local@domain>" for MAIL and RCPT, from the unquoted local part and the domain; "<>"
// where both are empty. The local part is quoted anew where it must be (rule U2).
//
//   Returns  nullopt where a part holds what cannot stand in a command: control octets,
//            octets above 127 (with kUtf8: what is no UTF-8), blanks or brackets in a
//            domain, more than kPathBytes.
enum class PathText : bool { kAscii, kUtf8 };
std::optional<std::string> EncodePath(std::string_view local_part, std::string_view domain,
                                      PathText text = PathText::kAscii);

}  // namespace signet::relay
#endif
