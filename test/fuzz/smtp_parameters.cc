// Any octets behind MAIL FROM:<a@b.example>: total, and nothing is read twice or in part
// (rule S7).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/smtp/parse.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string tail(reinterpret_cast<const char*>(data), size);
  const std::string argument = "<a@b.example> " + tail;
  const auto mail = signet::smtp::ParseMail(argument, signet::smtp::Parameters::kExtended);
  if (!mail) {
    Check(mail.error().code >= 500);
    return 0;
  }
  Check(mail.value().sender.Text() == "a@b.example");
  Check(mail.value().path == "<a@b.example>");
  Check(mail.value().has_size || mail.value().size_bytes == 0);
  Check(mail.value().has_auth || mail.value().auth.empty());
  // Nothing was accepted twice: the same again is an error where there was anything.
  const bool anything = tail.find_first_not_of(" \t") != std::string::npos;
  const auto twice =
      signet::smtp::ParseMail(argument + ' ' + tail, signet::smtp::Parameters::kExtended);
  Check(!anything || !twice.ok());
  return 0;
}
