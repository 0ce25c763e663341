#include "test/support/postfix.h"

#include <unistd.h>

#include <filesystem>

namespace signet::test {
namespace {

constexpr const char* kMain = R"(
compatibility_level = 3.6
myhostname = upstream.example.org
mydestination =
alias_maps =
local_recipient_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
local_header_rewrite_clients =
smtpd_peername_lookup = no
queue_directory = @DIRECTORY@/queue
data_directory = @DIRECTORY@/data
meta_directory = @DIRECTORY@/etc
daemon_directory = @PEERS@/usr/lib/postfix/sbin
shlib_directory = @PEERS@/usr/lib/postfix
command_directory = @PEERS@/usr/sbin
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
maillog_file = @DIRECTORY@/log
maillog_file_prefixes = @DIRECTORY@
import_environment = LD_PRELOAD LD_LIBRARY_PATH NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP UID_WRAPPER
  UID_WRAPPER_ROOT UID_WRAPPER_MYUID MAIL_CONFIG MAIL_LOGTAG POSTLOG_SERVICE POSTLOG_HOSTNAME
virtual_mailbox_domains = example.org, example.net, example.com
virtual_mailbox_base = @DIRECTORY@/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:@USER@
virtual_gid_maps = static:@GROUP@
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 52428800
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_sasl_authenticated_header = yes
)";

constexpr const char* kServices = R"(
127.0.0.1:@PORT@ inet n - n - - smtpd
cleanup unix       n - n - 0 cleanup
qmgr    unix       n - n 300 1 qmgr
rewrite unix       - - n - - trivial-rewrite
bounce  unix       - - n - 0 bounce
defer   unix       - - n - 0 bounce
trace   unix       - - n - 0 bounce
tlsmgr  unix       - - n 1000? 1 tlsmgr
virtual unix       - n n - - virtual
error   unix       - - n - - error
retry   unix       - - n - - error
anvil   unix       - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
)";

}  // namespace

// Its programs insist on starting as root and on becoming other users. Both are pretended to
// them: they go on as whoever runs the tests. As files may only be given to oneself, its
// owner of mail is that user, unless that is root, which Postfix would not have.
PostfixPeer::PostfixPeer(const Options& options) {
  namespace fs = std::filesystem;
  fs::create_directories(directory_ / "etc");
  fs::create_directories(directory_ / "data");
  fs::create_directories(directory_ / "mail");
  for (const char* name : {"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                           "incoming", "maildrop", "pid", "private", "public", "saved", "trace"})
    fs::create_directories(directory_ / ("queue/" + std::string(name)));

  const std::string user = std::to_string(getuid() == 0 ? 65000 : getuid());
  const std::string group = std::to_string(getuid() == 0 ? 65000 : getgid());
  WriteFile(directory_ / "passwd", "root:x:0:0::/:/bin/sh\npostfix:x:" + user + ":" + group +
                                       "::/:/bin/sh\nnobody:x:65001:65001::/:/bin/sh\n");
  WriteFile(directory_ / "group",
            "root:x:0:\npostfix:x:" + group + ":\npostdrop:x:65002:\nnogroup:x:65001:\n");

  std::string main = kMain + options.main;
  if (!options.certificate.empty())
    main += "\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = " + options.certificate +
            "\nsmtpd_tls_key_file = " + options.key + "\nsmtpd_tls_received_header = yes\n";
  main = Replace(main, "@DIRECTORY@", directory_.path());
  main = Replace(main, "@PEERS@", PeersDirectory());
  main = Replace(main, "@USER@", user);
  WriteFile(directory_ / "etc/main.cf", Replace(main, "@GROUP@", group));
  WriteFile(directory_ / "etc/master.cf",
            Replace(kServices + options.services, "@PORT@", std::to_string(port_)));

  Process::Options process;
  process.environment = PeerEnvironment();
  process.environment[0] += ":" + PeersDirectory() + "/usr/lib/postfix";
  for (const std::string& setting :
       {std::string("LD_PRELOAD=libnss_wrapper.so libuid_wrapper.so"),
        "NSS_WRAPPER_PASSWD=" + (directory_ / "passwd"),
        "NSS_WRAPPER_GROUP=" + (directory_ / "group"), std::string("UID_WRAPPER=1"),
        std::string("UID_WRAPPER_ROOT=1"), "MAIL_CONFIG=" + (directory_ / "etc")})
    process.environment.push_back(setting);
  Start({PeersDirectory() + "/usr/lib/postfix/sbin/master", "-c", directory_ / "etc", "-d"},
        process);
}

}  // namespace signet::test
