#include "test/support/dovecot.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace signet::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfiguration = R"(
base_dir = @DIRECTORY@/run
state_dir = @DIRECTORY@/state
log_path = @DIRECTORY@/log
libexec_dir = @DIRECTORY@/program
import_environment = LD_LIBRARY_PATH=@DIRECTORY@/program
default_internal_user = @USER@
default_internal_group = @GROUP@
default_login_user = @USER@
protocols =
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u @DIRECTORY@/users
}
userdb {
  driver = static
  args = uid=@USER@ gid=@GROUP@ home=/nowhere
}
service auth {
  user =
  unix_listener auth-client {
    mode = 0666
  }
}
service anvil {
  chroot =
  # Without the delays that grow with the failures of an address.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
)";

}  // namespace

namespace dovecot {

std::string UserName() {
  const passwd* user = getuid() == 0 ? getpwnam("nobody") : getpwuid(getuid());
  if (user == nullptr) throw std::runtime_error("this user has no name");
  return user->pw_name;
}

std::string GroupName() {
  const passwd* user = getpwnam(UserName().c_str());
  const group* own = user == nullptr ? nullptr : getgrgid(user->pw_gid);
  if (own == nullptr) throw std::runtime_error("this user's group has no name");
  return own->gr_name;
}

void CopyProgram(const std::string& directory) {
  fs::create_directory(directory);
  const std::string usr = PeersDirectory() + "/usr";
  for (const char* file : {"/sbin/dovecot", "/bin/doveconf"})
    fs::copy_file(usr + file, directory + "/" + fs::path(file).filename().string());
  std::vector<std::string> directories = PeerLibraryDirectories();
  directories.push_back(usr + "/lib/dovecot");
  directories.push_back(usr + "/lib/dovecot/modules/old-stats");
  for (const std::string& from : directories)
    for (const auto& entry : fs::directory_iterator(from)) {
      const std::string name = entry.path().filename().string();
      const bool wanted =
          from.find("dovecot") != std::string::npos || name.find(".so") != std::string::npos;
      if (!entry.is_regular_file() || !wanted) continue;
      fs::copy_file(entry.path(), directory + "/" + name, fs::copy_options::overwrite_existing);
    }
}

void MoveTlsModule(const std::string& program, const std::string& base_dir) {
  constexpr std::string_view kCompiledIn = "/usr/lib/dovecot/modules";
  const std::string library = program + "/libdovecot.so.0";
  std::string octets = ReadFile(library);
  const std::size_t at = octets.find(std::string(kCompiledIn) + '\0');
  if (at == octets.npos) throw std::runtime_error("no module directory in " + library);
  std::string name = "modules";
  name.resize(kCompiledIn.size(), '\0');
  WriteFile(library, octets.replace(at, name.size(), name));
  const std::string file = "libssl_iostream_openssl.so";
  fs::create_directory(base_dir + "/modules");
  fs::copy_file(PeersDirectory() + "/usr/lib/dovecot/modules/" + file,
                base_dir + "/modules/" + file);
}

// Dovecot reads its configuration through doveconf, which it looks for where it would be
// installed; started by doveconf, it has no need to.
std::unique_ptr<Process> Start(const std::string& program, const std::string& configuration) {
  Process::Options options;
  options.environment = {"LD_LIBRARY_PATH=" + program};
  return std::make_unique<Process>(
      std::vector<std::string>{program + "/doveconf", "-f", "service=master", "-c", configuration,
                               "-m", "master", "-p", "-e", program + "/dovecot", "-F", "-c",
                               configuration},
      options);
}

}  // namespace dovecot

Dovecot::Dovecot(const std::string& users, const std::string& extra) {
  dovecot::CopyProgram(directory_ / "program");
  fs::create_directory(directory_ / "run");
  fs::create_directory(directory_ / "state");
  WriteFile(directory_ / "users", users);
  std::string text = Replace(kConfiguration + extra, "@DIRECTORY@", directory_.path());
  text = Replace(text, "@USER@", dovecot::UserName());
  WriteFile(directory_ / "conf", Replace(text, "@GROUP@", dovecot::GroupName()));
  process_ = dovecot::Start(directory_ / "program", directory_ / "conf");
  const auto listens = [this] {
    struct stat info;
    return ::stat(socket().c_str(), &info) == 0 || !process_->running();
  };
  if (!WaitUntil(listens) || !process_->running())
    throw std::runtime_error("dovecot did not start: " + process_->Output() + Log());
}

}  // namespace signet::test
