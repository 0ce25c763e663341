#include "src/crypto/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <limits>

#include "src/base/result.h"

namespace signet::crypto {
namespace {

std::string Digest(gnutls_digest_algorithm_t algorithm, std::string_view octets) {
  std::string out(gnutls_hash_get_len(algorithm), '\0');
  SIGNET_CHECK(gnutls_hash_fast(algorithm, octets.data(), octets.size(), out.data()) == 0);
  return out;
}

std::string Hmac(gnutls_mac_algorithm_t algorithm, std::string_view key, std::string_view octets) {
  std::string out(gnutls_hmac_get_len(algorithm), '\0');
  // The library wants a non-null key even where its length is zero.
  const char* key_data = key.empty() ? "" : key.data();
  SIGNET_CHECK(gnutls_hmac_fast(algorithm, key_data, key.size(), octets.data(), octets.size(),
                                out.data()) == 0);
  return out;
}

}  // namespace

std::string Md5(std::string_view octets) { return Digest(GNUTLS_DIG_MD5, octets); }
std::string Sha1(std::string_view octets) { return Digest(GNUTLS_DIG_SHA1, octets); }
std::string Sha256(std::string_view octets) { return Digest(GNUTLS_DIG_SHA256, octets); }
std::string Sha384(std::string_view octets) { return Digest(GNUTLS_DIG_SHA384, octets); }
std::string Sha512(std::string_view octets) { return Digest(GNUTLS_DIG_SHA512, octets); }

std::string Sha3(int bits, std::string_view octets) {
  switch (bits) {
    case 224:
      return Digest(GNUTLS_DIG_SHA3_224, octets);
    case 384:
      return Digest(GNUTLS_DIG_SHA3_384, octets);
    case 512:
      return Digest(GNUTLS_DIG_SHA3_512, octets);
    default:
      return Digest(GNUTLS_DIG_SHA3_256, octets);
  }
}

std::string HmacSha256(std::string_view key, std::string_view octets) {
  return Hmac(GNUTLS_MAC_SHA256, key, octets);
}
std::string HmacSha1(std::string_view key, std::string_view octets) {
  return Hmac(GNUTLS_MAC_SHA1, key, octets);
}
std::string HmacMd5(std::string_view key, std::string_view octets) {
  return Hmac(GNUTLS_MAC_MD5, key, octets);
}

std::string RandomOctets(std::size_t count) {
  std::string out(count, '\0');
  if (count > 0) SIGNET_CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, out.data(), count) == 0);
  return out;
}

std::int64_t RandomBelow(std::int64_t limit) {
  if (limit <= 0) return 0;
  const auto n = static_cast<std::uint64_t>(limit);
  // Numbers from the last, incomplete multiple of the limit would favour small results.
  const std::uint64_t usable = std::numeric_limits<std::uint64_t>::max() / n * n;
  for (;;) {
    std::uint64_t number = 0;
    SIGNET_CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, &number, sizeof number) == 0);
    if (number < usable) return static_cast<std::int64_t>(number % n);
  }
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || gnutls_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace signet::crypto
