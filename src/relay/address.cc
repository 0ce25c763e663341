#include "src/relay/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

#include "expand/network.h"
#include "src/base/limits.h"
#include "src/engine/engine.h"

namespace signet::relay {
namespace {

Address MakeAddress(const sockaddr* from, socklen_t size, int port) {
  Address address;
  std::memcpy(&address.storage, from, size);
  address.size = size;
  auto net_port = htons(static_cast<std::uint16_t>(port));
  if (from->sa_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = net_port;
  else
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = net_port;
  char text[NI_MAXHOST] = "";
  getnameinfo(from, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  address.ip = text;
  return address;
}

}  // namespace

bool Address::IsLocal() const {
  if (storage.ss_family == AF_UNIX) return true;
  const auto address = expand::ParseHostAddress(ip);
  if (!address) return false;
  static const auto kLoopback = expand::ParseNetwork("127.0.0.0/8");
  static const auto kLoopback6 = expand::ParseNetwork("::1");
  return expand::Contains(*kLoopback, *address) || expand::Contains(*kLoopback6, *address);
}

Result<std::vector<Address>, std::string> Resolve(const Host& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = expand::ParseHostAddress(host.name) ? AI_NUMERICHOST : AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  int error = 0;
  auto ask = [&] { error = getaddrinfo(host.name.c_str(), nullptr, &hints, &first); };
  if (hints.ai_flags == AI_NUMERICHOST)
    ask();
  else
    engine::BlockingForAnswer(ask);
  if (error != 0) return Err{"cannot find its address: " + std::string(gai_strerror(error))};
  std::vector<Address> addresses;
  for (addrinfo* i = first; i != nullptr && addresses.size() < limits::kUpstreamAddressesPerHost;
       i = i->ai_next)
    if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
      addresses.push_back(MakeAddress(i->ai_addr, i->ai_addrlen, host.port));
  freeaddrinfo(first);
  if (addresses.empty()) return Err{std::string("no address")};
  return addresses;
}

Result<Address, std::string> SocketAddress(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return Err{std::string("path of a socket too long")};
  std::memcpy(name.sun_path, path.data(), path.size());
  Address address;
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}

}  // namespace signet::relay
