#ifndef SIGNET_SRC_CONFIG_IP_H_
#define SIGNET_SRC_CONFIG_IP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signet::config {

// A numeric address; IPv4-mapped IPv6 addresses are IPv4 (::ffff:10.1.2.3 is 10.1.2.3).
struct IpAddress {
  int bits = 0;  // 32 or 128
  std::array<std::uint8_t, 16> octets{};
  bool operator==(const IpAddress&) const = default;
};

// "192.0.2.1" or "2001:db8::1", nothing else: no zone, no port, no blanks.
std::optional<IpAddress> ParseIp(std::string_view text);

// An address with a prefix length; the length is the whole address where none is given.
struct IpNetwork {
  IpAddress address;
  int prefix_bits = 0;
};
std::optional<IpNetwork> ParseNetwork(std::string_view text);

bool Contains(const IpNetwork& network, const IpAddress& ip);

// The address with only its first `prefix_bits` bits kept.
IpAddress Masked(IpAddress ip, int prefix_bits);

// As a key of a `net-` lookup: "192.0.2.1"; IPv6 in full, lower case, with dots instead
// of colons, because a colon ends a key in the files.
std::string LookupKey(const IpAddress& ip);

// Addresses of the local interfaces, as they are now.
bool IsLocalInterface(const IpAddress& ip);

}  // namespace signet::config
#endif
