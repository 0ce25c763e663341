// What the serving process can do to the machine, tried from inside by a driver module, and
// looked at from outside.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "test/support/authority.h"
#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WITH_SANITIZERS() GTEST_SKIP() << "sanitizers need calls that are forbidden otherwise"
#else
#define SKIP_WITH_SANITIZERS() (void)0
#endif

bool HasLandlock() { return ::syscall(444 /* landlock_create_ruleset */, nullptr, 0, 1) >= 2; }

// A gateway that answers RCPT with what the module has found out.
class Entered {
 public:
  explicit Entered(const std::string& options) : options_(options) {
    const std::string source = ProjectRoot() + "/test/support/module/burglar.c";
    const Finished built =
        Run({"cc", "-std=c11", "-O1", "-fPIC", "-shared", "-DSIGNET_DRIVER_SHARED",
             "-I" + ProjectRoot() + "/drivers/include", "-o", directory_ / "burglar.so", source});
    EXPECT_EQ(built.status, 0) << built.output;
    fs::create_directory(directory_ / "state");
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown((directory_ / "state").c_str(), 65534, 65534), 0);
      options_ += "signet_user = nobody\n";
    }
    Write("");
    process_ = std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", directory_ / "signet.conf"});
    if (!WaitUntil([&] { return SomebodyListens(port_); }))
      throw std::runtime_error("signet did not start: " + process_->Output());
    const SmtpClient greeted(port_);  // it listens before it serves
  }

  void Write(const std::string& more) const {
    WriteFile(directory_ / "signet.conf",
              "driver_modules = " + directory_ / "burglar.so\n" +
                  "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
                  "daemon_smtp_ports = " +
                  std::to_string(port_) + "\ncontrol_socket = " + directory_ / "state/control\n" +
                  "acl_smtp_rcpt = rcpt\n" + options_ + more +
                  "begin acl\nrcpt:\n  deny message = ${lookup burglar{" + Forbidden() + "}}\n");
  }
  // Nobody may write that, and the test can take it away again.
  std::string Forbidden() const { return directory_ / "state/../burgled"; }
  // "execute" → "EPERM", as the module says.
  std::map<std::string, std::string> Try() const {
    SmtpClient client(port_);
    client.Say("EHLO client.example");
    client.Say("MAIL FROM:<>");
    std::istringstream words(client.Say("RCPT TO:<bob@example.net>").substr(4));
    std::map<std::string, std::string> outcomes;
    for (std::string word; words >> word;) {
      const std::size_t equals = word.find('=');
      if (equals != std::string::npos) outcomes[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return outcomes;
  }
  pid_t serving() const { return ServingPid(process_->pid()); }
  Process& process() { return *process_; }
  const TempDir& directory() const { return directory_; }
  int port() const { return port_; }

 private:
  TempDir directory_;
  std::string options_;
  int port_ = FreePort();
  std::unique_ptr<Process> process_;
};

TEST(Sandbox, RuleP2CodeInTheServingProcessReachesNothing) {
  SKIP_WITH_SANITIZERS();
  const Entered gateway("");
  const auto outcomes = gateway.Try();
  EXPECT_EQ(outcomes.size(), 13u);
  for (const auto& [what, outcome] : outcomes) {
    if (what == "write") {
      EXPECT_EQ(outcome, "EACCES") << "by Landlock or by its mode";
      continue;
    }
    EXPECT_EQ(outcome, "EPERM") << what;
  }
  EXPECT_FALSE(fs::exists(gateway.Forbidden()));
}

// Otherwise the test above might see nothing but what an ordinary user may not do.
TEST(Sandbox, IsWhatForbidsIt) {
  const Entered gateway("sandbox = no\n");
  auto outcomes = gateway.Try();
  EXPECT_EQ(outcomes["execute"], "ENOENT") << "it looks for the program";
  EXPECT_EQ(outcomes["fork"], "done");
}

// The lines about rights.
std::string StatusOf(pid_t pid) {
  std::istringstream text(ReadFile("/proc/" + std::to_string(pid) + "/status"));
  std::string rights;
  for (std::string line; std::getline(text, line);) {
    for (const char* name : {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:"})
      if (line.starts_with(name)) rights += line + '\n';
  }
  return rights;
}

TEST(Sandbox, RuleP1KernelSaysThatNoRightsAreLeft) {
  SKIP_WITH_SANITIZERS();
  Entered gateway("");
  const std::string master = std::to_string(gateway.process().pid());
  // It, the process that serves, and that of the keys.
  std::istringstream children(master + " " +
                              ReadFile("/proc/" + master + "/task/" + master + "/children"));
  std::map<std::string, std::string> processes;
  for (std::string pid; children >> pid;)
    processes[ReadFile("/proc/" + pid + "/comm")] = StatusOf(std::stoi(pid));
  EXPECT_EQ(processes.size(), 3u);
  for (const auto& [name, status] : processes) {
    SCOPED_TRACE(name);
    EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
    if (::geteuid() != 0) continue;
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
      EXPECT_THAT(status, HasSubstr(std::string(set) + ":\t0000000000000000"));
    EXPECT_THAT(status, HasSubstr("Uid:\t65534\t65534\t65534\t65534"));
    EXPECT_THAT(status, HasSubstr("Gid:\t65534\t65534\t65534\t65534"));
    EXPECT_THAT(status, HasSubstr("Groups:\t65534 \n"));
  }
}

// Listening sockets, the control socket, the line to its master, how threads are woken; the log.
TEST(Sandbox, RuleP2ServingProcessHasNoDescriptorThatItDoesNotNeed) {
  const int inherited = ::open("/etc/passwd", O_RDONLY);  // what a careless parent leaves open
  ASSERT_GE(inherited, 3);
  Entered gateway("log_file_path = " + TempDir().path() + "-%slog\n");
  ::close(inherited);
  const std::string directory = "/proc/" + std::to_string(gateway.serving()) + "/fd";
  std::map<std::string, int> kinds;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (std::stoi(entry.path().filename()) < 3) continue;
    std::error_code gone;
    std::string target = fs::read_symlink(entry.path(), gone).string();
    if (gone) continue;
    target = target.substr(0, target.find(":["));
    ++kinds[target];
    EXPECT_THAT(target, AnyOf("socket", "anon_inode:[eventpoll]", "anon_inode:[eventfd]",
                              "anon_inode:[signalfd]", "anon_inode:[timerfd]", "anon_inode",
                              HasSubstr("log")));
  }
  EXPECT_GE(kinds["socket"], 2);
  EXPECT_LE(kinds["socket"], 8);
}

TEST(Sandbox, ReloadThatNeedsToWriteElsewhereIsRefusedAndSaysSo) {
  if (!HasLandlock()) GTEST_SKIP() << "NOT TESTED: no Landlock in this kernel";
  Entered gateway("");
  const std::string elsewhere = gateway.directory() / "elsewhere";
  fs::create_directory(elsewhere);
  gateway.Write("tlsrpt_file = " + elsewhere + "/counts\n");
  const Finished refused =
      test::Run({SignetProgram(), "reload", "-C", gateway.directory() / "signet.conf"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output,
              HasSubstr("configuration kept as it was, the sandbox of the running process has no "
                        "writing to \"" +
                        elsewhere + "/\" (tlsrpt_file): a restart gives it that"));
  // What needs nothing new is reloaded.
  gateway.Write("smtp_banner = another one\n");
  EXPECT_EQ(
      test::Run({SignetProgram(), "reload", "-C", gateway.directory() / "signet.conf"}).status, 0);
  EXPECT_THAT(SmtpClient(gateway.port()).reply(), HasSubstr("another one"));
}

// --- another root directory ------------------------------------------------------------------

TEST(Chroot, NeedsRootAndSomebodyToBecome) {
  const TempDir directory;
  WriteFile(directory / "signet.conf",
            "local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(FreePort()) +
                "\nchroot_directory = /srv\n");
  const Finished refused = test::Run({SignetProgram(), "serve", "-C", directory / "signet.conf"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output,
              HasSubstr("not started: chroot_directory needs root to start it, and signet_user"));
}

// Sessions, reload and a replacement after a crash see nothing but what is below it.
TEST(Chroot, SessionsRunInsideAndSoDoReloadAndReplacement) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: only root can change the root directory";
  const TempDir directory;
  const std::string jail = directory / "jail";
  for (const char* path : {"/etc", "/dev", "/var/tmp", "/mail"})
    fs::create_directories(jail + path);
  EXPECT_EQ(::chown((jail + "/mail").c_str(), 65534, 65534), 0);
  WriteFile(jail + "/dev/null", "");
  const int port = FreePort();
  const auto text = [&](const std::string& banner) {
    return "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
           "daemon_smtp_ports = " +
           std::to_string(port) +
           "\nsignet_user = 65534\nsignet_group = 65534\nchroot_directory = " + jail +
           "\nsmtp_banner = " + banner +
           " ${lookup{where}lsearch{/etc/inside}}\nacl_smtp_rcpt = rcpt\n" +
           "begin acl\nrcpt:\n  accept\n"
           "begin routers\nall:\n  driver = accept\n  transport = store\n"
           "begin transports\nstore:\n  driver = appendfile\n  maildir_format\n"
           "  directory = /mail/new-one\n";
  };
  WriteFile(jail + "/etc/inside", "where: inside\n");
  WriteFile(directory / "signet.conf", text("first"));
  // The same name outside and inside, as a copy or a mount would have it.
  fs::create_directories(jail + directory.path());
  WriteFile(jail + directory / "signet.conf", text("second"));

  Process process({SignetProgram(), "serve", "-C", directory / "signet.conf"});
  ASSERT_TRUE(WaitUntil([&] { return SomebodyListens(port); })) << process.Output();
  {
    SmtpClient client(port);
    EXPECT_THAT(client.reply(), HasSubstr("first inside"));
    client.Say("EHLO client.example");
    EXPECT_THAT(client.Submit("a@example.org", "b@example.net", "Subject: in jail\r\n\r\n."),
                StartsWith("250"));
  }
  EXPECT_FALSE(fs::is_empty(jail + "/mail/new-one/new"));
  const pid_t serving = ServingPid(process.pid());
  EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(serving) + "/root"), jail);

  process.Signal(SIGHUP);
  EXPECT_TRUE(process.WaitForOutput("configuration reloaded")) << process.Output();
  EXPECT_THAT(SmtpClient(port).reply(), HasSubstr("second inside"));

  ::kill(serving, SIGKILL);
  EXPECT_TRUE(process.WaitForOutput("serves again")) << process.Output();
  EXPECT_THAT(SmtpClient(port).reply(), HasSubstr("second inside"));
  EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(ServingPid(process.pid())) + "/root"), jail);
}

}  // namespace
}  // namespace signet::test
