#ifndef SIGNET_SRC_SMTP_PROXY_HEADER_H_
#define SIGNET_SRC_SMTP_PROXY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "src/base/result.h"

// The PROXY protocol, versions 1 and 2: what a load balancer says about its client before
// it passes on what the client says. Total: any octets, any length.
namespace signet::smtp {

struct ProxyHeader {
  // Whether it tells of a client. It doesn't where the proxy speaks for itself (LOCAL,
  // UNKNOWN) or for a client without an Internet address (a Unix socket).
  bool told = false;
  std::string client_ip;  // in the usual spelling; IPv4 in IPv6 clothes is IPv4
  int client_port = 0;
  std::string local_ip;  // what the client connected to
  int local_port = 0;
  // Fields of version 2 by type, the last of each; those within the field about TLS (0x20)
  // likewise, whose types (0x21 …) are not used outside it.
  std::map<int, std::string> tlvs;
};

// How many more octets belong to the header for certain: 0 where it is complete, and where
// it is wrong already. Who reads no more than that never reads what comes behind it.
std::size_t ProxyOctetsWanted(std::string_view so_far);

// Requires  ProxyOctetsWanted(whole) is 0.
// Errors    what is wrong, for the log; nothing the proxy said is in it.
Result<ProxyHeader, std::string> ParseProxyHeader(std::string_view whole);

// CRC-32C (Castagnoli), as version 2 checks itself with.
std::uint32_t Crc32c(std::string_view octets);

}  // namespace signet::smtp
#endif
