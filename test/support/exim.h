#ifndef SIGNET_TEST_SUPPORT_EXIM_H_
#define SIGNET_TEST_SUPPORT_EXIM_H_

#include <memory>
#include <string>
#include <vector>

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
class EximPeer {
 public:
  // `config` replaces that of a storing server; @DIRECTORY@ and @PORT@ are filled in.
  explicit EximPeer(const std::string& config = "");
  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  // The first message in its Maildir, "" while there is none.
  std::string FirstMessage() const;
  std::string Log() const;

 private:
  EximProgram program_;
  int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
