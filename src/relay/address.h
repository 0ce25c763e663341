#ifndef SIGNET_SRC_RELAY_ADDRESS_H_
#define SIGNET_SRC_RELAY_ADDRESS_H_

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/relay/route.h"

namespace signet::relay {

// Where a connection goes: an address of the network, or a Unix socket.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string ip;  // "" of a Unix socket
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  // No octet of a connection to it leaves this machine.
  bool IsLocal() const;
};

// The addresses of a host, in the resolver's order, at most kUpstreamAddressesPerHost;
// numeric ones ask nobody. May wait, for kResolverMost at the most, whatever the resolver does;
// those of one thread that want the same name at a time wait for one answer.
//   Errors  for the log.
inline constexpr std::chrono::seconds kResolverMost{10};  // two tries of the system's resolver
Result<std::vector<Address>, std::string> Resolve(const Host& host);

// Of a Unix socket.
//   Errors  for the log: the path is too long.
Result<Address, std::string> SocketAddress(const std::string& path);

}  // namespace signet::relay
#endif
