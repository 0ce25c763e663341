#ifndef SIGNET_TEST_SUPPORT_AUTH_GATEWAY_H_
#define SIGNET_TEST_SUPPORT_AUTH_GATEWAY_H_

#include <memory>
#include <string>

#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {

// A running Signet with authenticators that a test brings and nothing behind it. What MAIL
// is answered says who the client is: "250 2.1.0 [ID] by [AUTHENTICATOR] failed [FAIL_ID]".
class AuthGateway {
 public:
  struct Options {
    std::string authenticators;               // the section, without "begin authenticators"
    std::string main_options;                 // further lines of the main section
    std::string certificate, key, client_ca;  // PEM files
  };
  explicit AuthGateway(const Options& options);

  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  // A client behind STARTTLS and EHLO; `certificate` and `key` may be empty.
  SmtpClient Client(const std::string& certificate = "", const std::string& key = "") const;
  std::string Log() const { return process_->SettledOutput(); }
  bool WaitForLog(std::string_view text) const { return process_->WaitForOutput(text); }
  // What was logged since it was last asked, once `text` is there.
  std::string LogSince(std::string_view text);

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> process_;
  std::size_t seen_ = 0;
};

}  // namespace signet::test
#endif
