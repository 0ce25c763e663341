#include "expand/alabel.h"

#include <idn2.h>

#include <algorithm>
#include <cstdlib>

#include "src/base/charset.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

using Converted = Result<std::string, std::string>;

constexpr std::string_view kPrefix = "xn--";

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Converted Wrong(int code) { return Err{std::string(idn2_strerror(code))}; }

// One label of a domain decoded.
Converted LabelFromAlabel(std::string_view label) {
  if (!StartsWithIgnoreCase(label, kPrefix)) return std::string(label);
  const std::string alabel = Lower(label);
  Converted decoded = DecodePunycode(std::string_view(alabel).substr(kPrefix.size()));
  if (!decoded.ok()) return decoded;
  if (IsAscii(decoded.value())) return Wrong(IDN2_ALABEL_ROUNDTRIP_FAILED);
  Converted again = DomainToAlabel(decoded.value());
  if (!again.ok()) return again;
  return again.value() == alabel ? std::move(decoded) : Wrong(IDN2_ALABEL_ROUNDTRIP_FAILED);
}

}  // namespace

Converted DomainToAlabel(std::string_view domain) {
  if (IsAscii(domain)) return std::string(domain);
  if (domain.size() > limits::kPunycodeMaxBytes) return Wrong(IDN2_TOO_BIG_DOMAIN);
  if (domain.find('\0') != std::string_view::npos) return Wrong(IDN2_ENCODING_ERROR);
  const std::string terminated(domain);
  std::uint8_t* made = nullptr;
  int code = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(terminated.c_str()), &made,
                            IDN2_NFC_INPUT);
  if (code != IDN2_OK) return Wrong(code);
  std::string alabel(reinterpret_cast<const char*>(made));
  idn2_free(made);
  return alabel;
}

Converted DomainFromAlabel(std::string_view domain) {
  if (domain.size() > limits::kPunycodeMaxBytes) return Wrong(IDN2_TOO_BIG_DOMAIN);
  std::string utf8;
  for (;;) {
    std::size_t dot = std::min(domain.find('.'), domain.size());
    Converted label = LabelFromAlabel(domain.substr(0, dot));
    if (!label.ok()) return label;
    utf8 += label.value();
    if (dot == domain.size()) return utf8;
    utf8 += '.';
    domain.remove_prefix(dot + 1);
  }
}

Converted LocalPartToAlabel(std::string_view local_part) {
  if (IsAscii(local_part)) return std::string(local_part);
  Converted encoded = EncodePunycode(local_part);
  if (!encoded.ok()) return Err{"l_u2a: " + encoded.error()};
  return std::string(kPrefix) + encoded.value();
}

Converted LocalPartFromAlabel(std::string_view alabel) {
  if (!alabel.starts_with(kPrefix)) return Err{std::string("bad alabel prefix")};
  return DecodePunycode(alabel.substr(kPrefix.size()));
}

}  // namespace signet::expand
