// Any octets behind MAIL FROM:<a@b.example>: total, and nothing is read twice or in part
// (rule S7).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/limits.h"
#include "src/smtp/parse.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

constexpr signet::smtp::Parameters kAll{.extended = true, .dsn = true, .smtputf8 = true};

void CheckRcpt(const std::string& argument) {
  const auto rcpt = signet::smtp::ParseRcpt(argument, kAll);
  if (!rcpt) {
    Check(rcpt.error().code >= 500);
    return;
  }
  Check(rcpt.value().recipient.Text() == "a@b.example");
  Check(rcpt.value().orcpt.size() <= signet::limits::kOrcptMaxBytes);
  for (char c : rcpt.value().notify + rcpt.value().orcpt)
    Check(static_cast<unsigned char>(c) > ' ' && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string tail(reinterpret_cast<const char*>(data), size);
  const std::string argument = "<a@b.example> " + tail;
  CheckRcpt(argument);
  const auto mail = signet::smtp::ParseMail(argument, kAll);
  if (!mail) {
    Check(mail.error().code >= 500);
    return 0;
  }
  Check(mail.value().sender.Text() == "a@b.example");
  Check(mail.value().path == "<a@b.example>");
  Check(mail.value().has_size || mail.value().size_bytes == 0);
  Check(mail.value().has_auth || mail.value().auth.empty());
  for (char c : mail.value().ret + mail.value().envid) Check(c > ' ' && c < 0x7f);
  // Nothing was accepted twice: the same again is an error where there was anything.
  const bool anything = tail.find_first_not_of(" \t") != std::string::npos;
  const auto twice = signet::smtp::ParseMail(argument + ' ' + tail, kAll);
  Check(!anything || !twice.ok());
  return 0;
}
