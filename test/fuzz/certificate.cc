// DER → certificate: whatever arrives is read without harm, and what is read keeps its
// promises: limits, marked names, and the same result from its own octets.
#include <cstdlib>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"
#include "src/crypto/constraints.h"

using signet::crypto::Certificate;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckNames(const Certificate& certificate) {
  Require(certificate.alternative_names().size() <= signet::limits::kSanMaxNames);
  Require(certificate.subject().size() <= signet::limits::kSubjectMaxAttributes);
  for (const auto& name : certificate.alternative_names()) {
    Require(name.value.size() <= signet::limits::kSanNameMaxBytes + 8);
    const bool text = name.type == signet::crypto::SanType::kMail ||
                      name.type == signet::crypto::SanType::kDns ||
                      name.type == signet::crypto::SanType::kUri;
    if (!text || !name.valid) continue;
    for (const char c : name.value)
      Require(!signet::IsControl(c) && static_cast<unsigned char>(c) < 0x80);
  }
  for (const auto& attribute : certificate.subject())
    if (attribute.valid) Require(signet::IsValidUtf8(attribute.value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const auto certificate = Certificate::FromDer(der);
  if (!certificate.ok()) return 0;
  CheckNames(*certificate.value());
  if (const auto value = certificate.value()->ExtensionView("2.5.29.30"))
    if (const auto constraints = signet::crypto::NameConstraints::Parse(*value))
      constraints->Allow(*certificate.value());
  const auto again = Certificate::FromDer(certificate.value()->der());
  Require(again.ok() && again.value()->subject_text() == certificate.value()->subject_text());
  return 0;
}
