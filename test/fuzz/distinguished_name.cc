// DER → distinguished name: attributes are valid UTF-8 without control characters, or
// marked; RDN numbers only go up.
#include <cstdlib>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const auto name = signet::crypto::ParseName(der);
  if (!name) return 0;
  if (name->attributes.size() > signet::limits::kSubjectMaxAttributes) std::abort();
  std::uint32_t last = 0;
  for (const auto& attribute : name->attributes) {
    if (attribute.rdn < last) std::abort();
    last = attribute.rdn;
    if (!attribute.valid) continue;
    if (!signet::IsValidUtf8(attribute.value)) std::abort();
    for (const char c : attribute.value)
      if (signet::IsControl(c)) std::abort();
  }
  if (!name->over_limit) signet::crypto::PrintName(der);
  return 0;
}
