#ifndef SIGNET_SRC_CRYPTO_DIGEST_H_
#define SIGNET_SRC_CRYPTO_DIGEST_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace signet::crypto {

// Digests as raw octets.
std::string Md5(std::string_view octets);
std::string Sha1(std::string_view octets);
std::string Sha256(std::string_view octets);
std::string Sha384(std::string_view octets);
std::string Sha512(std::string_view octets);
std::string Sha3(int bits, std::string_view octets);  // 224, 256, 384 or 512
std::string HmacSha256(std::string_view key, std::string_view octets);
std::string HmacSha1(std::string_view key, std::string_view octets);
std::string HmacMd5(std::string_view key, std::string_view octets);

std::string RandomOctets(std::size_t count);   // from GnuTLS' generator
std::int64_t RandomBelow(std::int64_t limit);  // 0 ... limit - 1, each as likely; 0 for 0
bool EqualSecrets(std::string_view a, std::string_view b);  // constant time (rule L12)

}  // namespace signet::crypto
#endif
