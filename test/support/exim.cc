#include "test/support/exim.h"

#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace signet::test {
namespace {

// It refuses to work as root; this user need not exist, see `passwd` below.
constexpr uid_t kEximUser = 65534;

constexpr const char* kStoringServer = R"(
exim_path = @DIRECTORY@/program/exim4
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = upstream.example.org
spool_directory = @DIRECTORY@/spool
log_file_path = @DIRECTORY@/log-%s
pid_file_path = @DIRECTORY@/pid
keep_environment = *
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
smtp_accept_queue_per_connection = 0
@MAIN@
acl_smtp_rcpt = all
acl_smtp_data = all
begin acl
all:
  accept
begin routers
store:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  user = Debian-exim
  directory = @DIRECTORY@/mail
  maildir_format
  delivery_date_add = false
  envelope_to_add = false
  return_path_add = false
@TRANSPORT@
)";

// A client that has not authenticated may say who did where acl_smtp_mailauth accepts.
constexpr const char* kBelieving = R"(
auth_advertise_hosts = *
acl_smtp_mailauth = all
)";
constexpr const char* kOfferAuth = R"(begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = false
begin routers)";

void GiveToEximUser(const std::string& path) {
  if (getuid() == 0 && chown(path.c_str(), kEximUser, kEximUser) != 0)
    throw std::runtime_error("chown " + path);
}

}  // namespace

EximProgram::EximProgram() {
  CopyProgram();
  const uid_t user = getuid() == 0 ? kEximUser : getuid();
  const std::string id = std::to_string(user);
  // Its package would create this user; the name lookup is answered from these files.
  WriteFile(directory_ / "passwd",
            "root:x:0:0::/:/bin/sh\nDebian-exim:x:" + id + ":" + id + "::/:/bin/sh\n");
  WriteFile(directory_ / "group", "root:x:0:\nmail:x:8:\nDebian-exim:x:" + id + ":\n");
  GiveToEximUser(directory_.path());
}

std::vector<std::string> EximProgram::environment() const {
  return {"LD_LIBRARY_PATH=" + (directory_ / "program"),
          "NSS_WRAPPER_PASSWD=" + (directory_ / "passwd"),
          "NSS_WRAPPER_GROUP=" + (directory_ / "group"), "LD_PRELOAD=libnss_wrapper.so"};
}

// Exim starts itself anew as its own user, who may not be let into the project's folder.
void EximProgram::CopyProgram() {
  namespace fs = std::filesystem;
  fs::create_directory(directory_ / "program");
  fs::copy_file(PeersDirectory() + "/usr/sbin/exim4", path());
  for (const std::string& directory : PeerLibraryDirectories()) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() || name.find(".so") == std::string::npos) continue;
      fs::copy_file(entry.path(), directory_ / ("program/" + name),
                    fs::copy_options::overwrite_existing);
    }
  }
}

EximPeer::EximPeer(const std::string& config) {
  GiveToEximUser(directory_.path());
  const std::string text =
      Replace(config.empty() ? kStoringServer : config, "@MAIN@", "tls_advertise_hosts =");
  StartWith(Replace(text, "@TRANSPORT@", ""));
}

EximPeer::EximPeer(const Believing& options) {
  GiveToEximUser(directory_.path());
  std::string main = std::string(kBelieving) + "tls_advertise_hosts =";
  if (!options.certificate.empty()) {
    WriteFile(directory_ / "server.pem", ReadFile(options.certificate));
    WriteFile(directory_ / "server.key", ReadFile(options.key));
    main += " *\ntls_certificate = @DIRECTORY@/server.pem\ntls_privatekey = @DIRECTORY@/server.key";
  }
  std::string text = Replace(kStoringServer, "@MAIN@", main);
  text = Replace(text, "begin routers", kOfferAuth);
  StartWith(Replace(text, "@TRANSPORT@",
                    "  headers_add = X-Authenticated-Sender: [$authenticated_sender]"));
}

void EximPeer::StartWith(std::string config) {
  std::filesystem::create_symlink(program_.directory() / "program", directory_ / "program");
  config = Replace(config, "@DIRECTORY@", directory_.path());
  WriteFile(directory_ / "exim.conf", Replace(config, "@PORT@", std::to_string(port_)));
  Process::Options options;
  options.environment = program_.environment();
  Start({program_.path(), "-C", directory_ / "exim.conf", "-bdf"}, options);
}

std::string EximPeer::FirstMessage() const {
  const std::vector<std::string> messages = Messages();
  return messages.empty() ? "" : messages[0];
}

}  // namespace signet::test
