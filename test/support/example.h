#ifndef SIGNET_TEST_SUPPORT_EXAMPLE_H_
#define SIGNET_TEST_SUPPORT_EXAMPLE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "test/support/authority.h"
#include "test/support/process.h"

namespace signet::test {

// A configuration of doc/examples as it is shipped, running. This is replaced in it, and
// nothing else:
//
//   in the file                                           here
//   /etc/signet/                                          a directory of the test
//   daemon_smtp_ports = 587 : 465, tls_on_connect_ports   free ports
//   127.0.0.1::10025                                      the test's mail server
//   hosts of the example's own, such as ldap.example.org  what `places` says
//
// It listens on loopback only, by -oX on the command line. The directory of the test holds the
// authority's server.pem, server.key and client-ca.pem, and `files` by their names.
class Example {
 public:
  struct Setup {
    std::map<std::string, std::string> places;
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> macros;  // as -D would define them
    int upstream_port = 0;
  };
  Example(const std::string& name, const Authority& authority, const Setup& setup);

  // What `signet check` says of the file: "" where it has no complaint, else its warnings and
  // errors. The configuration has been checked when it runs.
  const std::string& complaints() const { return complaints_; }
  int starttls_port() const { return starttls_port_; }
  int tls_port() const { return tls_port_; }
  const std::string& config_file() const { return config_file_; }
  std::string file(const std::string& name) const { return directory_ / name; }
  // Changes a file below /etc/signet.
  void Write(const std::string& name, std::string_view content) const;
  Process& process() { return *process_; }
  std::string Log() const { return process_->SettledOutput(); }
  bool WaitForLog(std::string_view text, std::size_t from = 0) const;

 private:
  TempDir directory_;
  int starttls_port_, tls_port_;
  std::string config_file_, complaints_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
