#include "test/support/auth_gateway.h"

#include <stdexcept>

namespace signet::test {
namespace {

constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts = *
tls_certificate = @CERTIFICATE@
tls_privatekey = @KEY@
tls_try_verify_hosts = *
tls_verify_certificates = @CLIENT_CA@
acl_smtp_mail = check_mail
@MAIN@
begin acl
check_mail:
  accept message = 250 2.1.0 [$authenticated_id] by [$sender_host_authenticated] failed [$authenticated_fail_id]
begin authenticators
@AUTHENTICATORS@
)";

}  // namespace

AuthGateway::AuthGateway(const Options& options) : port_(FreePort()) {
  std::string text = Replace(kConfiguration, "@PORT@", std::to_string(port_));
  text = Replace(text, "@CERTIFICATE@", options.certificate);
  text = Replace(text, "@KEY@", options.key);
  text = Replace(text, "@CLIENT_CA@", options.client_ca);
  text = Replace(text, "@MAIN@", options.main_options);
  text = Replace(text, "@AUTHENTICATORS@", options.authenticators);
  const std::string file = directory_ / "signet.conf";
  WriteFile(file, text);
  process_ =
      std::make_unique<Process>(std::vector<std::string>{SignetProgram(), "serve", "-C", file});
  if (!WaitUntil([this] { return !process_->running() || SomebodyListens(port_); }) ||
      !process_->running())
    throw std::runtime_error("signet did not start: " + process_->Output() + "\nwith:\n" + text);
}

SmtpClient AuthGateway::Client(const std::string& certificate, const std::string& key) const {
  SmtpClient client(port_);
  client.Begin(certificate, key);
  return client;
}

std::string AuthGateway::LogSince(std::string_view text) {
  std::string log;
  WaitUntil(
      [&] {
        log = Log().substr(seen_);
        return log.find(text) != std::string::npos;
      },
      seconds(5));
  seen_ += log.size();
  return log;
}

}  // namespace signet::test
