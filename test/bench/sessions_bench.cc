// What an authenticated session costs, beside Debian's Exim with the same configuration,
// the same directory and the same clients, in one run. See doc/performance.md.
//
//   sessions_bench [ROUNDS]
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <thread>

#include "test/bench/load.h"
#include "test/support/certificates.h"
#include "test/support/exim.h"
#include "test/support/gateway.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"

namespace signet::bench {
namespace {

using test::EximPeer;
using test::Gateway;
using test::ReadFile;
using test::Replace;
using test::Slapd;
using test::SmtpClient;
using test::TempDir;
using test::WaitUntil;
using testing::Issued;
using testing::KeyType;

constexpr const char* kEximServer = R"(
exim_path = @DIRECTORY@/program/exim4
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = mx.example.org
spool_directory = @DIRECTORY@/spool
log_file_path = @DIRECTORY@/log-%s
pid_file_path = @DIRECTORY@/pid
keep_environment = *
host_lookup =
smtp_accept_max = 0
smtp_connect_backlog = 500
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts = *
tls_certificate = @CERTIFICATES@/server.pem
tls_privatekey = @CERTIFICATES@/exim.key
tls_try_verify_hosts = *
tls_verify_certificates = @CERTIFICATES@/client-ca.pem
ldap_default_servers = @LDAP@
)";

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

// --- who is who -------------------------------------------------------------------------

// A P-256 leaf, a P-256 intermediate and a P-384 root, as files for the servers and as
// credentials for the clients.
class Authority {
 public:
  Authority() : root_(testing::MakeRoot()), intermediate_(testing::MakeIntermediate(root_)) {
    const testing::Key key = testing::Key::Generate(KeyType::kEcdsaP256);
    const Issued server = testing::Issue(testing::ServerSpec(), key, &intermediate_);
    test::WriteFile(directory_ / "server.pem", server.Pem() + intermediate_.Pem());
    testing::WriteFile(directory_ / "server.key", key.Pem());  // mode 0600
    test::WriteFile(directory_ / "exim.key", key.Pem());       // for Exim's own user
    test::WriteFile(directory_ / "client-ca.pem", root_.Pem());
  }
  std::string path(const std::string& name) const { return directory_ / name; }

  // `count` certificates that nobody has seen, for one account and one key.
  CredentialsList Fresh(const std::string& mail, int count) const {
    static const testing::Key key = testing::Key::Generate(KeyType::kEcdsaP256);
    CredentialsList list;
    for (int i = 0; i < count; ++i) {
      const Issued leaf = testing::Issue(testing::ClientSpec(mail), key, &intermediate_);
      list.push_back(Credentials::FromPem(leaf.Pem() + intermediate_.Pem(), key.Pem()));
      if (i == 0) {
        test::WriteFile(directory_ / "client.pem", leaf.Pem() + intermediate_.Pem());
        test::WriteFile(directory_ / "client.key", key.Pem());
      }
    }
    return list;
  }

 private:
  TempDir directory_;
  Issued root_, intermediate_;
};

Gateway::Options GatewayOptions(const Authority& authority, const Slapd& slapd,
                                const TempDir& logs) {
  Gateway::Options options;
  options.server_certificate = authority.path("server.pem");
  options.server_key = authority.path("server.key");
  options.client_ca = authority.path("client-ca.pem");
  options.ldap_servers = slapd.host_and_port();
  options.upstream_port = 10025;
  // All clients have one address here.
  options.main_options = "smtp_accept_max_per_host = 5000\nlog_file_path = " + (logs / "%slog");
  return options;
}

// Exim's configuration: its own main section, and the rest of the gateway's file.
std::string EximConfig(const Authority& authority, const Slapd& slapd) {
  std::string text = kEximServer;
  text = Replace(text, "@CERTIFICATES@", Replace(authority.path(""), "//", "/"));
  text = Replace(text, "@LDAP@", slapd.host_and_port());
  const std::string file = ReadFile("doc/examples/exim-manual.conf");
  return text + file.substr(file.find("acl_smtp_mail"));
}

// --- measuring --------------------------------------------------------------------------

// CPU seconds of a process and the children that it has waited for.
double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 13 - 2; ++i) fields >> skipped;
  double ticks[4] = {};
  fields >> ticks[0] >> ticks[1] >> ticks[2] >> ticks[3];
  const double children = (ticks[2] + ticks[3]) / static_cast<double>(sysconf(_SC_CLK_TCK));
  clockid_t clock;
  timespec own{};
  if (clock_getcpuclockid(pid, &clock) == 0) clock_gettime(clock, &own);
  return static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) / 1e9 + children;
}

bool HasChildren(pid_t pid) {
  const std::string id = std::to_string(pid);
  return !ReadFile("/proc/" + id + "/task/" + id + "/children").empty();
}

double RssKib(pid_t pid) {
  const std::string text = ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const std::size_t at = text.find("\nRss:");
  return at == std::string::npos ? 0 : std::atof(text.c_str() + at + 5);
}

void Demand(const LoadResult& result, const char* what) {
  if (result.bad == 0 && result.good > 0) return;
  std::fprintf(stderr, "%s: %d good, %d bad: %s\n", what, result.good, result.bad,
               result.first_problem.c_str());
  std::exit(1);
}

// That the server knows the client is shown by its refusal of another sender.
void DemandIdentity(int port, const Authority& authority, const char* what) {
  SmtpClient client(port);
  client.Begin(authority.path("client.pem"), authority.path("client.key"));
  const std::string reply = client.Say("MAIL FROM:<somebody@example.org>");
  client.Say("QUIT");
  if (reply.find("alice@example.org may not send as somebody@example.org") != std::string::npos)
    return;
  std::fprintf(stderr, "%s does not know its client: %s\n", what, reply.c_str());
  std::exit(1);
}

// Milliseconds of server CPU per session.
double Cost(pid_t pid, const LoadOptions& options, const char* what) {
  const double before = CpuSeconds(pid);
  Load load(options);
  Demand(load.Run(), what);
  WaitUntil([pid] { return !HasChildren(pid); });
  return (CpuSeconds(pid) - before) * 1000 / options.sessions;
}

void Row(const char* what, const std::vector<double>& values, double exim) {
  const double least = *std::min_element(values.begin(), values.end());
  std::printf("  %-44s %8.3f %8.3f", what, least, Median(values));
  if (exim > 0) std::printf("   1/%.1f of Exim's", exim / Median(values));
  std::printf("\n");
}

void MeasureCpu(const Authority& authority, const Slapd& slapd, int rounds) {
  TempDir logs;
  Gateway gateway(GatewayOptions(authority, slapd, logs));
  EximPeer exim(EximConfig(authority, slapd));
  const CredentialsList known = authority.Fresh("alice@example.org", 1);
  DemandIdentity(exim.port(), authority, "Exim");
  DemandIdentity(gateway.starttls_port(), authority, "Signet");

  constexpr int kEximSessions = 200, kSessions = 600, kAtOnce = 50;
  std::vector<double> by_exim, first_sight, seen;
  for (int round = 0; round < rounds; ++round) {
    const CredentialsList fresh = authority.Fresh("alice@example.org", kSessions);
    by_exim.push_back(Cost(exim.pid(), {exim.port(), kEximSessions, kAtOnce, known, 60}, "Exim"));
    first_sight.push_back(
        Cost(gateway.pid(), {gateway.starttls_port(), kSessions, kAtOnce, fresh, 60}, "Signet"));
    seen.push_back(
        Cost(gateway.pid(), {gateway.starttls_port(), kSessions, kAtOnce, known, 60}, "Signet"));
  }
  std::printf(
      "\nserver CPU per authenticated session, ms (STARTTLS, full TLS 1.3 handshake, ECDSA\n"
      "chain of three, one LDAP search; %d at once, %d rounds)%12s %8s\n",
      kAtOnce, rounds, "least", "median");
  Row("Exim 4.96", by_exim, 0);
  Row("Signet, chain not seen before", first_sight, Median(by_exim));
  Row("Signet, chain seen before", seen, Median(by_exim));
}

void MeasureMemory(const Authority& authority, const Slapd& slapd) {
  std::printf("\nmemory per idle TLS session at 1,000, KiB (resident, growth, after 4 s)\n");
  for (const bool distinct : {false, true}) {
    TempDir logs;
    Gateway gateway(GatewayOptions(authority, slapd, logs));
    const CredentialsList credentials = authority.Fresh("alice@example.org", distinct ? 1000 : 1);
    Load warm({gateway.starttls_port(), 20, 10, authority.Fresh("alice@example.org", 1), 60});
    Demand(warm.Run(), "Signet");
    const double before = RssKib(gateway.pid());
    Load load({gateway.starttls_port(), 1000, 50, credentials, 60});
    Demand(load.Hold(true), "Signet");
    std::this_thread::sleep_for(std::chrono::seconds(4));  // what "idle" means
    std::printf("  %-44s %8.1f\n",
                distinct ? "Signet, each with a certificate of its own" : "Signet, one certificate",
                (RssKib(gateway.pid()) - before) / 1000);
  }
}

// A configuration where bob needs no directory and everybody else does.
void MeasureIsolation(const Authority& authority) {
  Slapd slapd;
  TempDir logs;
  Gateway::Options options = GatewayOptions(authority, slapd, logs);
  options.edits = {{"${if and { {eq{$tls_in_certificate_verified}{1}}",
                    "${if or{ {eq{$auth1}{bob@example.org}} { and {"
                    " {eq{$tls_in_certificate_verified}{1}}"},
                   {"{$value}{0} }} }} }}", "{$value}{0} }} }} }} }}"}};
  Gateway gateway(options);
  const int port = gateway.starttls_port();
  const CredentialsList bob = authority.Fresh("bob@example.org", 1);
  const CredentialsList alice = authority.Fresh("alice@example.org", 1);
  const auto half = [&] {
    Load load({port, 100, 100, bob, 60});
    const LoadResult result = load.Run();
    Demand(result, "Signet, half of the clients");
    return result.seconds * 1000;
  };
  half();
  std::vector<double> alone, beside;
  // By turns, so that a machine whose speed drifts is no part of the ratio.
  for (int i = 0; i < 9; ++i) {
    alone.push_back(half());
    slapd.Stop();
    Load waiting({port, 100, 100, alice, 60});
    Demand(waiting.Hold(false), "Signet, clients that wait");
    beside.push_back(half());
    slapd.Continue();
    waiting.Release();
  }
  std::printf(
      "\n200 sessions, half of them waiting for a directory that does not answer:\n"
      "time of the other half, ms%42s %8s\n",
      "least", "median");
  Row("alone", alone, 0);
  Row("beside 100 that wait", beside, 0);
  std::printf("  %-44s %8s %8.2f\n", "ratio", "", Median(beside) / Median(alone));
}

// --- machine ----------------------------------------------------------------------------

std::string FirstLine(const char* command) {
  std::string line;
  if (FILE* pipe = popen(command, "r")) {
    char buffer[256] = "";
    if (std::fgets(buffer, sizeof buffer, pipe) != nullptr) line = buffer;
    pclose(pipe);
  }
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

void PrintMachine() {
  utsname system{};
  uname(&system);
  std::printf("machine   %s, %u cores, kernel %s\nrevision  %s\n",
              FirstLine("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo").c_str(),
              std::thread::hardware_concurrency(), system.release,
              FirstLine("git describe --always --dirty 2>/dev/null").c_str());
}

int Main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  PrintMachine();
  const Authority authority;
  Slapd slapd;
  MeasureCpu(authority, slapd, rounds);
  MeasureMemory(authority, slapd);
  MeasureIsolation(authority);
  return 0;
}

}  // namespace
}  // namespace signet::bench

int main(int argc, char** argv) { return signet::bench::Main(argc, argv); }
