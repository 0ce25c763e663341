#ifndef SIGNET_TEST_SYSTEM_WORLD_H_
#define SIGNET_TEST_SYSTEM_WORLD_H_

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "test/support/gateway.h"
#include "test/support/process.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"

namespace signet::test {

// The certificates of test/support/make_certificates.cc, made once per program.
class Certificates {
 public:
  static const Certificates& Get() {
    static const Certificates certificates;
    return certificates;
  }
  std::string pem(const std::string& name) const { return directory_ / (name + ".pem"); }
  std::string key(const std::string& name) const { return directory_ / (name + ".key"); }

 private:
  Certificates() {
    const Finished made =
        Run({BuildDirectory() + "/test/support/make_certificates", directory_.path()});
    if (made.status != 0) throw std::runtime_error("make_certificates: " + made.output);
  }
  TempDir directory_;
};

inline Gateway::Options GatewayOptions(const std::string& ldap_servers, int upstream_port) {
  const Certificates& certificates = Certificates::Get();
  Gateway::Options options;
  options.server_certificate = certificates.pem("server");
  options.server_key = certificates.key("server");
  options.client_ca = certificates.pem("client-ca");
  options.ldap_servers = ldap_servers;
  options.upstream_port = upstream_port;
  return options;
}

// A directory, a mail server and a gateway between them and the clients.
struct World {
  World() : World(nullptr) {}
  explicit World(Upstream::Script script) : upstream(std::move(script)) { Start({}); }
  World(Upstream::Script script, const Gateway::Options& extra) : upstream(std::move(script)) {
    Start(extra);
  }

  // A client whose EHLO after STARTTLS has been answered; `name` "" brings no certificate.
  SmtpClient Client(const std::string& name) {
    SmtpClient client(gateway->starttls_port());
    client.Begin(name.empty() ? "" : Certificates::Get().pem(name),
                 name.empty() ? "" : Certificates::Get().key(name));
    return client;
  }
  // What the gateway says to RCPT after that client's MAIL.
  std::string RcptReply(const std::string& name, const std::string& sender) {
    SmtpClient client = Client(name);
    if (client.Say("MAIL FROM:<" + sender + ">").substr(0, 3) != "250") return client.reply();
    return client.Say("RCPT TO:<someone@example.net>");
  }

  Slapd slapd;
  Upstream upstream;
  std::unique_ptr<Gateway> gateway;

 private:
  void Start(const Gateway::Options& extra) {
    Gateway::Options options = GatewayOptions(slapd.host_and_port(), upstream.port());
    options.main_options = extra.main_options;
    options.edits = extra.edits;
    gateway = std::make_unique<Gateway>(options);
  }
};

}  // namespace signet::test
#endif
