// What a handshake with a client certificate costs the server, beside a bare loop around
// GnuTLS that does the same: ECDSA P-256, chain of three with a P-384 root, TLS 1.3.
// Processor time of the server's thread; the client is on another.
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/tls/tls.h"
#include "test/bench/measure.h"
#include "test/support/certificates.h"
#include "test/support/tls_client.h"

namespace {

using namespace signet;           // NOLINT
using namespace signet::testing;  // NOLINT

constexpr int kSessions = 200;

double ThreadMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

// A server, its files, and clients with certificates of their own.
struct Place {
  Place() {
    char pattern[] = "/tmp/signet-bench-XXXXXX";
    folder = mkdtemp(pattern);
    const Issued server = Issue(ServerSpec(), Key::Generate(KeyType::kEcdsaP256), &intermediate);
    WriteFile(folder + "/server.pem", server.Pem() + intermediate.Pem());
    WriteFile(folder + "/server.key", server.key.Pem());
    WriteFile(folder + "/ca.pem", root.Pem());
    const Key key = Key::Generate(KeyType::kEcdsaP256);
    for (int i = 0; i < kSessions; ++i) {
      TlsClientOptions options;
      options.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519";
      options.chain_pem =
          Issue(ClientSpec("user" + std::to_string(i) + "@example.org"), key, &intermediate).Pem() +
          intermediate.Pem();
      options.key_pem = key.Pem();
      clients.push_back(options);
    }
  }
  ~Place() {
    for (const char* name : {"/server.pem", "/server.key", "/ca.pem"})
      unlink((folder + name).c_str());
    rmdir(folder.c_str());
  }
  const Issued root = MakeRoot();
  const Issued intermediate = MakeIntermediate(root);
  std::string folder;
  std::vector<TlsClientOptions> clients;
};

// Runs `serve` with the server's ends of kSessions connections; microseconds for each.
template <typename Serve>
double Measure(const Place& place, Serve serve) {
  std::vector<int> ours, theirs;
  for (int i = 0; i < kSessions; ++i) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    ours.push_back(fds[0]);
    theirs.push_back(fds[1]);
  }
  std::thread peer([&] {
    for (int i = 0; i < kSessions; ++i) {
      TlsClient client(theirs[static_cast<std::size_t>(i)],
                       place.clients[static_cast<std::size_t>(i)]);
      if (client.Handshake() != 0) std::abort();
      client.Receive();
    }
  });
  const double begin = ThreadMicroseconds();
  serve(ours);
  const double spent = ThreadMicroseconds() - begin;
  peer.join();
  return spent / kSessions;
}

enum class Verify { kNo, kYes };

void ServeBare(const Place& place, const std::vector<int>& fds, Verify verify) {
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_priority_t priority = nullptr;
  gnutls_certificate_allocate_credentials(&credentials);
  gnutls_certificate_set_x509_key_file(credentials, (place.folder + "/server.pem").c_str(),
                                       (place.folder + "/server.key").c_str(), GNUTLS_X509_FMT_PEM);
  gnutls_certificate_set_x509_trust_file(credentials, (place.folder + "/ca.pem").c_str(),
                                         GNUTLS_X509_FMT_PEM);
  gnutls_priority_init(&priority,
                       "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"
                       "-GROUP-ALL:+GROUP-X25519:%SERVER_PRECEDENCE",
                       nullptr);
  for (const int fd : fds) {
    gnutls_session_t session = nullptr;
    gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    gnutls_priority_set(session, priority);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, 0);
    int code;
    while ((code = gnutls_handshake(session)) == GNUTLS_E_AGAIN) {
      pollfd waiting = {fd, POLLIN, 0};
      poll(&waiting, 1, 20'000);
    }
    if (code < 0) std::abort();
    if (verify == Verify::kYes) {
      char oid[] = GNUTLS_KP_TLS_WWW_CLIENT;
      gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID,
                                    reinterpret_cast<unsigned char*>(oid), 0};
      unsigned status = 1;
      gnutls_certificate_verify_peers(session, &data, 1, &status);
      if (status != 0) std::abort();
    }
    gnutls_bye(session, GNUTLS_SHUT_WR);
    gnutls_deinit(session);
    close(fd);
  }
  gnutls_priority_deinit(priority);
  gnutls_certificate_free_credentials(credentials);
}

void ServeOurs(const tls::ServerPolicyPtr& policy, const std::vector<int>& fds) {
  engine::RunInLoop([&] {
    for (const int fd : fds) {
      const auto accepted =
          tls::Accept(engine::Socket(fd), policy, tls::ClientCertificate::kRequire,
                      Deadline::After(std::chrono::seconds(20)));
      if (!accepted.ok() || !accepted.value().facts.verified) std::abort();
    }
  });
}

tls::ServerPolicyPtr PolicyOf(const Place& place) {
  auto policy = tls::ServerPolicy::Make({.certificate_file = place.folder + "/server.pem",
                                         .key_file = place.folder + "/server.key",
                                         .verify_file = place.folder + "/ca.pem"});
  if (!policy.ok()) std::abort();
  return policy.value();
}

// --- memory ------------------------------------------------------------------------------

double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long total = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%lu %lu", &total, &resident) != 2) std::abort();
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Clients of a process of their own, who shake hands and wait for the end.
pid_t ForkClients(const Place& place, const std::vector<int>& fds, const std::vector<int>& others) {
  const pid_t child = fork();
  if (child != 0) return child;
  for (const int fd : others) close(fd);
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    clients.push_back(std::make_unique<TlsClient>(fds[i], place.clients[i % place.clients.size()]));
    if (clients.back()->Handshake() != 0) std::abort();
  }
  clients.front()->Receive();
  _exit(0);
}

// Resident octets per session that has shaken hands and waits for a command, its
// coroutine's stack included.
double MeasureMemory(const Place& place, std::size_t sessions) {
  std::vector<int> ours, theirs;
  for (std::size_t i = 0; i < sessions; ++i) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    ours.push_back(fds[0]);
    theirs.push_back(fds[1]);
  }
  const pid_t child = ForkClients(place, theirs, ours);
  for (const int fd : theirs) close(fd);
  const auto policy = PolicyOf(place);
  engine::Loop loop;
  std::size_t waiting = 0;
  double before = 0, after = 0;
  loop.Post([&] {
    before = ResidentBytes();
    for (const int fd : ours)
      loop.Spawn([&, fd] {
        const auto accepted =
            tls::Accept(engine::Socket(fd), policy, tls::ClientCertificate::kRequest,
                        Deadline::After(std::chrono::seconds(60)));
        if (!accepted.ok()) std::abort();
        engine::SetPriority(engine::Priority::kEstablished);
        if (++waiting == sessions) {
          after = ResidentBytes();
          loop.Stop();
        }
        char octet;
        (void)accepted.value().stream->Read(&octet, 1, Deadline::Never());
      });
  });
  loop.Run();
  waitpid(child, nullptr, 0);
  return (after - before) / static_cast<double>(sessions);
}

}  // namespace

int main() {
  const Place place;
  const double memory = MeasureMemory(place, 400);  // first: there are no threads yet
  double bare = 1e9, verified = 1e9, first = 1e9, again = 1e9;
  for (int round = 0; round < bench::Times(5, 2);
       ++round) {  // interleaved: the machine has its moods
    bare = std::min(bare,
                    Measure(place, [&](const auto& fds) { ServeBare(place, fds, Verify::kNo); }));
    verified = std::min(
        verified, Measure(place, [&](const auto& fds) { ServeBare(place, fds, Verify::kYes); }));
    const auto policy = PolicyOf(place);
    first = std::min(first, Measure(place, [&](const auto& fds) { ServeOurs(policy, fds); }));
    again = std::min(again, Measure(place, [&](const auto& fds) { ServeOurs(policy, fds); }));
  }
  using bench::Number;
  bench::Table table("A handshake with a client certificate, alone",
                     {"server's thread, TLS 1.3", "CPU, µs (least)", "× the bare loop's"});
  table.Row({"bare GnuTLS, chain not verified", Number(bare, 0), ""});
  table.Row({"bare GnuTLS, chain verified", Number(verified, 0), ""});
  table.Row({"Signet, chain seen first", Number(first, 0), Number(first / verified, 2)});
  table.Row({"Signet, chain seen before", Number(again, 0), Number(again / bare, 2)});
  table.Note("No SMTP, no TCP. A session that waits behind its handshake takes " +
             Number(memory / 1024, 1) + " KiB there.");
  table.Print();
  bench::Figure("handshake_first_of_bare", first / verified);
  bench::Figure("handshake_known_of_bare", again / bare);
  return 0;
}
