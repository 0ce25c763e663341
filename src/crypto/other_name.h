#ifndef SIGNET_SRC_CRYPTO_OTHER_NAME_H_
#define SIGNET_SRC_CRYPTO_OTHER_NAME_H_

#include <optional>
#include <string>
#include <string_view>

// The otherName kind of alternative names: an object identifier, and a value of a type
// that it stands for.
namespace signet::crypto {

inline constexpr std::string_view kOidUpn = "1.3.6.1.4.1.311.20.2.3";     // user principal name
inline constexpr std::string_view kOidSmtpUtf8 = "1.3.6.1.5.5.7.8.9";     // RFC 9598
inline constexpr std::string_view kOidServiceName = "1.3.6.1.5.5.7.8.7";  // RFC 4985
inline constexpr std::string_view kOidXmpp = "1.3.6.1.5.5.7.8.5";         // RFC 6120

struct OtherName {
  std::string oid;
  std::string_view value;  // one whole element, a view into what was read
};

// Reads a whole GeneralName. nullopt where it is not an otherName, or malformed.
std::optional<OtherName> ParseOtherName(std::string_view general_name);

// The value as UTF-8 (rule I6). A kind that is known must have its type and form: a
// SmtpUTF8Mailbox is a mailbox whose local part is not all ASCII and whose domain is
// (RFC 9598 3), a service name begins with "_". nullopt: not valid, or no text.
std::optional<std::string> TextOf(const OtherName& name);

// False where the value ought to be text and is none that may be used.
bool IsValid(const OtherName& name);

}  // namespace signet::crypto
#endif
