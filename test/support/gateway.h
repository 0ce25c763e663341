#ifndef SIGNET_TEST_SUPPORT_GATEWAY_H_
#define SIGNET_TEST_SUPPORT_GATEWAY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// A running Signet with doc/examples/exim-manual.conf, in which paths, ports and the directory
// are filled in and nothing else is changed, unless `edits` say so.
class Gateway {
 public:
  struct Options {
    std::string server_certificate, server_key, client_ca;  // PEM files
    std::string ldap_servers;                               // as in ldap_default_servers
    int upstream_port = 0;
    std::string main_options;                                // further lines of the main section
    std::vector<std::pair<std::string, std::string>> edits;  // text of the file → other text
  };
  explicit Gateway(Options options);

  int starttls_port() const { return starttls_port_; }
  int tls_port() const { return tls_port_; }
  pid_t pid() const { return process_->pid(); }
  // Of the process that serves; 0 while it is being replaced.
  pid_t serving_pid() const { return ServingPid(pid()); }
  Process& process() { return *process_; }
  const std::string& config_file() const { return config_file_; }

  // The configuration as it would be written with `options`.
  std::string ConfigText(const Options& options) const;
  void Reload(const std::string& text);  // writes the file, sends SIGHUP

  std::string Log() const { return process_->SettledOutput(); }
  bool WaitForLog(std::string_view text) const { return process_->WaitForOutput(text); }

 private:
  TempDir directory_;
  int starttls_port_, tls_port_;
  std::string config_file_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
