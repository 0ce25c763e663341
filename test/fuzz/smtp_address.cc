// Any octets as an address: what is accepted has clean parts, and its text is read as the
// same parts again (rule S9).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/base/text.h"
#include "src/smtp/parse.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view rest;
  const auto parsed = signet::smtp::ParsePath(text, &rest);
  if (!parsed) return 0;
  const signet::smtp::Address& address = parsed.value();
  const std::string written = '<' + address.Text() + '>';
  for (char c : written)
    Check((address.utf8 || static_cast<unsigned char>(c) < 0x80) && !signet::IsControl(c));
  Check(signet::IsValidUtf8(written));
  const auto again = signet::smtp::ParsePath(written, &rest);
  Check(again.ok() && rest.empty());
  Check(again.value().local_part == address.local_part);
  Check(again.value().domain == address.domain);
  Check(again.value().utf8 == address.utf8);
  Check(again.value().null_path == address.null_path);
  return 0;
}
