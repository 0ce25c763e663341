#ifndef SIGNET_TEST_SUPPORT_DOVECOT_LMTP_H_
#define SIGNET_TEST_SUPPORT_DOVECOT_LMTP_H_

#include <string>

#include "test/support/mail_peer.h"

namespace signet::test {

// Debian's Dovecot, unpacked, as an LMTP server on a TCP port and on a socket. It knows
// bob@example.net and carol@example.net, and full@example.net, who is over quota.
class DovecotLmtp : public MailPeer {
 public:
  DovecotLmtp();
  std::string socket() const { return directory_ / "run/lmtp"; }
  std::vector<std::string> MessagesOf(const std::string& user) const;
};

}  // namespace signet::test
#endif
