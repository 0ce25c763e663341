#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/server/control.h"

// What somebody sends to the control socket: it is read, or refused in words that can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto request = server::ParseControlRequest(line);
  if (!request) {
    for (char c : request.error())
      if (c < 0x20 || c == 0x7f) std::abort();
    return 0;
  }
  for (char c : request.value().reference)
    if (c != '-' && (c < '0' || c > 'z')) std::abort();
  return 0;
}
