#ifndef SIGNET_SRC_RELAY_COMMANDS_H_
#define SIGNET_SRC_RELAY_COMMANDS_H_

#include <string>

#include "src/base/result.h"
#include "src/facts/session.h"
#include "src/relay/offered.h"
#include "src/relay/relay.h"

// MAIL and RCPT with their parameters, made of parts (rule U2) and of what the upstream
// offers (rule U7).
namespace signet::relay {

// "MAIL FROM:<…> SIZE=… BODY=8BITMIME SMTPUTF8 RET=… ENVID=…", without AUTH=.
//   Errors  a reply with 5xx, for what cannot be said there or would be refused.
Result<std::string, Reply> MailCommand(const facts::Envelope& envelope,
                                       const TransactionOptions& options, const Offered& offered);

// "RCPT TO:<…> NOTIFY=… ORCPT=…". Errors: likewise.
Result<std::string, Reply> RcptCommand(const facts::Recipient& recipient,
                                       const facts::Envelope& envelope, const Offered& offered);

// Lines of a message on their way to an upstream that may not take octets above 127
// everywhere.
class ContentCheck {
 public:
  ContentCheck() = default;
  ContentCheck(const facts::Envelope& envelope, const TransactionOptions& options,
               const Offered& offered)
      : plain_header_(envelope.smtputf8 && !offered.smtputf8),
        plain_body_(options.body_8bitmime && !offered.eight_bit_mime) {}
  // False: the line cannot go there, and problem() says why.
  bool Allows(std::string_view line);
  bool failed() const { return problem_.code != 0; }
  const Reply& problem() const { return problem_; }

 private:
  bool plain_header_ = false, plain_body_ = false;
  bool in_header_ = true;
  Reply problem_;
};

}  // namespace signet::relay
#endif
