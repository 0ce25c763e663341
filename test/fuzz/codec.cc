// Any octets through every encoding: what is encoded comes back as it was, in the alphabet of
// its encoding; what is decoded encodes to the same text again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/codec.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckEncoded(std::string_view octets) {
  using namespace signet;
  Check(DecodeBase64(EncodeBase64(octets)) == octets);
  Check(DecodeHex(HexLower(octets)) == octets && DecodeHex(HexUpper(octets)) == octets);
  const std::string xtext = EncodeXtext(octets);
  Check(DecodeXtext(xtext) == octets);
  for (char c : xtext) Check(c > ' ' && c < '\x7f' && c != '=');
  // Nothing that means something in a filter, a name or a URL is left as it was (rule L2).
  Check(QuoteLdapFilter(octets).find_first_of(std::string_view("\0*()\\?# \r\n", 10)) ==
        std::string::npos);
  Check(QuoteLdapDn(octets).find_first_of(std::string_view("\0,\"\\<>;?# \r\n", 12)) ==
        std::string::npos);
}

void CheckDecoded(std::string_view text) {
  using namespace signet;
  if (const auto octets = DecodeBase64(text)) Check(EncodeBase64(*octets) == text);
  if (const auto octets = DecodeBase64(text, DroppedBits::kAny))
    Check(EncodeBase64(*octets).size() == text.size());
  if (const auto octets = DecodeHex(text)) Check(DecodeHex(HexLower(*octets)) == octets);
  if (const auto octets = DecodeXtext(text)) Check(DecodeXtext(EncodeXtext(*octets)) == octets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckEncoded(text);
  CheckDecoded(text);
  return 0;
}
