#include "expand/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "src/base/codec.h"
#include "src/base/text.h"

namespace signet::expand {

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  constexpr std::size_t kLongest = 45;  // an IPv6 address that ends in a dotted quad
  if (text.size() > kLongest || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::string terminated(text);
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.octets_.data()) == 1) return address;
  address.size_ = 16;
  if (inet_pton(AF_INET6, terminated.c_str(), address.octets_.data()) == 1) return address;
  return std::nullopt;
}

void IpAddress::Mask(std::size_t bits) {
  for (std::size_t i = 0; i < size_; ++i) {
    std::size_t keep = bits > i * 8 ? std::min<std::size_t>(bits - i * 8, 8) : 0;
    octets_[i] &= static_cast<std::uint8_t>(0xff00 >> keep);
  }
}

IpAddress IpAddress::ToV6() const {
  if (!is_v4()) return *this;
  IpAddress mapped;
  mapped.size_ = 16;
  mapped.octets_[10] = mapped.octets_[11] = 0xff;
  std::copy_n(octets_.begin(), 4, mapped.octets_.begin() + 12);
  return mapped;
}

std::string IpAddress::Shown() const {
  if (!is_v4()) return Compressed();
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) text += (i == 0 ? "" : ".") + std::to_string(octets_[i]);
  return text;
}

std::string IpAddress::Full(char separator) const {
  std::string text;
  for (std::size_t i = 0; i < 16; i += 2) {
    if (i > 0) text += separator;
    text += HexLower({reinterpret_cast<const char*>(&octets_[i]), 2});
  }
  return text;
}

std::string IpAddress::Compressed() const {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = octets_[2 * i] * 256u + octets_[2 * i + 1];
  std::size_t begin = 0, length = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > length) begin = i, length = end - i;
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (length > 0 && i == begin) {
      text += "::";
      i += length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    std::string group = HexLower({reinterpret_cast<const char*>(&octets_[2 * i]), 2});
    text += group.substr(std::min<std::size_t>(group.find_first_not_of('0'), 3));
  }
  return text;
}

std::string IpAddress::Reversed() const {
  IpAddress address = *this;
  const bool mapped =
      !is_v4() &&
      std::all_of(octets_.begin(), octets_.begin() + 10, [](std::uint8_t o) { return o == 0; }) &&
      octets_[10] == 0xff && octets_[11] == 0xff;
  if (mapped) {
    std::copy_n(octets_.begin() + 12, 4, address.octets_.begin());
    address.size_ = 4;
  }
  std::string text;
  if (address.is_v4()) {
    for (std::size_t i = 4; i-- > 0;)
      text += std::to_string(address.octets_[i]) + (i == 0 ? "" : ".");
    return text;
  }
  std::string hex = HexLower({reinterpret_cast<const char*>(octets_.data()), 16});
  for (std::size_t i = hex.size(); i-- > 0;) {
    text += hex[i];
    if (i > 0) text += '.';
  }
  return text;
}

bool IsIpv6WithZone(std::string_view text) {
  std::size_t percent = text.find('%');
  auto address = IpAddress::Parse(text.substr(0, percent));
  if (!address.has_value() || address->is_v4()) return false;
  if (percent == std::string_view::npos) return true;
  std::string_view zone = text.substr(percent + 1);
  return std::all_of(zone.begin(), zone.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace signet::expand
