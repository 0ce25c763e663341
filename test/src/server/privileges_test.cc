#include "src/server/privileges.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace signet::server {
namespace {

std::string WhoIs(std::string_view user, std::string_view group) {
  auto identity = FindIdentity(user, group);
  if (!identity) return identity.error();
  return std::to_string(identity.value().user) + ":" + std::to_string(identity.value().group);
}

TEST(Identity, IsFoundByNameOrNumber) {
  EXPECT_EQ(WhoIs("nobody", ""), "65534:65534");
  EXPECT_EQ(WhoIs("nobody", "daemon"), "65534:1");
  EXPECT_EQ(WhoIs("4711", "4712"), "4711:4712");
  EXPECT_EQ(WhoIs("no-such-user", ""), "signet_user: no such user \"no-such-user\"");
  EXPECT_EQ(WhoIs("nobody", "no-such-group"), "signet_group: no such group \"no-such-group\"");
}

TEST(Identity, RuleP1RootIsNobodyToBecome) {
  EXPECT_EQ(WhoIs("root", ""), "signet_user: expected anybody but root");
  EXPECT_EQ(WhoIs("0", "1"), "signet_user: expected anybody but root");
  EXPECT_EQ(WhoIs("nobody", "root"), "signet_group: expected a group other than 0");
  EXPECT_EQ(WhoIs("4711", ""), "signet_group: expected a group other than 0");
}

// In a child, because there is no way back. Whoever isn't root must be told that it failed.
TEST(Privileges, RuleP1AreGoneForGoodOrTheCallSaysNo) {
  const bool root = IsPrivileged();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto dropped = DropPrivileges({"nobody", 65534, 65534});
    const bool ordinary = ::getuid() == 65534 && ::getegid() == 65534 && !IsPrivileged() &&
                          ::setuid(0) != 0 && ::getgroups(0, nullptr) == 1;
    ::_exit(root ? dropped.ok() && ordinary ? 0 : 1 : dropped.ok() ? 2 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// In a child, which then has nothing open to report with but its status.
TEST(Privileges, RuleP2NothingInheritedStaysOpenButTheStandardThree) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int low = ::dup(0), high = ::fcntl(0, F_DUPFD, 700);
    CloseInherited();
    const bool closed = ::fcntl(low, F_GETFD) < 0 && ::fcntl(high, F_GETFD) < 0;
    ::_exit(low > 2 && high >= 700 && closed && ::fcntl(2, F_GETFD) >= 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Environment, RuleC6VariablesThatSteerLibrariesAreRemoved) {
  const char* const kSteering[] = {
      "LDAPCONF",      "LDAPRC",           "GNUTLS_SYSTEM_PRIORITY_FILE",
      "SSLKEYLOGFILE", "LD_PRELOAD_X",     "MALLOC_ARENA_MAX",
      "LC_ALL",        "GLIBC_TUNABLES_X", "RES_OPTIONS"};
  for (const char* name : kSteering) ::setenv(name, "1", 1);
  const auto unwanted = UnwantedEnvironment();
  for (const char* name : kSteering) {
    EXPECT_EQ(std::count(unwanted.begin(), unwanted.end(), name), 1) << name;
  }
  EXPECT_EQ(std::count(unwanted.begin(), unwanted.end(), "PATH"), 0);
  CleanEnvironment();
  for (const char* name : kSteering) EXPECT_EQ(::getenv(name), nullptr) << name;
  EXPECT_STREQ(::getenv("LDAPNOINIT"), "1");
  EXPECT_STREQ(::getenv("SIGNET_ASIDE_LDAPRC"), "1");  // for ${env{}}, and for nobody else
  EXPECT_TRUE(UnwantedEnvironment().empty());
}

}  // namespace
}  // namespace signet::server
