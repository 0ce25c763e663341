#include "src/relay/commands.h"

#include <algorithm>

#include "src/base/codec.h"
#include "src/base/text.h"
#include "src/relay/path.h"

namespace signet::relay {
namespace {

bool IsAscii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

Err<Reply> NoUtf8() {
  return Err{Reply{553, "5.6.7", "The next server does not take internationalized addresses",
                   "SMTPUTF8 is needed and not offered"}};
}

// Decoded and encoded anew, so that nothing but xtext can come out.
std::string Again(std::string_view xtext) {
  const auto decoded = DecodeXtext(xtext);
  return decoded ? EncodeXtext(*decoded) : "";
}

// "rfc822;alice+40example.org": the type of an address, and the address in xtext.
std::string OriginalRecipient(std::string_view orcpt) {
  const std::size_t end = orcpt.find(';');
  if (end == orcpt.npos || end == 0) return "";
  const std::string_view type = orcpt.substr(0, end);
  const bool good =
      std::all_of(type.begin(), type.end(), [](char c) { return IsAlnum(c) || c == '-'; });
  const std::string address = Again(orcpt.substr(end + 1));
  return good && !address.empty() ? std::string(type) + ';' + address : "";
}

bool IsNotify(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlpha(c) || c == ','; });
}

}  // namespace

Result<std::string, Reply> MailCommand(const facts::Envelope& envelope,
                                       const TransactionOptions& options, const Offered& offered) {
  const auto path = EncodePath(envelope.sender_local_part, envelope.sender_domain,
                               envelope.smtputf8 ? PathText::kUtf8 : PathText::kAscii);
  if (!path || (*path == "<>") != envelope.sender.empty())
    return Err{Reply{553, "5.1.7", "Sender address cannot be passed on",
                     "sender address cannot be encoded"}};
  if (!IsAscii(*path) && !offered.smtputf8) return NoUtf8();
  if (offered.size_max > 0 && options.declared_size > offered.size_max)
    return Err{Reply{552, "5.3.4", "Message is larger than the next server takes",
                     "the upstream takes " + std::to_string(offered.size_max) + " octets"}};
  std::string line = "MAIL FROM:" + *path;
  if (offered.size && options.declared_size > 0)
    line += " SIZE=" + std::to_string(options.declared_size);
  if (offered.eight_bit_mime && options.body_8bitmime) line += " BODY=8BITMIME";
  if (offered.smtputf8 && envelope.smtputf8) line += " SMTPUTF8";
  if (!offered.dsn) return line;
  if (envelope.dsn_ret == "FULL" || envelope.dsn_ret == "HDRS") line += " RET=" + envelope.dsn_ret;
  if (const std::string id = Again(envelope.dsn_envid); !id.empty()) line += " ENVID=" + id;
  return line;
}

Result<std::string, Reply> RcptCommand(const facts::Recipient& recipient,
                                       const facts::Envelope& envelope, const Offered& offered) {
  const auto path = EncodePath(recipient.local_part, recipient.domain,
                               envelope.smtputf8 ? PathText::kUtf8 : PathText::kAscii);
  if (!path || *path == "<>")
    return Err{
        Reply{553, "5.1.3", "Address cannot be passed on", "recipient address cannot be encoded"}};
  if (!IsAscii(*path) && !offered.smtputf8) return NoUtf8();
  std::string line = "RCPT TO:" + *path;
  if (!offered.dsn) return line;
  if (IsNotify(recipient.notify)) line += " NOTIFY=" + recipient.notify;
  if (const std::string orcpt = OriginalRecipient(recipient.orcpt); !orcpt.empty())
    line += " ORCPT=" + orcpt;
  return line;
}

bool ContentCheck::Allows(std::string_view line) {
  if (failed()) return false;
  if (line.empty()) in_header_ = false;
  if (in_header_ ? !plain_header_ && !plain_body_ : !plain_body_) return true;
  if (IsAscii(line)) return true;
  if (in_header_ && plain_header_)
    problem_ = {550, "5.6.7", "The next server does not take an internationalized header",
                "SMTPUTF8 is needed and not offered"};
  else
    problem_ = {554, "5.6.3", "Message has 8-bit content, which the next server does not take",
                "8BITMIME is not offered"};
  return false;
}

}  // namespace signet::relay
