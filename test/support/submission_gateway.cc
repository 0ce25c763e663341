#include "test/support/submission_gateway.h"

#include <stdexcept>

namespace signet::test {
namespace {

constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_certificate = @SERVER@
tls_privatekey = @KEY@
tls_verify_certificates = @ROOT@
tls_try_verify_hosts = *
acl_smtp_rcpt = accept
@MAIN@
begin authenticators
tls:
  driver = tls
  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_condition = ${if ={1}{${listcount:$auth1}}}
  server_set_id = $auth1
begin routers
@ROUTERS@
begin transports
@TRANSPORTS@
)";

SubmissionGateway::Options OneUpstream(int port, const std::string& transport) {
  SubmissionGateway::Options options;
  options.routers =
      "upstream:\n  driver = manualroute\n  route_list = * 127.0.0.1::" + std::to_string(port) +
      "\n  transport = to_mta\n";
  options.transports = "to_mta:\n  driver = smtp\n" + transport;
  return options;
}

}  // namespace

SubmissionGateway::SubmissionGateway(const Authority& authority, const Options& options)
    : authority_(authority), port_(FreePort()), config_file_(directory_ / "signet.conf") {
  std::string text = Replace(kConfiguration, "@PORT@", std::to_string(port_));
  text = Replace(text, "@SERVER@", authority.pem("server"));
  text = Replace(text, "@KEY@", authority.key("server"));
  text = Replace(text, "@ROOT@", authority.root());
  text = Replace(text, "@MAIN@", options.main_options);
  text = Replace(text, "@ROUTERS@", options.routers);
  WriteFile(config_file_, Replace(text, "@TRANSPORTS@", options.transports));
  Start();
}

SubmissionGateway::SubmissionGateway(const Authority& authority, int upstream_port,
                                     const std::string& transport)
    : SubmissionGateway(authority, OneUpstream(upstream_port, transport)) {}

void SubmissionGateway::Restart() {
  process_.reset();
  Start();
}

void SubmissionGateway::Start() {
  process_ = std::make_unique<Process>(
      std::vector<std::string>{SignetProgram(), "serve", "-C", config_file_},
      Process::Options{.output_file = directory_ / "log"});
  if (!WaitUntil([this] { return !process_->running() || SomebodyListens(port_); }) ||
      !process_->running())
    throw std::runtime_error("signet did not start: " + process_->Output() + "\nwith:\n" +
                             ReadFile(config_file_));
}

SmtpClient SubmissionGateway::Client(const std::string& name) const {
  SmtpClient client(port_);
  client.Begin(name.empty() ? "" : authority_.pem(name), name.empty() ? "" : authority_.key(name));
  return client;
}

}  // namespace signet::test
