#ifndef SIGNET_SRC_CRYPTO_PASSWORD_H_
#define SIGNET_SRC_CRYPTO_PASSWORD_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace signet::crypto {

// Whether a password is the one that was stored in one of these forms; braces' names in
// any case:
//
//   {md5}…     MD5 in hex or base64
//   {sha1}…    SHA-1 in hex or base64
//   {crypt}…   what the system's crypt() makes, and so without braces
//   {crypt16}… the same of old for sixteen characters: two halves in DES
//
//   Returns   kUnknownScheme: other braces. kTooCostly: the stored form asks for more than
//             limits::kPasswordHashWork. kError: `error_number` says why.
//   Cost      crypt() is slow by design, up to seconds: not for a loop's thread.
//   Security  compares in constant time (rule L12). A password with a NUL equals nothing
//             that crypt() made.
enum class PasswordMatch : std::uint8_t { kYes, kNo, kUnknownScheme, kTooCostly, kError };
PasswordMatch CheckPassword(std::string_view password, std::string_view stored, int* error_number);

// Whether what crypt() would do for a stored form is within the limit. For tests.
bool IsAffordable(std::string_view stored);

}  // namespace signet::crypto
#endif
