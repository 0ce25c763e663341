#ifndef SIGNET_EXPAND_NETWORK_H_
#define SIGNET_EXPAND_NETWORK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signet::expand {

// A host's numeric address; IPv4-mapped IPv6 addresses are IPv4 (::ffff:10.1.2.3 is
// 10.1.2.3). For matching; IpAddress is for what the language shows of an address.
struct HostAddress {
  int bits = 0;  // 32 or 128
  std::array<std::uint8_t, 16> octets{};
  bool operator==(const HostAddress&) const = default;
};

// "192.0.2.1" or "2001:db8::1", nothing else: no zone, no port, no blanks.
std::optional<HostAddress> ParseHostAddress(std::string_view text);

// An address with a prefix length; the length is the whole address where none is given.
struct Network {
  HostAddress address;
  int prefix_bits = 0;
};
std::optional<Network> ParseNetwork(std::string_view text);

bool Contains(const Network& network, const HostAddress& ip);

// The address with only its first `prefix_bits` bits kept.
HostAddress Masked(HostAddress ip, int prefix_bits);

// As a key of a `net-` lookup: "192.0.2.1"; IPv6 in full, lower case, with dots instead
// of colons, because a colon ends a key in the files. With colons for iplsearch.
std::string LookupKey(const HostAddress& ip, char between = '.');

// Whether a local interface has the address. The interfaces are looked at again after
// limits::kInterfacesMaxAge.
bool IsLocalInterface(const HostAddress& ip);

}  // namespace signet::expand
#endif
