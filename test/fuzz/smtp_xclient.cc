// Any octets behind XCLIENT: total; what is taken is of its kind, and nothing is taken twice
// (rules S7, S15).
#include <arpa/inet.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/text.h"
#include "src/smtp/xclient.h"

namespace {

using signet::smtp::ParseXclient;
using signet::smtp::XclientLogin;

void Check(bool condition) {
  if (!condition) std::abort();
}

void CheckText(const std::optional<std::string>& text) {
  for (char c : text.value_or("")) Check(!signet::IsControl(c));
}
void CheckIp(const std::optional<std::string>& text) {
  unsigned char octets[16];
  Check(!text || ::inet_pton(AF_INET, text->c_str(), octets) == 1 ||
        ::inet_pton(AF_INET6, text->c_str(), octets) == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string argument(reinterpret_cast<const char*>(data), size);
  const auto without = ParseXclient(argument, XclientLogin::kNo);
  Check(without ? !without.value().login : without.error().code == 501);
  const auto with = ParseXclient(argument, XclientLogin::kYes);
  if (!with) {
    Check(with.error().code == 501 && !without);
    return 0;
  }
  for (const auto& text : {with.value().name, with.value().helo, with.value().login})
    CheckText(text);
  CheckIp(with.value().addr);
  CheckIp(with.value().destaddr);
  for (const auto& port : {with.value().port, with.value().destport})
    Check(!port || (*port >= 0 && *port <= 65535));
  Check(!ParseXclient(argument + ' ' + argument, XclientLogin::kYes));
  return 0;
}
