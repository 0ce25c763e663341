#include "test/bench/peers.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/crypto/digest.h"
#include "test/bench/measure.h"
#include "test/support/dovecot.h"
#include "test/support/exim.h"
#include "test/support/postfix.h"

namespace signet::bench {
namespace {

using test::FreePort;
using test::Gateway;
using test::PeersDirectory;
using test::Process;
using test::Replace;
using test::SomebodyListens;
using test::TempDir;
using test::WaitUntil;
using test::WriteFile;
using testing::Issued;
using testing::KeyType;

// What the condition of the manual's example is without its search in the directory.
constexpr const char* kWithoutLdap = "server_condition = ${if eq{$tls_in_certificate_verified}{1}}";

// The gateway's file with or without the search.
std::string ExampleBody(bool ldap) {
  std::string text = test::ReadFile("doc/examples/exim-manual.conf");
  if (ldap) return text;
  const std::size_t begin = text.find("server_condition =");
  const std::size_t end = text.find("  # signet:", begin);
  if (end == std::string::npos) throw std::runtime_error("the example has another condition now");
  return text.replace(begin, end - begin, std::string(kWithoutLdap) + "\n");
}

std::string Fill(std::string text, const World& world, const std::string& directory) {
  text = Replace(text, "@DIRECTORY@", directory);
  text = Replace(text, "@PEERS@", PeersDirectory());
  text = Replace(text, "@LDAP@", world.ldap);
  text = Replace(text, "@SINK@", std::to_string(world.sink.port()));
  return Replace(text, "@CERTIFICATES@", Replace(world.authority.path(""), "//", "/"));
}

// A server of which nothing but its own configuration is needed.
struct PlainServer {
  TempDir directory;
  std::unique_ptr<Process> process;
  int port = FreePort();

  void Start(const std::vector<std::string>& command, int listens) {
    process = std::make_unique<Process>(command,
                                        Process::Options{.environment = test::PeerEnvironment()});
    if (!WaitUntil([&] { return SomebodyListens(listens) || !process->running(); }) ||
        !process->running())
      throw std::runtime_error(command[0] + " did not start: " + process->Output());
  }
};

}  // namespace

// --- clients ------------------------------------------------------------------------------

Authority::Authority()
    : key_(testing::Key::Generate(KeyType::kEcdsaP256)),
      root_(testing::MakeRoot()),
      intermediate_(testing::MakeIntermediate(root_)) {
  const testing::Key key = testing::Key::Generate(KeyType::kEcdsaP256);
  const Issued server = testing::Issue(testing::ServerSpec(), key, &intermediate_);
  const std::string chain = server.Pem() + intermediate_.Pem();
  WriteFile(directory_ / "server.pem", chain);
  testing::WriteFile(directory_ / "server.key", key.Pem());  // mode 0600
  WriteFile(directory_ / "exim.key", key.Pem());             // for Exim's own user
  WriteFile(directory_ / "both.pem", chain + key.Pem());     // for HAProxy
  WriteFile(directory_ / "client-ca.pem", root_.Pem());

  const Issued leaf =
      testing::Issue(testing::ClientSpec("alice@example.org"), key_, &intermediate_);
  known_der_ = leaf.der;
  known_ = {Credentials::FromPem(leaf.Pem() + intermediate_.Pem(), key_.Pem())};

  const Issued other_root = testing::MakeRoot("Test Root", KeyType::kEcdsaP384, 102);
  const Issued other =
      testing::MakeIntermediate(other_root, "Test Intermediate", KeyType::kEcdsaP256, 103);
  const Issued stranger = testing::Issue(testing::ClientSpec("alice@example.org"), key_, &other);
  untrusted_ = {Credentials::FromPem(stranger.Pem() + other.Pem(), key_.Pem())};
}

std::string Authority::Leaf(const std::string& mail) const {
  return testing::Issue(testing::ClientSpec(mail), key_, &intermediate_).Pem() +
         intermediate_.Pem();
}

CredentialsList Authority::Fresh(const std::string& mail, int count) const {
  CredentialsList list;
  for (int i = 0; i < count; ++i) {
    const std::string chain = Leaf(mail);
    list.push_back(Credentials::FromPem(chain, key_.Pem()));
    if (i > 0) continue;
    WriteFile(directory_ / "client.pem", chain);
    WriteFile(directory_ / "client.key", key_.Pem());
  }
  return list;
}

CredentialsList Authority::Accounts(int count) const {
  CredentialsList list;
  for (int i = 0; i < count; ++i)
    list.push_back(
        Credentials::FromPem(Leaf("user" + std::to_string(i) + "@example.org"), key_.Pem()));
  return list;
}

// With colons, as Postfix writes it.
std::string Authority::known_fingerprint() const {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char octet : crypto::Sha256(known_der_)) {
    if (!text.empty()) text += ':';
    text += kDigits[static_cast<unsigned char>(octet) >> 4];
    text += kDigits[static_cast<unsigned char>(octet) & 15];
  }
  return text;
}

// --- behind all of them -------------------------------------------------------------------

Sink::Sink() : port_(FreePort()) {
  Process::Options options;
  options.environment = test::PeerEnvironment();
  options.environment[0] += ":" + PeersDirectory() + "/usr/lib/postfix";
  std::vector<std::string> command = {PeersDirectory() + "/usr/sbin/smtp-sink"};
  if (getuid() == 0) command.insert(command.end(), {"-u", "nobody"});
  command.insert(command.end(),
                 {"-c", "-m", "15000", "127.0.0.1:" + std::to_string(port_), "4000"});
  process_ = std::make_unique<Process>(command, options);
  if (!WaitUntil([this] { return SomebodyListens(port_) || !process_->running(); }) ||
      !process_->running())
    throw std::runtime_error("smtp-sink did not start: " + process_->Output());
}

// It writes "sess=1 quit=1 mesg=1\r" whenever a number changes.
long Sink::messages() const {
  const std::string output = process_->Output();
  const std::size_t at = output.rfind("mesg=");
  return at == std::string::npos ? 0 : std::atol(output.c_str() + at + 5);
}

// --- the servers ---------------------------------------------------------------------------

Server MakeSignet(const World& world, const SignetOptions& options) {
  struct Owner {
    TempDir directory;
    std::unique_ptr<Gateway> gateway;
  };
  auto owner = std::make_shared<Owner>();
  Gateway::Options gateway;
  gateway.server_certificate = world.authority.path("server.pem");
  gateway.server_key = world.authority.path("server.key");
  gateway.client_ca =
      options.client_ca.empty() ? world.authority.path("client-ca.pem") : options.client_ca;
  gateway.ldap_servers = world.ldap;
  gateway.upstream_port = world.sink.port();
  // All clients have one address here, and some are to be held.
  gateway.main_options =
      "smtp_accept_max = 12000\nsmtp_accept_max_per_host = 12000\n"
      "smtp_accept_max_nonmail = 100000\nlog_file_path = " +
      (owner->directory / "%slog") + "\n" + options.main_options;
  if (options.resumption) gateway.main_options += "\ntls_resumption_hosts = *";
  if (!options.ldap) {
    const std::string with = ExampleBody(true), without = ExampleBody(false);
    const std::size_t begin = with.find("server_condition =");
    const std::size_t end = with.find("  # signet:", begin);
    gateway.edits = {{with.substr(begin, end - begin), std::string(kWithoutLdap) + "\n"}};
  }
  gateway.edits.insert(gateway.edits.end(), options.edits.begin(), options.edits.end());
  if (!options.acls.empty())
    gateway.edits.push_back(
        {"\nbegin authenticators\n", options.acls + "\nbegin authenticators\n"});
  owner->gateway = std::make_unique<Gateway>(gateway);
  Server server;
  server.name = "Signet";
  server.pid = owner->gateway->pid();
  server.load.port = owner->gateway->starttls_port();
  server.gateway = owner->gateway.get();
  server.most_idle = 10'000;
  server.owner = owner;
  return server;
}

Server MakeExim(const World& world, bool ldap, bool resumption) {
  constexpr const char* kMain = R"(
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
smtp_accept_queue_per_connection = 0
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts = *
tls_certificate = @CERTIFICATES@/server.pem
tls_privatekey = @CERTIFICATES@/exim.key
tls_try_verify_hosts = *
tls_verify_certificates = @CERTIFICATES@/client-ca.pem
ldap_default_servers = @LDAP@
)";
  const std::string file = ExampleBody(ldap);
  std::string text = kMain + std::string(resumption ? "tls_resumption_hosts = *\n" : "") +
                     file.substr(file.find("acl_smtp_mail"));
  // The names of its own directory and port are filled in by EximPeer.
  text = Replace(text, "@LDAP@", world.ldap);
  text = Replace(text, "@CERTIFICATES@", Replace(world.authority.path(""), "//", "/"));
  // Exim refuses to deliver to what it takes for itself, and any loopback address is that.
  text = Replace(text, "127.0.0.1::10025", "127.0.0.1");
  text = Replace(text, "  transport = to_mta\n", "  transport = to_mta\n  self = send\n");
  text += "  port = " + std::to_string(world.sink.port()) + "\n  allow_localhost\n";
  auto exim = std::make_shared<test::EximPeer>(text);
  Server server;
  server.name = "Exim";
  server.pid = exim->pid();
  server.load.port = exim->port();
  server.most_idle = 200;
  server.owner = exim;
  return server;
}

Server MakePostfix(const World& world) {
  auto owner = std::make_shared<std::pair<TempDir, std::unique_ptr<test::PostfixPeer>>>();
  WriteFile(owner->first / "relay_clientcerts", world.authority.known_fingerprint() + " alice\n");
  test::PostfixPeer::Options options;
  options.certificate = world.authority.path("server.pem");
  options.key = world.authority.path("server.key");
  options.services = "smtp unix - - n - - smtp\n";
  options.main = R"(
virtual_mailbox_domains =
virtual_mailbox_maps =
relayhost = [127.0.0.1]:@SINK@
smtp_dns_support_level = disabled
default_process_limit = 300
max_idle = 1h
smtpd_client_connection_count_limit = 0
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = @CERTIFICATES@/client-ca.pem
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache
relay_clientcerts = texthash:@DIRECTORY@/relay_clientcerts
smtpd_relay_restrictions = permit_tls_clientcerts, reject
smtpd_recipient_restrictions = permit_tls_clientcerts, reject
)";
  options.main = Replace(options.main, "@SINK@", std::to_string(world.sink.port()));
  options.main =
      Replace(options.main, "@CERTIFICATES@", Replace(world.authority.path(""), "//", "/"));
  options.main = Replace(options.main, "@DIRECTORY@", owner->first.path());
  owner->second = std::make_unique<test::PostfixPeer>(options);
  Server server;
  server.name = "Postfix";
  server.pid = owner->second->pid();
  server.load.port = owner->second->port();
  server.most_idle = 200;
  server.owner = owner;
  return server;
}

Server MakeNginx(const World& world) {
  constexpr const char* kGlobal = R"(
load_module @PEERS@/usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 15000;
error_log @DIRECTORY@/log;
pid @DIRECTORY@/pid;
events { worker_connections 14000; }
)";
  constexpr const char* kMail = R"(
mail {
  server_name mx.example.org;
  auth_http 127.0.0.1:@ANSWERER@/;
  smtp_auth none;
  xclient off;
  timeout 10m;
  ssl_certificate @CERTIFICATES@/server.pem;
  ssl_certificate_key @CERTIFICATES@/server.key;
  ssl_client_certificate @CERTIFICATES@/client-ca.pem;
  ssl_verify_client on;
  ssl_verify_depth 3;
  ssl_protocols TLSv1.2 TLSv1.3;
  auth_http_pass_client_cert on;
  server { listen 127.0.0.1:@PORT@; protocol smtp; starttls only; }
}
)";
  // Who may relay, and to where, is asked of another process, which is not counted.
  constexpr const char* kAnswerer = R"(
http {
  access_log off;
  client_body_temp_path @DIRECTORY@; proxy_temp_path @DIRECTORY@; fastcgi_temp_path @DIRECTORY@;
  uwsgi_temp_path @DIRECTORY@; scgi_temp_path @DIRECTORY@;
  server {
    listen 127.0.0.1:@PORT@;
    location / {
      add_header Auth-Status OK;
      add_header Auth-Server 127.0.0.1;
      add_header Auth-Port @SINK@;
      return 200;
    }
  }
}
)";
  auto owner = std::make_shared<std::pair<PlainServer, PlainServer>>();
  PlainServer& mail = owner->first;
  PlainServer& answerer = owner->second;
  const auto start = [&](PlainServer* server, const std::string& rest) {
    std::string text = Fill(kGlobal + rest, world, server->directory.path());
    text = Replace(text, "@PORT@", std::to_string(server->port));
    text = Replace(text, "@ANSWERER@", std::to_string(answerer.port));
    WriteFile(server->directory / "conf", text);
    const std::string directory = server->directory.path();
    server->Start({PeersDirectory() + "/usr/sbin/nginx", "-p", directory, "-e", directory + "/log",
                   "-c", directory + "/conf"},
                  server->port);
  };
  start(&answerer, kAnswerer);
  start(&mail, kMail);
  Server server;
  server.name = "nginx";
  server.pid = mail.process->pid();
  server.load.port = mail.port;
  server.most_idle = 10'000;
  server.owner = owner;
  return server;
}

Server MakeDovecot(const World& world) {
  constexpr const char* kConfiguration = R"(
base_dir = @DIRECTORY@/run
state_dir = @DIRECTORY@/state
log_path = @DIRECTORY@/log
libexec_dir = @DIRECTORY@/program
import_environment = LD_LIBRARY_PATH=@DIRECTORY@/program
default_internal_user = @USER@
default_internal_group = @GROUP@
default_login_user = @USER@
default_client_limit = 12000
default_vsz_limit = 0
protocols = submission
listen = 127.0.0.1
hostname = mx.example.org
mail_max_userip_connections = 10000
ssl = required
ssl_min_protocol = TLSv1.2
ssl_cert = <@CERTIFICATES@/server.pem
ssl_key = <@CERTIFICATES@/server.key
ssl_ca = <@CERTIFICATES@/client-ca.pem
ssl_require_crl = no
ssl_verify_client_cert = yes
ssl_cert_username_field = commonName
auth_ssl_require_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = external
auth_failure_delay = 0
passdb {
  driver = static
  args = proxy=y host=127.0.0.1 port=@SINK@ nopassword=y proxy_noauth=y
}
userdb {
  driver = static
  args = uid=@USER@ gid=@GROUP@ home=/nowhere
}
service auth {
  user =
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service submission-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  inet_listener submission {
    port = @PORT@
  }
}
)";
  struct Owner {
    TempDir directory;
    std::unique_ptr<Process> process;
    int port = FreePort();
  };
  auto owner = std::make_shared<Owner>();
  const TempDir& directory = owner->directory;
  for (const char* part : {"run", "state"}) std::filesystem::create_directory(directory / part);
  test::dovecot::CopyProgram(directory / "program");
  test::dovecot::MoveTlsModule(directory / "program", directory / "run");
  std::string text = Fill(kConfiguration, world, directory.path());
  text = Replace(text, "@PORT@", std::to_string(owner->port));
  text = Replace(text, "@USER@", test::dovecot::UserName());
  WriteFile(directory / "conf", Replace(text, "@GROUP@", test::dovecot::GroupName()));
  owner->process = test::dovecot::Start(directory / "program", directory / "conf");
  if (!WaitUntil([&] { return SomebodyListens(owner->port) || !owner->process->running(); }) ||
      !owner->process->running())
    throw std::runtime_error("dovecot did not start: " + owner->process->Output() +
                             test::ReadFile(directory / "log"));
  Server server;
  server.name = "Dovecot";
  server.pid = owner->process->pid();
  server.load.port = owner->port;
  server.load.auth = "AUTH EXTERNAL =";
  server.resumes = false;
  server.owner = owner;
  return server;
}

Server MakeHaproxy(const World& world) {
  constexpr const char* kConfiguration = R"(
global
  maxconn 8000
  nbthread 1
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen gateway
  bind 127.0.0.1:@PORT@ backlog 2000 ssl crt @CERTIFICATES@/both.pem ca-file @CERTIFICATES@/client-ca.pem verify required
  server sink 127.0.0.1:@SINK@
)";
  auto owner = std::make_shared<PlainServer>();
  std::string text = Fill(kConfiguration, world, owner->directory.path());
  WriteFile(owner->directory / "conf", Replace(text, "@PORT@", std::to_string(owner->port)));
  owner->Start({PeersDirectory() + "/usr/sbin/haproxy", "-db", "-f", owner->directory / "conf"},
               owner->port);
  Server server;
  server.name = "HAProxy";
  server.pid = owner->process->pid();
  server.load.port = owner->port;
  server.load.tls_on_connect = true;
  server.most_idle = 5'000;  // each holds a connection to the sink
  server.owner = owner;
  return server;
}

// --- proofs ---------------------------------------------------------------------------------

void Demand(const LoadResult& result, const std::string& what) {
  if (result.bad == 0 && result.good > 0) return;
  std::fprintf(stderr, "%s: %d good, %d bad: %s\n", what.c_str(), result.good, result.bad,
               result.first_problem.c_str());
  std::exit(1);
}

void DemandAuthentication(const Server& server, const World& world) {
  LoadOptions options = server.load;
  options.sessions = options.at_once = 1;
  options.messages = 1;
  options.deadline_seconds = 20;
  const long before = world.sink.messages();
  options.credentials = world.authority.known();
  Demand(Load(options).Run(), server.name + ", with a certificate");
  if (!WaitUntil([&] { return world.sink.messages() == before + 1; })) {
    std::fprintf(stderr, "%s has not relayed a message\n", server.name.c_str());
    std::exit(1);
  }
  for (const CredentialsList& wrong : {CredentialsList(), world.authority.untrusted()}) {
    options.credentials = wrong;
    if (Load(options).Run().good == 0) continue;
    std::fprintf(stderr, "%s lets a client %s certificate send\n", server.name.c_str(),
                 wrong.empty() ? "without a" : "with a strange");
    std::exit(1);
  }
}

}  // namespace signet::bench
