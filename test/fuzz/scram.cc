// Any octets as messages of SCRAM, and as what is kept of a password.
#include <signet/driver_cpp.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "drivers/auth/scram_keys.h"
#include "drivers/auth/scram_messages.h"

namespace {

using namespace signet::auth_drivers;

void Check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ClientFirst first;
  if (ReadClientFirst(text, &first).empty()) {
    Check(std::string(first.gs2_header) + std::string(first.bare) == text);
    Check(!first.name.empty() && first.name.find('\0') == std::string::npos);
    Check(!first.nonce.empty() && first.nonce.find(',') == std::string_view::npos);
  }
  ClientFinal last;
  if (ReadClientFinal(text, &last).empty())
    Check(std::string(last.without_proof) + ",p=" + signet::driver::EncodeBase64(last.proof) ==
          text);
  if (const auto octets = signet::driver::DecodeBase64(text))
    Check(signet::driver::EncodeBase64(*octets) == text);
  ScramKeys keys;
  if (ReadStored(text, &keys).empty()) {
    Check(LooksStored(text));
    Check(keys.stored_key.size() == 32 && keys.server_key.size() == 32 && !keys.salt.empty());
    Check(keys.iterations >= kLeastIterations && keys.iterations <= kMostIterations);
  }
  return 0;
}
