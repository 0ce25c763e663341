#ifndef SIGNET_TEST_SUPPORT_SUBMISSION_GATEWAY_H_
#define SIGNET_TEST_SUPPORT_SUBMISSION_GATEWAY_H_

#include <memory>
#include <string>

#include "test/support/authority.h"
#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {

// A running Signet that takes mail from everybody and identifies clients by the mail address
// in their certificate; what is behind it, a test says.
class SubmissionGateway {
 public:
  struct Options {
    std::string routers;  // sections, without their "begin"
    std::string transports;
    std::string main_options;  // further lines of the main section
    // For an upstream that a test stops, not to wait for minutes.
    static std::string Hurried() {
      return "  connect_timeout = 2s\n  command_timeout = 2s\n  data_timeout = 2s\n"
             "  final_timeout = 2s\n";
    }
  };
  SubmissionGateway(const Authority& authority, const Options& options);
  // With one upstream: `transport` are further lines of its transport.
  SubmissionGateway(const Authority& authority, int upstream_port,
                    const std::string& transport = "");

  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  // Of the process that serves; 0 while it is being replaced.
  pid_t serving_pid() const { return ServingPid(pid()); }
  Process& process() { return *process_; }
  void Restart();  // kills it (SIGKILL) where it runs, and starts it again
  // A client behind STARTTLS and EHLO, with a certificate of the authority unless `name` is "".
  SmtpClient Client(const std::string& name) const;
  std::string Log() const { return process_->SettledOutput(); }
  bool WaitForLog(std::string_view text) const { return process_->WaitForOutput(text); }
  const std::string& config_file() const { return config_file_; }

 private:
  void Start();

  const Authority& authority_;
  TempDir directory_;
  int port_;
  std::string config_file_;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
