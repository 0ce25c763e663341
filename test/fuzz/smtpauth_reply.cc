// What an SMTP server may say to somebody who tests credentials there: reading is total, takes
// no more than one reply, and is the same whatever pieces it comes in.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/lookup/smtp_reply.h"

namespace {

using namespace signet::smtpauth;

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string buffer(input);
  Reply reply;
  const Taken taken = TakeReply(&buffer, &reply);
  if (taken != Taken::kReply) Check(buffer == input);
  if (taken == Taken::kReply) {
    Check(reply.code >= 200 && reply.code < 600 && !reply.lines.empty());
    Check(reply.lines.size() <= kReplyLinesMax && input.ends_with(buffer));
    Check(reply.Shown().size() <= 13 && reply.Shown().find_first_of("\r\n") == std::string::npos);
    std::string parameters;
    (void)Offers(reply, "STARTTLS", &parameters);
    (void)OffersMechanism(reply, "PLAIN");
    if (MeaningOf(reply) == Meaning::kGood) Check(reply.code == 235);
    if (MeaningOf(reply) == Meaning::kRefused) Check(reply.code / 100 == 5);
  }
  // Octet by octet.
  std::string grown;
  Taken last = Taken::kMore;
  for (std::size_t i = 0; i < size && last == Taken::kMore; ++i) {
    grown += input[i];
    last = TakeReply(&grown, &reply);
  }
  if (taken == Taken::kReply) Check(last == Taken::kReply && grown.empty());
  if (last == Taken::kReply) Check(taken == Taken::kReply);
  return 0;
}
