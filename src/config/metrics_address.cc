#include "src/config/metrics_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>

#include "src/base/text.h"

namespace signet::config {
namespace {

bool IsLoopback(const std::string& ip) {
  in_addr v4{};
  if (::inet_pton(AF_INET, ip.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, ip.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

// 0 where it is none.
int PortIn(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || !std::all_of(digits.begin(), digits.end(), IsDigit))
    return 0;
  const int port = std::stoi(std::string(digits));
  return port <= 65535 ? port : 0;
}

}  // namespace

Result<MetricsAddress, std::string> ReadMetricsAddress(const std::string& text) {
  MetricsAddress address;
  if (text.empty()) return address;
  if (text[0] == '/') {
    if (text.size() >= sizeof sockaddr_un{}.sun_path || text.find('\0') != text.npos)
      return Err{std::string("path of a socket is too long")};
    address.path = text;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return Err{std::string("address has no port")};
  address.ip = text.substr(0, colon);
  const bool in_brackets =
      address.ip.size() > 2 && address.ip.front() == '[' && address.ip.back() == ']';
  if (in_brackets) address.ip = address.ip.substr(1, address.ip.size() - 2);
  if (!in_brackets && address.ip.find(':') != text.npos)
    return Err{std::string("address of IPv6 is not in brackets")};
  address.port = PortIn(std::string_view(text).substr(colon + 1));
  if (address.port == 0) return Err{std::string("port is not a number from 1 to 65535")};
  if (!IsLoopback(address.ip)) return Err{std::string("address is not one of this machine alone")};
  return address;
}

}  // namespace signet::config
