#include "drivers/lookup/ip_key.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace signet::driver {
namespace {

constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<IpKey> ReadAddress(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != text.npos)
    return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  IpKey key;
  key.bits = key.kept = 32;
  if (inet_pton(AF_INET, buffer, key.octets.data()) == 1) return key;
  key.bits = key.kept = 128;
  if (inet_pton(AF_INET6, buffer, key.octets.data()) != 1) return std::nullopt;
  return key;
}

}  // namespace

std::optional<IpKey> ReadIpKey(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto key = ReadAddress(text.substr(0, slash));
  if (!key) return std::nullopt;
  if (slash != text.npos) {
    const std::string_view digits = text.substr(slash + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), key->kept);
    if (error != std::errc() || end != digits.data() + digits.size() || key->kept < 0 ||
        key->kept > key->bits)
      return std::nullopt;
  }
  const bool mapped = key->bits == 128 &&
                      std::equal(kMapped.begin(), kMapped.end(), key->octets.begin()) &&
                      key->kept >= 96;
  if (!mapped) return key;
  std::copy(key->octets.begin() + 12, key->octets.end(), key->octets.begin());
  std::fill(key->octets.begin() + 4, key->octets.end(), 0);
  key->bits = 32;
  key->kept -= 96;
  return key;
}

bool Covers(const IpKey& network, const IpKey& address) {
  if (network.bits != address.bits) return false;
  const auto whole = static_cast<std::size_t>(network.kept / 8);
  const int rest = network.kept % 8;
  if (!std::equal(network.octets.begin(), network.octets.begin() + static_cast<long>(whole),
                  address.octets.begin()))
    return false;
  const int mask = 0xff00 >> rest & 0xff;
  return rest == 0 || ((network.octets[whole] ^ address.octets[whole]) & mask) == 0;
}

}  // namespace signet::driver
