#ifndef SIGNET_EXPAND_IP_ADDRESS_H_
#define SIGNET_EXPAND_IP_ADDRESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signet::expand {

// IpAddress is an IPv4 or IPv6 address, read from its exact textual form: no mask, no
// brackets, no blanks, no leading zeros in IPv4.
class IpAddress {
 public:
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const { return size_ == 4; }
  std::size_t bits() const { return size_ * 8; }
  void Mask(std::size_t bits);             // clears what lies behind the first `bits`
  IpAddress ToV6() const;                  // an IPv4 address as ::ffff:a.b.c.d
  std::string Shown() const;               // dotted quad, or compressed
  std::string Compressed() const;          // IPv6, the first longest run of zeros as "::"
  std::string Full(char separator) const;  // IPv6, eight groups of four digits
  std::string Reversed() const;            // as in names under in-addr.arpa and ip6.arpa

 private:
  std::array<std::uint8_t, 16> octets_{};
  std::size_t size_ = 4;
};

// Whether `text` is an IPv6 address that may carry a zone, "fe80::1%eth0".
bool IsIpv6WithZone(std::string_view text);

}  // namespace signet::expand
#endif
