#include "test/support/opensmtpd.h"

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace signet::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kMailUser = 65003;

constexpr const char* kPasswd = R"(root:x:0:0::/:/bin/sh
opensmtpd:x:65001:65001::/var/lib/opensmtpd/empty:/bin/false
opensmtpq:x:65002:65002::/var/lib/opensmtpd/empty:/bin/false
box:x:65003:65003::/mail:/bin/sh
)";
constexpr const char* kGroup = R"(root:x:0:
opensmtpd:x:65001:
opensmtpq:x:65002:
box:x:65003:
)";
constexpr const char* kConfiguration = R"(
table everybody { "@" = "box" }
@PKI@
listen on 127.0.0.1 port @PORT@ hostname upstream.example.org @TLS@
action store maildir "/mail/box" virtual <everybody>
match from any for any action store
)";

void GiveToMailUser(const std::string& path) {
  if (chown(path.c_str(), kMailUser, kMailUser) != 0) throw std::runtime_error("chown " + path);
}

}  // namespace

bool OpenSmtpdPeer::Possible() { return getuid() == 0; }

// A program and the libraries that it is linked with, which are asked of the dynamic linker.
void OpenSmtpdPeer::CopyProgram(const std::string& from, const std::string& to) {
  const auto copy = [this](const std::string& file, const std::string& place) {
    fs::create_directories(fs::path(root() + place).parent_path());
    fs::copy_file(file, root() + place, fs::copy_options::overwrite_existing);
  };
  copy(from, to);
  std::istringstream words(Run({"ldd", from}, {.environment = PeerEnvironment()}).output);
  for (std::string word; words >> word;) {
    if (word[0] != '/' || word.ends_with(':')) continue;
    const bool peers = word.starts_with(PeersDirectory());
    copy(word, peers ? "/lib/" + fs::path(word).filename().string() : word);
  }
}

OpenSmtpdPeer::OpenSmtpdPeer(const Options& options) {
  for (const char* name : {"/etc", "/dev", "/tmp", "/mail", "/var/run", "/var/spool/smtpd",
                           "/var/lib/opensmtpd/empty"})
    fs::create_directories(root() + name);
  fs::permissions(root() + "/var/spool/smtpd", fs::perms(0711));
  GiveToMailUser(root() + "/mail");
  CopyProgram("/bin/sh", "/bin/sh");  // its deliveries are commands
  CopyProgram(PeersDirectory() + "/usr/sbin/smtpd", "/usr/sbin/smtpd");
  for (const auto& entry : fs::directory_iterator(PeersDirectory() + "/usr/libexec/opensmtpd"))
    CopyProgram(entry.path().string(),
                "/usr/libexec/opensmtpd/" + entry.path().filename().string());
  WriteFile(directory_ / "dev/null", "");
  WriteFile(directory_ / "etc/passwd", kPasswd);
  WriteFile(directory_ / "etc/group", kGroup);
  WriteFile(directory_ / "etc/mailname", "upstream.example.org\n");
  WriteFile(directory_ / "etc/hosts", "127.0.0.1 localhost upstream.example.org\n");
  std::string text = Replace(kConfiguration, "@PORT@", std::to_string(port_));
  const bool tls = !options.certificate.empty();
  if (tls) {
    WriteFile(directory_ / "etc/cert.pem", ReadFile(options.certificate));
    WriteFile(directory_ / "etc/key.pem", ReadFile(options.key));
    fs::permissions(directory_ / "etc/key.pem", fs::perms(0600));
  }
  text = Replace(text, "@PKI@",
                 tls ? "pki up cert \"/etc/cert.pem\"\npki up key \"/etc/key.pem\"" : "");
  WriteFile(directory_ / "etc/smtpd.conf", Replace(text, "@TLS@", tls ? "tls pki up" : ""));
  Process::Options process;
  process.output_file = directory_ / "log";
  Start({"chroot", root(), "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"}, process);
}

}  // namespace signet::test
