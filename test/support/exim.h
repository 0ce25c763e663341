#ifndef SIGNET_TEST_SUPPORT_EXIM_H_
#define SIGNET_TEST_SUPPORT_EXIM_H_

#include <string>
#include <vector>

#include "test/support/mail_peer.h"
#include "test/support/process.h"

namespace signet::test {

// Debian's Exim, unpacked, in a directory of its own, which belongs to the user that it runs
// as. It needs no privileges.
class EximProgram {
 public:
  EximProgram();
  const TempDir& directory() const { return directory_; }
  std::string path() const { return directory_ / "program/exim4"; }
  std::vector<std::string> environment() const;  // for Process::Options

 private:
  void CopyProgram();

  TempDir directory_;
};

// Debian's Exim as a mail server that stores what it gets; runs without privileges on a
// loopback port, from a directory of its own.
class EximPeer : public MailPeer {
 public:
  // `config` replaces that of a storing server; @DIRECTORY@ and @PORT@ are filled in.
  explicit EximPeer(const std::string& config = "");
  // A storing server that offers AUTH, believes AUTH= of MAIL, and writes a line
  // "X-Authenticated-Sender:" with what it has made of it. With a certificate and key (PEM
  // files) it offers STARTTLS.
  struct Believing {
    std::string certificate, key;
  };
  explicit EximPeer(const Believing& options);
  // The first message in its Maildir, "" while there is none.
  std::string FirstMessage() const;

 private:
  void StartWith(std::string config);

  EximProgram program_;
};

}  // namespace signet::test
#endif
