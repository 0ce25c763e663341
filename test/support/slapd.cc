#include "test/support/slapd.h"

#include <signal.h>

#include <filesystem>
#include <stdexcept>

namespace signet::test {

Slapd::Slapd(const std::string& more_ldif, const Tls& tls) : port_(FreePort()) {
  std::filesystem::create_directory(directory_ / "db");
  std::string text = ReadFile("test/support/slapd.conf");
  text = Replace(text, "@PEERS@", PeersDirectory());
  text = Replace(text, "@ROOT@", ProjectRoot());
  text = Replace(text, "@DIRECTORY@", directory_.path());
  if (!tls.certificate.empty()) {
    tls_port_ = FreePort();
    WriteFile(directory_ / "server.pem", tls.certificate);
    WriteFile(directory_ / "server.key", tls.key);
    text = "TLSCertificateFile " + (directory_ / "server.pem") + "\nTLSCertificateKeyFile " +
           (directory_ / "server.key") + "\n" + text;
  }
  WriteFile(directory_ / "slapd.conf", text);
  const Finished loaded =
      Run({PeersDirectory() + "/usr/sbin/slapadd", "-f", directory_ / "slapd.conf"},
          {.environment = PeerEnvironment(),
           .input = ReadFile("test/support/directory.ldif") + "\n" + more_ldif});
  if (loaded.status != 0) throw std::runtime_error("slapadd: " + loaded.output);
  Start();
}

void Slapd::Start() {
  std::string urls = "ldap://127.0.0.1:" + std::to_string(port_);
  urls += " ldapi://" + Replace(socket_path(), "/", "%2F");
  if (tls_port_ != 0) urls += " ldaps://127.0.0.1:" + std::to_string(tls_port_);
  process_ = std::make_unique<Process>(
      std::vector<std::string>{PeersDirectory() + "/usr/sbin/slapd", "-f",
                               directory_ / "slapd.conf", "-h", urls, "-d", "0"},
      Process::Options{.environment = PeerEnvironment()});
  if (!WaitUntil([this] { return SomebodyListens(port_) || !process_->running(); }) ||
      !process_->running()) {
    throw std::runtime_error("slapd did not start: " + process_->Output());
  }
}

// The signal is asynchronous, and a server that still runs might answer once more.
void Slapd::Stop() {
  process_->Signal(SIGSTOP);
  const std::string stat = "/proc/" + std::to_string(process_->pid()) + "/stat";
  WaitUntil([&] { return ReadFile(stat).find(") T ") != std::string::npos; });
}
void Slapd::Continue() { process_->Signal(SIGCONT); }
void Slapd::Kill() { process_.reset(); }

void Slapd::Modify(const std::string& ldif) {
  const Finished done = Run({"ldapmodify", "-x", "-H", "ldap://127.0.0.1:" + std::to_string(port_),
                             "-D", "cn=admin,dc=example,dc=org", "-w", "secret"},
                            {.input = ldif});
  if (done.status != 0) throw std::runtime_error("ldapmodify: " + done.output);
}

}  // namespace signet::test
