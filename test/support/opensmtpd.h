#ifndef SIGNET_TEST_SUPPORT_OPENSMTPD_H_
#define SIGNET_TEST_SUPPORT_OPENSMTPD_H_

#include <string>

#include "test/support/mail_peer.h"

namespace signet::test {

// Debian's OpenSMTPD, unpacked, as the mail server behind the gateway: takes mail for
// anybody and stores it. Its paths are fixed and its parts change their root directory and
// their user, so it needs root, and gets a root directory of its own.
class OpenSmtpdPeer : public MailPeer {
 public:
  static bool Possible();  // whether we are root
  struct Options {
    std::string certificate, key;  // PEM files; with them it offers STARTTLS
  };
  OpenSmtpdPeer() : OpenSmtpdPeer(Options()) {}
  explicit OpenSmtpdPeer(const Options& options);

 private:
  std::string root() const { return directory_.path(); }
  void CopyProgram(const std::string& from, const std::string& to);
};

}  // namespace signet::test
#endif
