#ifndef SIGNET_DRIVERS_AUTH_SCRAM_KEYS_H_
#define SIGNET_DRIVERS_AUTH_SCRAM_KEYS_H_

#include <signet/driver_cpp.h>

#include <cstdint>
#include <string>
#include <string_view>

// What a server keeps of a password, and what it proves with it (RFC 5802 section 3, RFC 7677).
namespace signet::auth_drivers {

inline constexpr std::uint32_t kLeastIterations = 4096;  // RFC 7677 section 4
inline constexpr std::uint32_t kMostIterations = 1'000'000;

struct ScramKeys {
  std::uint32_t iterations = 0;
  std::string salt, stored_key, server_key;

  ScramKeys() = default;
  ScramKeys(const ScramKeys&) = delete;
  ScramKeys& operator=(const ScramKeys&) = delete;
  ~ScramKeys() {
    driver::Wipe(&stored_key);
    driver::Wipe(&server_key);
  }
};

// "{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY", as Dovecot and GNU SASL write it, or
// "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY" of RFC 5803, as PostgreSQL does. What may
// follow behind another comma is not looked at.
//
//   Returns  "" or why it is no such text, in words that have nothing of it in them.
[[nodiscard]] std::string_view ReadStored(std::string_view text, ScramKeys* keys);
// Whether it looks like one.
bool LooksStored(std::string_view text);

// Fills the two keys from the password and what `keys` has of salt and iterations. Takes as
// long as there are iterations. False where the library refuses.
[[nodiscard]] bool Derive(std::string_view password, ScramKeys* keys);

// Whether the proof is that of who knows the password. Takes the same time in any case.
bool Proves(const ScramKeys& keys, std::string_view auth_message, std::string_view proof);
// "v=…".
std::string ServerFinal(const ScramKeys& keys, std::string_view auth_message);

}  // namespace signet::auth_drivers
#endif
