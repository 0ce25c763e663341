#ifndef SIGNET_DRIVERS_AUTH_HASH_H_
#define SIGNET_DRIVERS_AUTH_HASH_H_

#include <cstdint>
#include <string>
#include <string_view>

// What authenticators need of a cryptographic library, and nothing else of it.
//
//   Errors    the library refuses only what it cannot do at all (a hash that a system policy
//             forbids): then functions that give octets give none, and callers defer.
//   Security  results may be keys: wipe them (driver_cpp.h).
namespace signet::auth_drivers {

inline constexpr std::size_t kMd5Size = 16, kSha256Size = 32;

std::string HmacMd5(std::string_view key, std::string_view text);
std::string HmacSha256(std::string_view key, std::string_view text);
std::string Sha256(std::string_view text);
// PBKDF2 with HMAC-SHA-256 and one block: `Hi` of RFC 5802. Takes as long as `iterations` say.
std::string Pbkdf2Sha256(std::string_view password, std::string_view salt,
                         std::uint32_t iterations);
// Octets that nobody can foresee.
std::string Random(std::size_t size);

// Digits and lower-case letters.
std::string Hex(std::string_view octets);

}  // namespace signet::auth_drivers
#endif
