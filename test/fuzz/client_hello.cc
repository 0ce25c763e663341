// The first octets of a TLS connection → the server name.
#include <cstdlib>
#include <string_view>

#include "src/tls/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::tls::HelloState;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto view = signet::tls::ReadClientHello(octets);
  if (!view.server_name.empty() && !signet::tls::IsHostName(view.server_name)) std::abort();
  // More octets never change what has been decided, except that too many are too many.
  if (view.state == HelloState::kDone && size > 1) {
    const auto less = signet::tls::ReadClientHello(octets.substr(0, size - 1));
    if (less.state == HelloState::kBad) std::abort();
    if (less.state == HelloState::kDone && less.server_name != view.server_name) std::abort();
  }
  return 0;
}
