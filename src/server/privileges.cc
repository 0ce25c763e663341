#include "src/server/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "src/base/text.h"
#include "src/config/environment.h"

extern char** environ;

namespace signet::server {
namespace {

std::optional<unsigned> Number(std::string_view text) {
  if (text.empty() || text.size() > 9 || !std::all_of(text.begin(), text.end(), IsDigit)) return {};
  return static_cast<unsigned>(std::stoul(std::string(text)));
}

std::string Failed(const char* step) { return std::string(step) + ": " + std::strerror(errno); }

// What may stay: where programs and the person are, the zone, the service manager's socket,
// whether standard error is the journal's, whether somebody wants no colours, and the
// sanitizers' options of our own test builds.
bool IsWanted(std::string_view name) {
  constexpr std::string_view kWanted[] = {"PATH",           "HOME",         "USER",
                                          "LOGNAME",        "PWD",          "SHELL",
                                          "TERM",           "TZ",           "NOTIFY_SOCKET",
                                          "ASAN_OPTIONS",   "LSAN_OPTIONS", "TSAN_OPTIONS",
                                          "UBSAN_OPTIONS",  "SHLVL",        "_",
                                          "JOURNAL_STREAM", "NO_COLOR",     "WATCHDOG_USEC",
                                          "WATCHDOG_PID",   "LISTEN_PID",   "LISTEN_FDS",
                                          "LISTEN_FDNAMES"};
  return name.starts_with(config::kSetAside) ||
         std::find(std::begin(kWanted), std::end(kWanted), name) != std::end(kWanted);
}

}  // namespace

Result<Identity, std::string> FindIdentity(std::string_view user, std::string_view group) {
  Identity identity{std::string(user), 0, 0, {}};
  const auto number = Number(user);
  const passwd* entry = number ? ::getpwuid(*number) : ::getpwnam(identity.name.c_str());
  if (entry == nullptr && !number) {
    return Err{"signet_user: no such user \"" + identity.name + "\""};
  }
  identity.user = entry != nullptr ? entry->pw_uid : *number;
  identity.group = entry != nullptr ? entry->pw_gid : 0;
  if (!group.empty()) {
    const std::string name(group);
    const auto group_number = Number(group);
    const ::group* group_entry = group_number ? nullptr : ::getgrnam(name.c_str());
    if (!group_number && group_entry == nullptr) {
      return Err{"signet_group: no such group \"" + name + "\""};
    }
    identity.group = group_number ? *group_number : group_entry->gr_gid;
  }
  if (identity.user == 0) return Err{std::string("signet_user: expected anybody but root")};
  if (identity.group == 0) return Err{std::string("signet_group: expected a group other than 0")};
  return identity;
}

bool IsPrivileged() { return ::geteuid() == 0; }

Result<std::string, std::string> DropPrivileges(const Identity& identity) {
  const std::string& root = identity.root_directory;
  if (!root.empty() && (::chroot(root.c_str()) != 0 || ::chdir("/") != 0))
    return Err{Failed(("chroot_directory " + root).c_str())};
  if (::setgroups(1, &identity.group) != 0) return Err{Failed("setgroups")};
  if (::setresgid(identity.group, identity.group, identity.group) != 0)
    return Err{Failed("setgid")};
  // With all three ids away from 0 the kernel clears the capabilities too.
  if (::setresuid(identity.user, identity.user, identity.user) != 0) return Err{Failed("setuid")};
  if (::setuid(0) == 0 || ::setgid(0) == 0 || ::geteuid() == 0 || ::getegid() == 0) {
    return Err{std::string("root's rights could be had back")};
  }
  return identity.name;
}

void ForbidDumpsAndGains() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void CloseInherited(std::vector<int> but) {
  std::sort(but.begin(), but.end());
  unsigned from = 3;
  for (const int fd : but) {
    if (static_cast<unsigned>(fd) > from) ::close_range(from, static_cast<unsigned>(fd) - 1, 0);
    from = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(from, ~0U, 0);
}

std::vector<std::string> UnwantedEnvironment() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (!IsWanted(name) && name != "LDAPNOINIT") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void CleanEnvironment() {
  for (const std::string& name : UnwantedEnvironment()) {
    if (const char* value = ::getenv(name.c_str())) {
      ::setenv((std::string(config::kSetAside) + name).c_str(), value, 1);
    }
    ::unsetenv(name.c_str());
  }
  ::setenv("LDAPNOINIT", "1", 1);
}

}  // namespace signet::server
