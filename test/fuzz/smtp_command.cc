// Any octets as a command line: parsing is total, and what it lets through is clean.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/base/text.h"
#include "src/smtp/parse.h"
#include "src/smtp/reply.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

// One reply, whatever the client has put into it (rule G2).
void CheckReply(const signet::smtp::Reply& reply) {
  const std::string sent = signet::smtp::Encode(reply);
  Check(sent.ends_with("\r\n"));
  for (std::size_t i = 0; i + 2 < sent.size(); ++i) Check(sent[i] >= ' ' && sent[i] < 0x7f);
  Check(sent.size() <= signet::smtp::kReplyLineMaxBytes + 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const signet::smtp::Command command = signet::smtp::ParseCommand(line);
  Check(command.argument.size() <= line.size());
  if (signet::smtp::IsHeloName(command.argument))
    for (char c : command.argument) Check(c > ' ' && c < 0x7f && c != '(' && c != ')');
  CheckReply(signet::smtp::MakeReply(500, "5.5.1", command.line));
  for (auto parameters : {signet::smtp::Parameters::kNone, signet::smtp::Parameters::kExtended}) {
    const auto mail = signet::smtp::ParseMail(command.argument, parameters);
    if (!mail) CheckReply(mail.error());
  }
  const auto rcpt = signet::smtp::ParseRcpt(command.argument, {true, true, true});
  if (!rcpt) CheckReply(rcpt.error());
  return 0;
}
