#ifndef SIGNET_DRIVERS_LOOKUP_IP_KEY_H_
#define SIGNET_DRIVERS_LOOKUP_IP_KEY_H_

#include <array>
#include <optional>
#include <string_view>

namespace signet::driver {

// An IP address, or a network with the number of bits that count. IPv4-mapped IPv6
// addresses are IPv4.
struct IpKey {
  int bits = 0;  // of the address: 32 or 128
  int kept = 0;
  std::array<unsigned char, 16> octets{};
};

// "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; nothing else.
std::optional<IpKey> ReadIpKey(std::string_view text);
bool Covers(const IpKey& network, const IpKey& address);

}  // namespace signet::driver
#endif
