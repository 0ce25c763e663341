#include "src/server/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sstream>
#include <thread>

#include "drivers/host/registry.h"
#include "src/config/config.h"
#include "test/support/process.h"

namespace signet::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WITH_SANITIZERS() GTEST_SKIP() << "sanitizers need calls that are forbidden otherwise"
#else
#define SKIP_WITH_SANITIZERS() (void)0
#endif

// What the body writes, from a child process that it may limit as it likes.
std::string InChild(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const std::string said = body();
    (void)!::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string all;
  char data[4096];
  for (ssize_t size; (size = ::read(ends[0], data, sizeof data)) > 0;)
    all.append(data, static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) all += std::string("ended by ") + ::strsignal(WTERMSIG(status));
  return all;
}

std::string Outcome(long result) {
  if (result >= 0) return "done";
  const char* name = ::strerrorname_np(errno);
  return name != nullptr ? name : "?";
}

std::string Filtered(Role role, const std::function<long()>& call) {
  return InChild([&] {
    const std::string missing = FilterCalls(role);
    return missing.empty() ? Outcome(call()) : missing;
  });
}

long Execute() {
  char program[] = "/bin/true";
  char* const words[] = {program, nullptr};
  return ::execv(program, words);
}
long WithUnixSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// --- system calls ------------------------------------------------------------------------

TEST(FilteredCalls, RuleP2NothingIsExecutedTracedMountedOrLoaded) {
  SKIP_WITH_SANITIZERS();
  for (const Role role : {Role::kServing, Role::kKeys, Role::kMaster}) {
    EXPECT_EQ(Filtered(role, [] { return Execute(); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_execveat, -1, "/bin/true", 0, 0, 0); }),
              "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::ptrace(PTRACE_TRACEME, 0, 0, 0); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_init_module, 0, 0, 0); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_bpf, 0, 0, 0); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_kexec_load, 0, 0, 0, 0); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::unshare(CLONE_NEWUSER); }), "EPERM");
    if (role != Role::kMaster) {
      EXPECT_EQ(Filtered(role, [] { return ::setuid(0); }), "EPERM");
      EXPECT_EQ(Filtered(role, [] { return ::chroot("/"); }), "EPERM");
    }
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_io_uring_setup, 1, 0); }), "EPERM");
    EXPECT_EQ(Filtered(role, [] { return ::syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); }),
              "EPERM");
  }
}

TEST(FilteredCalls, RuleP2ServingStartsThreadsButNoProcesses) {
  SKIP_WITH_SANITIZERS();
  EXPECT_EQ(Filtered(Role::kServing, [] { return static_cast<long>(::fork()); }), "EPERM");
  EXPECT_EQ(Filtered(Role::kServing,
                     [] {
                       long seen = -1;
                       std::thread([&seen] { seen = 0; }).join();
                       return seen;
                     }),
            "done");
  EXPECT_EQ(Filtered(Role::kMaster,
                     [] {
                       const pid_t child = ::fork();
                       if (child == 0) ::_exit(0);
                       return static_cast<long>(::waitpid(child, nullptr, 0));
                     }),
            "done");
}

TEST(FilteredCalls, RuleP2SocketsAreThoseOfClientsServersAndLogs) {
  SKIP_WITH_SANITIZERS();
  const auto open = [](int family, int type, int protocol) {
    return Filtered(Role::kServing,
                    [=] { return static_cast<long>(::socket(family, type, protocol)); });
  };
  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
    EXPECT_EQ(open(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "done");
    EXPECT_EQ(open(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "done");
  }
  EXPECT_EQ(open(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "done");  // the resolver's
  EXPECT_EQ(open(AF_INET, SOCK_RAW, IPPROTO_ICMP), "EPERM");
  EXPECT_EQ(open(AF_PACKET, SOCK_RAW, 0), "EPERM");
  EXPECT_EQ(open(AF_VSOCK, SOCK_STREAM, 0), "EPERM");
  EXPECT_EQ(open(AF_ALG, SOCK_SEQPACKET, 0), "EPERM");
}

TEST(FilteredCalls, RuleP2SignalsGoToTheProcessItself) {
  SKIP_WITH_SANITIZERS();
  EXPECT_EQ(Filtered(Role::kServing, [] { return ::kill(::getppid(), 0); }), "EPERM");
  EXPECT_EQ(Filtered(Role::kServing, [] { return ::kill(::getpid(), 0); }), "done");
  EXPECT_EQ(Filtered(Role::kServing,
                     [] {
                       ::abort();
                       return 0L;
                     }),
            std::string("ended by ") + ::strsignal(SIGABRT));
}

// A new C library tries new calls first, and goes on with old ones where it hears this.
TEST(FilteredCalls, WhatNobodyHasHeardOfLooksLikeAnOlderKernel) {
  SKIP_WITH_SANITIZERS();
  EXPECT_EQ(Filtered(Role::kServing, [] { return ::syscall(100000); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kServing, [] { return ::syscall(SYS_clone3, 0, 0); }), "ENOSYS");
}

TEST(FilteredCalls, RuleP2KeysAreUsedWithoutNetworkOrFilesToWrite) {
  SKIP_WITH_SANITIZERS();
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::socket(AF_INET, SOCK_STREAM, 0); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::connect(0, nullptr, 0); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::unlink("/tmp/nothing-there"); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::mkdir("/tmp/nothing-there", 0700); }), "ENOSYS");
  EXPECT_EQ(Filtered(Role::kKeys, [] { return ::open("/etc/passwd", O_RDONLY); }), "done");
}

// Otherwise the unit would take away what the program needs.
TEST(FilteredCalls, UnitAllowsWhatServingNeeds) {
  const test::Finished listed = test::Run(
      {"systemd-analyze", "syscall-filter", "@system-service", "@privileged", "@resources"});
  if (listed.status != 0) GTEST_SKIP() << "systemd-analyze is not installed";
  // Sets are named with "@", and hold others.
  const auto members = [](const std::string& set) {
    std::set<std::string> calls, todo{set}, done;
    while (!todo.empty()) {
      const std::string next = *todo.begin();
      todo.erase(next);
      if (!done.insert(next).second) continue;
      std::istringstream text(
          test::Run({"systemd-analyze", "syscall-filter", "--no-pager", next}).output);
      for (std::string line; std::getline(text, line);) {
        std::istringstream words(line);
        std::string word;
        if (!line.starts_with("    ") || !(words >> word) || word[0] == '#') continue;
        (word[0] == '@' ? todo : calls).insert(word);
      }
    }
    return calls;
  };
  const std::set<std::string> service = members("@system-service"),
                              privileged = members("@privileged"),
                              resources = members("@resources");
  ASSERT_GT(service.size(), 100u);
  for (const Role role : {Role::kServing, Role::kKeys}) {
    for (const std::string& call : AllowedCalls(role)) {
      // The C library does without these; getting limits is not setting them.
      if (call == "futex_waitv" || call == "epoll_pwait2" || call == "tkill") continue;
      EXPECT_TRUE(service.contains(call)) << call;
      EXPECT_FALSE(privileged.contains(call)) << call;
      EXPECT_FALSE(resources.contains(call)) << call;
    }
  }
}

// --- files -------------------------------------------------------------------------------

class FileRulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::syscall(444 /* landlock_create_ruleset */, nullptr, 0, 1) < 2)
      GTEST_SKIP() << "NOT TESTED: no Landlock in this kernel";
    for (const char* name : {"log", "state", "mail", "mail/tmp", "mail/new", "etc"})
      ASSERT_EQ(::mkdir((directory_ / name).c_str(), 0700), 0);
    test::WriteFile(directory_ / "etc/signet.conf", "as it was");
    test::WriteFile(directory_ / "log/old", "");
  }
  std::string Do(const std::function<long()>& call) const {
    return InChild([&] {
      FileRules rules;
      const auto entered = rules.Enter(places_);
      return entered.abi > 0 ? Outcome(call()) : entered.trouble;
    });
  }
  std::string Create(const std::string& name) const {
    const std::string path = directory_ / name;
    return Do([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600); });
  }
  test::TempDir directory_;
  std::vector<WrittenPlace> places_ = {{directory_ / "log", Writing::kAppend, "the log"},
                                       {directory_ / "state", Writing::kReplace, "tlsrpt_file"},
                                       {directory_ / "mail", Writing::kStore, "mail"}};
};

TEST_F(FileRulesTest, RuleP2WritesOnlyWhereTheConfigurationSays) {
  for (const char* good : {"log/mainlog", "state/decisions", "mail/new/1"})
    EXPECT_EQ(Create(good), "done") << good;
  for (const char* bad : {"other", "etc/new"}) EXPECT_EQ(Create(bad), "EACCES") << bad;
  const std::string configuration = directory_ / "etc/signet.conf";
  EXPECT_EQ(Do([&] { return ::open(configuration.c_str(), O_WRONLY); }), "EACCES");
  EXPECT_EQ(Do([&] { return ::truncate(configuration.c_str(), 0); }), "EACCES");
  EXPECT_EQ(Do([&] { return ::unlink(configuration.c_str()); }), "EACCES");
  EXPECT_EQ(Do([&] { return ::rename(configuration.c_str(), (directory_ / "state/x").c_str()); }),
            "EACCES");
  EXPECT_EQ(Do([&] { return ::open(configuration.c_str(), O_RDONLY); }), "done");
  EXPECT_EQ(Do([] { return ::open("/dev/null", O_RDWR); }), "done");
}

TEST_F(FileRulesTest, RuleP2ExecutesNothing) {
  EXPECT_EQ(Do([] { return Execute(); }), "EACCES");
}

TEST_F(FileRulesTest, LogsAreWrittenButNotTakenAway) {
  const std::string old = directory_ / "log/old";
  EXPECT_EQ(Do([&] { return ::unlink(old.c_str()); }), "EACCES");
  EXPECT_EQ(Do([&] { return ::rename(old.c_str(), (directory_ / "log/new").c_str()); }), "EACCES");
  EXPECT_EQ(Do([&] { return ::mkdir((directory_ / "log/d").c_str(), 0700); }), "EACCES");
}

TEST_F(FileRulesTest, StateIsReplacedAndSocketsAreMade) {
  const std::string one = directory_ / "state/one", two = directory_ / "state/two";
  test::WriteFile(one, "x");
  EXPECT_EQ(Do([&] { return ::rename(one.c_str(), two.c_str()); }), "done");
  EXPECT_EQ(Do([&] { return ::unlink(two.c_str()); }), "done");
  EXPECT_EQ(Do([&] { return WithUnixSocket(directory_ / "state/control"); }), "done");
  EXPECT_EQ(Do([&] { return WithUnixSocket(directory_ / "etc/control"); }), "EACCES");
  // Held bodies.
  const std::string state = directory_ / "state";
  const std::string unnamed =
      Do([&] { return ::open(state.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); });
  EXPECT_TRUE(unnamed == "done" || unnamed == "EOPNOTSUPP") << unnamed;
}

TEST_F(FileRulesTest, MaildirsAreMadeAndMessagesPutInPlace) {
  const std::string from = directory_ / "mail/tmp/1", to = directory_ / "mail/new/1";
  test::WriteFile(from, "x");
  EXPECT_EQ(Do([&] { return ::link(from.c_str(), to.c_str()); }), "done");
  EXPECT_EQ(Do([&] { return ::unlink(from.c_str()); }), "done");
  EXPECT_EQ(Do([&] { return ::mkdir((directory_ / "mail/alice").c_str(), 0700); }), "done");
  EXPECT_EQ(Do([&] { return ::symlink("/etc", (directory_ / "mail/etc").c_str()); }), "EACCES");
}

TEST_F(FileRulesTest, WhatIsMissingIsNamed) {
  const std::string said = InChild([&] {
    FileRules rules;
    if (!rules.Missing({{"/", Writing::kStore, "x"}}).empty()) return std::string("too early");
    rules.Enter(places_);
    std::string all = rules.Missing(places_) + '|';
    all += rules.Missing({{directory_ / "mail/bob", Writing::kStore, "x"}}) + '|';
    all += rules.Missing({{directory_ / "log", Writing::kReplace, "control_socket"}}) + '|';
    all += rules.Missing({{directory_ / "mail2", Writing::kStore, "directory of transport t"}});
    return all;
  });
  EXPECT_EQ(said, "||the sandbox of the running process has no writing to \"" +
                      directory_ /
                          "log\" (control_socket): a restart gives it that|"
                          "the sandbox of the running process has no writing to \"" +
                      directory_ / "mail2\" (directory of transport t): a restart gives it that");
}

// --- what a configuration writes ------------------------------------------------------------

std::vector<std::string> Written(const std::string& text) {
  const auto registry = drivers::Registry::MakeBuiltin();
  const config::Loaded loaded = config::LoadText("test.conf", text, {}, *registry);
  if (loaded.config == nullptr) return {Render(loaded.diagnostics.front())};
  std::vector<std::string> places;
  for (const WrittenPlace& place : WrittenBy(*loaded.config))
    places.push_back(place.path + " " + std::to_string(static_cast<int>(place.how)) + " " +
                     place.option);
  return places;
}

TEST(WrittenPlaces, AreThoseOfLogsSocketsAndWhatIsRemembered) {
  EXPECT_THAT(
      Written("log_file_path = /var/log/signet/%slog : syslog\nlog_json_path = /var/log/j/log\n"
              "control_socket = /run/signet/control\npid_file_path = /run/signet.pid\n"
              "metrics_listen = /run/metrics/socket\ndecisions_file = /var/lib/signet/decisions\n"
              "tlsrpt_file = /var/lib/tlsrpt/counts\nhold_directory = /var/spool/held\n"),
      ElementsAre("/var/log/signet/ 0 the log", "/var/log/j/ 0 the log", "/run/ 1 pid_file_path",
                  "/run/signet/ 1 control_socket", "/run/metrics/ 1 metrics_listen",
                  "/var/lib/signet/ 1 decisions_file", "/var/lib/tlsrpt/ 1 tlsrpt_file",
                  "/var/spool/held 1 hold_directory"));
}

TEST(WrittenPlaces, OfAMaildirAreWhatStandsBeforeItsExpansions) {
  const auto of = [](const std::string& directory) {
    return Written(
               "hold_directory = /var/tmp\nbegin transports\nstore:\n  driver = appendfile\n"
               "  maildir_format\n  directory = " +
               directory + "\n")
        .back();
  };
  EXPECT_EQ(of("/srv/mail/all"), "/srv/mail/all 2 directory of transport store");
  EXPECT_EQ(of("/srv/mail/$local_part"), "/srv/mail/ 2 directory of transport store");
  EXPECT_EQ(of("/srv/mail/x-${lc:$local_part}/Maildir"),
            "/srv/mail/ 2 directory of transport store");
  EXPECT_EQ(of("${if def:authenticated_id{/srv/a}{/srv/b}}"), "/ 2 directory of transport store");
}

TEST(WrittenPlaces, OfDatabasesAreTheirDirectoriesWhereTheyMayBeWritten) {
  const test::TempDir directory;
  const auto of = [](const std::string& lookup) {
    return Written("hold_directory = /var/tmp\nsmtp_banner = ${lookup sqlite" + lookup + "}\n");
  };
  EXPECT_THAT(of(",file=" + directory / "a.db{select 1}"),
              Contains(directory.path() + "/ 1 a database of SQLite"));
  EXPECT_THAT(of("{" + directory / "a.db select 1}"),
              Contains(directory.path() + "/ 1 a database of SQLite"));
}

}  // namespace
}  // namespace signet::server
