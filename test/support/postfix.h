#ifndef SIGNET_TEST_SUPPORT_POSTFIX_H_
#define SIGNET_TEST_SUPPORT_POSTFIX_H_

#include <string>

#include "test/support/mail_peer.h"

namespace signet::test {

// Debian's Postfix, unpacked, as the mail server behind the gateway: takes mail for
// example.org, example.net and example.com, stores it, and believes XCLIENT from this host.
// Runs as root or as anybody else.
class PostfixPeer : public MailPeer {
 public:
  struct Options {
    std::string certificate, key;  // PEM files; with them it offers STARTTLS
    std::string main;              // further lines of main.cf, the last of a name counts
    std::string services;          // further lines of master.cf
  };
  PostfixPeer() : PostfixPeer(Options()) {}
  explicit PostfixPeer(const Options& options);
};

}  // namespace signet::test
#endif
