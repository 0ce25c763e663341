#ifndef SIGNET_TEST_SUPPORT_SLAPD_H_
#define SIGNET_TEST_SUPPORT_SLAPD_H_

#include <memory>
#include <string>

#include "test/support/process.h"

namespace signet::test {

// A private OpenLDAP server on a loopback port, with the accounts of
// test/support/directory.ldif (and more, as LDIF text, where wanted). With a certificate
// (PEM) it can do StartTLS, and listens for ldaps:// on another port.
class Slapd {
 public:
  struct Tls {
    std::string certificate, key;
  };
  explicit Slapd(const std::string& more_ldif = "", const Tls& tls = {});

  int port() const { return port_; }
  int tls_port() const { return tls_port_; }
  // Its socket, which ldapi:// URLs name with %2F for each slash.
  std::string socket_path() const { return directory_ / "ldapi"; }
  std::string host_and_port() const { return "127.0.0.1::" + std::to_string(port_); }

  void Stop();  // SIGSTOP: connections stay, nothing is answered
  void Continue();
  void Kill();
  void Start();  // again, on the same port with the same entries
  // Runs ldapmodify as the administrator.
  void Modify(const std::string& ldif);

 private:
  TempDir directory_;
  int port_, tls_port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
