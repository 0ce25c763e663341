#include "test/support/dovecot_lmtp.h"

#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "test/support/dovecot.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfiguration = R"(
base_dir = @DIRECTORY@/run
state_dir = @DIRECTORY@/state
log_path = @DIRECTORY@/log
libexec_dir = @DIRECTORY@/program
mail_plugin_dir = @DIRECTORY@/plugins
import_environment = LD_LIBRARY_PATH=@DIRECTORY@/program
default_internal_user = @USER@
default_internal_group = @GROUP@
default_login_user = @USER@
protocols = lmtp
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:@DIRECTORY@/mail/%u
mail_plugins = quota
plugin {
  quota = maildir:User quota
}
userdb {
  driver = passwd-file
  args = @DIRECTORY@/users
  override_fields = uid=@USER@ gid=@GROUP@ home=@DIRECTORY@/mail/%u
}
passdb {
  driver = passwd-file
  args = @DIRECTORY@/users
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
service lmtp {
  user =
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = @PORT@
  }
}
)";

constexpr const char* kUsers =
    "bob@example.net:::::::\n"
    "carol@example.net:::::::\n"
    "full@example.net:::::::userdb_quota_rule=*:bytes=1\n";

void CopyLibraries(const std::string& from, const std::string& to) {
  fs::create_directory(to);
  for (const auto& entry : fs::directory_iterator(from))
    if (entry.path().extension() == ".so" && entry.is_regular_file())
      fs::copy_file(entry.path(), to + "/" + entry.path().filename().string());
}

}  // namespace

DovecotLmtp::DovecotLmtp() {
  dovecot::CopyProgram(directory_ / "program");
  for (const char* part : {"run", "state", "mail"}) fs::create_directory(directory_ / part);
  dovecot::MoveTlsModule(directory_ / "program", directory_ / "run");
  const std::string modules = PeersDirectory() + "/usr/lib/dovecot/modules";
  CopyLibraries(modules, directory_ / "plugins");
  fs::remove(directory_ / "plugins/libssl_iostream_openssl.so");
  const passwd* user = getpwnam(dovecot::UserName().c_str());
  if (getuid() == 0 && chown((directory_ / "mail").c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("chown");
  WriteFile(directory_ / "users", kUsers);
  std::string text = Replace(kConfiguration, "@DIRECTORY@", directory_.path());
  text = Replace(text, "@PORT@", std::to_string(port_));
  text = Replace(text, "@USER@", dovecot::UserName());
  WriteFile(directory_ / "conf", Replace(text, "@GROUP@", dovecot::GroupName()));
  process_ = dovecot::Start(directory_ / "program", directory_ / "conf");
  WaitForStart("dovecot");
}

std::vector<std::string> DovecotLmtp::MessagesOf(const std::string& user) const {
  return MaildirMessages(directory_ / ("mail/" + user));
}

}  // namespace signet::test
