#include "drivers/auth/hash.h"

#include <gnutls/crypto.h>

namespace signet::auth_drivers {
namespace {

std::string Hmac(gnutls_mac_algorithm_t algorithm, std::size_t size, std::string_view key,
                 std::string_view text) {
  std::string digest(size, '\0');
  if (gnutls_hmac_fast(algorithm, key.data(), key.size(), text.data(), text.size(), digest.data()) <
      0)
    digest.clear();
  return digest;
}

gnutls_datum_t Datum(std::string_view text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

}  // namespace

std::string HmacMd5(std::string_view key, std::string_view text) {
  return Hmac(GNUTLS_MAC_MD5, kMd5Size, key, text);
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  return Hmac(GNUTLS_MAC_SHA256, kSha256Size, key, text);
}

std::string Sha256(std::string_view text) {
  std::string digest(kSha256Size, '\0');
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data(), text.size(), digest.data()) < 0)
    digest.clear();
  return digest;
}

std::string Pbkdf2Sha256(std::string_view password, std::string_view salt,
                         std::uint32_t iterations) {
  const gnutls_datum_t key = Datum(password), salted = Datum(salt);
  std::string derived(kSha256Size, '\0');
  if (gnutls_pbkdf2(GNUTLS_MAC_SHA256, &key, &salted, iterations, derived.data(), derived.size()) <
      0)
    derived.clear();
  return derived;
}

std::string Random(std::size_t size) {
  std::string octets(size, '\0');
  if (gnutls_rnd(GNUTLS_RND_RANDOM, octets.data(), size) < 0) octets.clear();
  return octets;
}

std::string Hex(std::string_view octets) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char octet : octets) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

}  // namespace signet::auth_drivers
