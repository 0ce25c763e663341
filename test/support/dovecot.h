#ifndef SIGNET_TEST_SUPPORT_DOVECOT_H_
#define SIGNET_TEST_SUPPORT_DOVECOT_H_

#include <memory>
#include <string>

#include "test/support/process.h"

namespace signet::test {

// What any server made of Debian's Dovecot needs. It runs as root or as anybody else.
namespace dovecot {
// Its programs and libraries, in one new directory: they start each other as other users, who
// may not be let into the project's folder.
void CopyProgram(const std::string& directory);
// Dovecot loads its library for TLS, even where TLS is off, from a directory whose name is compiled
// in. Makes the programs of CopyProgram look for it below `base_dir`, which is the directory they
// work in, and puts it there.
void MoveTlsModule(const std::string& program, const std::string& base_dir);
// The user and group of those of its processes that must not be root.
std::string UserName();
std::string GroupName();
// Runs the copied programs with this configuration.
std::unique_ptr<Process> Start(const std::string& program, const std::string& configuration);
}  // namespace dovecot

// Debian's Dovecot, unpacked, as a server of authentication alone: accounts from a file,
// PLAIN, LOGIN, CRAM-MD5 and SCRAM-SHA-256. In a directory of its own.
class Dovecot {
 public:
  // `users`: a passwd-file, "ann:{PLAIN}sesame" a line. `extra` goes into its configuration.
  explicit Dovecot(const std::string& users, const std::string& extra = "");
  // The socket for authentication clients, and the one that is not for them.
  std::string socket() const { return directory_ / "run/auth-client"; }
  std::string master_socket() const { return directory_ / "run/auth-master"; }
  std::string Log() const { return ReadFile(directory_ / "log"); }
  // Ends it; sockets stay, with nobody behind them.
  void Stop() { process_.reset(); }

 private:
  TempDir directory_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
