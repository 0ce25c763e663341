#include "expand/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

HostAddress FromV4(const void* octets) {
  HostAddress ip{.bits = 32};
  std::memcpy(ip.octets.data(), octets, 4);
  return ip;
}

bool IsMapped(const std::uint8_t* octets) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), octets);
}

HostAddress FromV6(const void* octets) {
  const auto* bytes = static_cast<const std::uint8_t*>(octets);
  if (IsMapped(bytes)) return FromV4(bytes + 12);
  HostAddress ip{.bits = 128};
  std::memcpy(ip.octets.data(), bytes, 16);
  return ip;
}

std::optional<HostAddress> FromSockaddr(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET)
    return FromV4(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  if (address->sa_family == AF_INET6)
    return FromV6(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  return std::nullopt;
}

std::vector<HostAddress> LocalInterfaces() {
  std::vector<HostAddress> found;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return found;
  for (ifaddrs* i = first; i != nullptr; i = i->ifa_next)
    if (auto ip = FromSockaddr(i->ifa_addr)) found.push_back(*ip);
  freeifaddrs(first);
  return found;
}

}  // namespace

std::optional<HostAddress> ParseHostAddress(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  if (text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  in_addr v4;
  if (inet_pton(AF_INET, buffer, &v4) == 1) return FromV4(&v4);
  in6_addr v6;
  if (inet_pton(AF_INET6, buffer, &v6) == 1) return FromV6(&v6);
  return std::nullopt;
}

std::optional<Network> ParseNetwork(std::string_view text) {
  std::size_t slash = text.find('/');
  auto ip = ParseHostAddress(text.substr(0, slash));
  if (!ip) return std::nullopt;
  if (slash == text.npos) return Network{*ip, ip->bits};

  std::string_view digits = text.substr(slash + 1);
  int prefix = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.empty() || !IsDigit(digits[0])) return std::nullopt;
  // A mapped network was written with the length of an IPv6 address.
  bool mapped = ip->bits == 32 && text.substr(0, slash).find(':') != text.npos;
  if (mapped) prefix -= 96;
  if (prefix < 0 || prefix > ip->bits) return std::nullopt;
  return Network{*ip, prefix};
}

HostAddress Masked(HostAddress ip, int prefix_bits) {
  for (int i = 0; i < ip.bits / 8; ++i) {
    int kept = std::clamp(prefix_bits - i * 8, 0, 8);
    ip.octets[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
  return ip;
}

bool Contains(const Network& network, const HostAddress& ip) {
  if (network.address.bits != ip.bits) return false;
  return Masked(network.address, network.prefix_bits) == Masked(ip, network.prefix_bits);
}

std::string LookupKey(const HostAddress& ip, char between) {
  char buffer[64];
  int size = 0;
  if (ip.bits == 32) {
    size = std::snprintf(buffer, sizeof buffer, "%d.%d.%d.%d", ip.octets[0], ip.octets[1],
                         ip.octets[2], ip.octets[3]);
    return std::string(buffer, static_cast<std::size_t>(size));
  }
  std::string key;
  for (std::size_t i = 0; i < 16; i += 2) {
    if (i != 0) key += between;
    size = std::snprintf(buffer, sizeof buffer, "%02x%02x", ip.octets[i], ip.octets[i + 1]);
    key.append(buffer, static_cast<std::size_t>(size));
  }
  return key;
}

bool IsLocalInterface(const HostAddress& ip) {
  // Once per thread: a list is matched far more often than an interface changes.
  thread_local std::vector<HostAddress> known;
  thread_local Deadline until = Deadline::After(std::chrono::seconds(0));
  if (until.Passed()) {
    known = LocalInterfaces();
    until = Deadline::After(limits::kInterfacesMaxAge);
  }
  return std::find(known.begin(), known.end(), ip) != known.end();
}

}  // namespace signet::expand
