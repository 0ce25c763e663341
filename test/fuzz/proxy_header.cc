// Any octets where a PROXY header should be: no octet behind it is read, however the octets
// come, and what is told is addresses and ports (rule S15).
#include <arpa/inet.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/limits.h"
#include "src/smtp/proxy_header.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

bool IsIp(const std::string& text) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, text.c_str(), octets) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), octets) == 1;
}
bool IsPort(int port) { return port >= 0 && port <= 65535; }

std::string ReadOf(std::string_view input, std::size_t most) {
  std::string read;
  while (const std::size_t wanted = signet::smtp::ProxyOctetsWanted(read)) {
    const std::string_view more = input.substr(read.size(), std::min(wanted, most));
    if (more.empty()) break;
    read += more;
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string read = ReadOf(input, 4096);
  Check(read.size() <= signet::limits::kProxyHeaderMaxBytes);
  const auto header = signet::smtp::ParseProxyHeader(read);
  if (!header) {
    Check(!header.error().empty());
    return 0;
  }
  Check(ReadOf(input, 1) == read);
  Check(ReadOf(std::string(read) + "QUIT\r\n", 4096) == read);
  Check(!header.value().told || (IsIp(header.value().client_ip) && IsIp(header.value().local_ip)));
  Check(IsPort(header.value().client_port) && IsPort(header.value().local_port));
  for (const auto& [type, value] : header.value().tlvs)
    Check(type >= 0 && type <= 255 && value.size() <= read.size());
  return 0;
}
