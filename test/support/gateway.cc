#include "test/support/gateway.h"

#include <signal.h>

#include <stdexcept>

namespace signet::test {

Gateway::Gateway(Options options)
    : starttls_port_(FreePort()), tls_port_(FreePort()), config_file_(directory_ / "signet.conf") {
  WriteFile(config_file_, ConfigText(options));
  process_ = std::make_unique<Process>(
      std::vector<std::string>{SignetProgram(), "serve", "-C", config_file_});
  const bool up = WaitUntil([this] {
    return !process_->running() || (SomebodyListens(starttls_port_) && SomebodyListens(tls_port_));
  });
  if (!up || !process_->running()) {
    throw std::runtime_error("signet did not start: " + process_->Output() + "\nwith:\n" +
                             ReadFile(config_file_));
  }
}

std::string Gateway::ConfigText(const Options& options) const {
  const std::string tls_port = std::to_string(tls_port_);
  std::string text = ReadFile("doc/examples/exim-manual.conf");
  text = Replace(text, "587 : 465", std::to_string(starttls_port_) + " : " + tls_port);
  text = Replace(text, "tls_on_connect_ports = 465", "tls_on_connect_ports = " + tls_port);
  text = Replace(text, "/etc/signet/server.pem", options.server_certificate);
  text = Replace(text, "/etc/signet/server.key", options.server_key);
  text = Replace(text, "/etc/signet/client-ca.pem", options.client_ca);
  text = Replace(text, "ldap.example.org", options.ldap_servers);
  text = Replace(text, "127.0.0.1::10025", "127.0.0.1::" + std::to_string(options.upstream_port));
  for (const auto& [from, to] : options.edits) {
    if (text.find(from) == std::string::npos) throw std::runtime_error("no such text: " + from);
    text = Replace(text, from, to);
  }
  return "local_interfaces = 127.0.0.1\n" + options.main_options + "\n" + text;
}

void Gateway::Reload(const std::string& text) {
  WriteFile(config_file_, text);
  process_->Signal(SIGHUP);
}

}  // namespace signet::test
