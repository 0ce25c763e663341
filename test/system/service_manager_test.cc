// What a service manager (systemd) and Signet tell each other, with the test as service manager.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// Where NOTIFY_SOCKET points.
class Ear {
 public:
  explicit Ear(const std::string& path) : path_(path) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Ear() { close(fd_); }
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;

  // The next one; "" where nothing is said for so long.
  std::string Hear(milliseconds limit = seconds(20)) const {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(limit.count())) != 1) return "";
    char text[1000];
    const ssize_t size = recv(fd_, text, sizeof text, 0);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
  }
  // The next one that is not of the watchdog.
  std::string HearNews() const {
    std::string text;
    do text = Hear();
    while (text == "WATCHDOG=1");
    return text;
  }
  std::string setting() const { return "NOTIFY_SOCKET=" + path_; }

 private:
  std::string path_;
  int fd_;
};

class ServiceManagerTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Configure(const std::string& where, const std::string& more = "") {
    WriteFile(directory_ / "conf",
              "primary_hostname = mx.example.org\n" + where + "\nacl_smtp_rcpt = accept\n" + more);
  }
  std::vector<std::string> Command() const {
    return {SignetProgram(), "serve", "-C", directory_ / "conf"};
  }
  // As a service manager does it: descriptors from 3 on, and their number in the environment.
  std::unique_ptr<Process> StartWith(const std::vector<int>& sockets) {
    std::string script;
    for (std::size_t i = 0; i < sockets.size(); ++i)
      script += "exec " + std::to_string(3 + i) + "<&" + std::to_string(sockets[i]) + "; ";
    script += "LISTEN_PID=$$ LISTEN_FDS=" + std::to_string(sockets.size()) + " exec \"$0\" \"$@\"";
    std::vector<std::string> words = {"bash", "-c", script};
    for (const std::string& word : Command()) words.push_back(word);
    return std::make_unique<Process>(words);
  }
  TempDir directory_;
  int port_ = FreePort();
};

// One that is passed on to children.
int Listening(int port, bool ipv6 = false) {
  const int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  int rc = -1;
  if (ipv6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    rc = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  EXPECT_EQ(rc, 0);
  EXPECT_EQ(listen(fd, 20), 0);
  return fd;
}

TEST_P(ServiceManagerTest, IsToldWhenItServesReloadsAndStops) {
  const Ear ear(directory_ / "notify");
  Configure("local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(port_),
            GetParam());
  Process process(Command(), {.environment = {ear.setting()}});
  EXPECT_THAT(ear.HearNews(), AllOf(StartsWith("READY=1\nSTATUS=listening for SMTP on "),
                                    HasSubstr(std::to_string(port_))));
  // It serves when it says so.
  SmtpClient client(port_);
  EXPECT_THAT(client.reply(), StartsWith("220"));
  process.Signal(SIGHUP);
  EXPECT_THAT(ear.HearNews(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
  EXPECT_EQ(ear.HearNews(), "READY=1\nSTATUS=configuration reloaded");
  WriteFile(directory_ / "conf", "no_such_option = 1\n");
  process.Signal(SIGHUP);
  EXPECT_THAT(ear.HearNews(), StartsWith("RELOADING=1"));
  EXPECT_THAT(ear.HearNews(), StartsWith("READY=1\nSTATUS=configuration kept as it was, 1 error"));
  process.Signal(SIGTERM);
  EXPECT_EQ(ear.HearNews(), "STOPPING=1");
  EXPECT_EQ(process.Wait(), 0);
}

TEST_P(ServiceManagerTest, IsToldThatItLivesWhileItsWorkersDo) {
  const Ear ear(directory_ / "notify");
  Configure("local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(port_),
            GetParam());
  Process process(Command(), {.environment = {ear.setting(), "WATCHDOG_USEC=400000"}});
  EXPECT_THAT(ear.HearNews(), StartsWith("READY=1"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ear.Hear(), "WATCHDOG=1");
  // What stops its workers stops that.
  const pid_t serving = ServingPid(process.pid());
  ASSERT_GT(serving, 0);
  kill(serving, SIGSTOP);
  while (!ear.Hear(milliseconds(1000)).empty()) {
  }
  kill(serving, SIGCONT);
  EXPECT_EQ(ear.Hear(), "WATCHDOG=1");
}

TEST_P(ServiceManagerTest, GivesSocketsThatOutliveUs) {
  const int passed = Listening(port_);
  Configure("local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(port_),
            GetParam());
  for (int start = 0; start < 2; ++start) {
    // Who is there before we are is served.
    const int early = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(early, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto process = StartWith({passed});
    char greeting[4] = "";
    EXPECT_EQ(recv(early, greeting, 3, MSG_WAITALL), 3) << process->Output();
    EXPECT_STREQ(greeting, "220");
    close(early);
    EXPECT_THAT(SmtpClient(port_).reply(), StartsWith("220"));
    process->Signal(SIGTERM);
    EXPECT_EQ(process->Wait(), 0);
    EXPECT_THAT(process->Output(), Not(HasSubstr("was passed on")));
  }
  close(passed);
}

TEST_P(ServiceManagerTest, IsAnsweredAboutSocketsThatAreNotConfigured) {
  const int other_port = FreePort();
  const int passed = Listening(port_), other = Listening(other_port);
  const int pipe_end = open("/dev/null", O_RDONLY);
  Configure("local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(port_),
            GetParam());
  const auto process = StartWith({passed, other, pipe_end});
  EXPECT_THAT(SmtpClient(port_).reply(), StartsWith("220"));
  EXPECT_THAT(process->SettledOutput(),
              AllOf(HasSubstr("a listening socket was passed on for [127.0.0.1]:" +
                              std::to_string(other_port) +
                              ", where the configuration does not listen: not used"),
                    HasSubstr("descriptor 5, which was passed on, does not listen")));
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0);
  EXPECT_TRUE(SomebodyListens(other_port));  // ours still
  for (const int fd : {passed, other, pipe_end}) close(fd);
}

TEST_P(ServiceManagerTest, OneSocketMayServeBothFamilies) {
  const int passed = Listening(port_, true);
  Configure("daemon_smtp_ports = " + std::to_string(port_), GetParam());
  const auto process = StartWith({passed});
  EXPECT_THAT(SmtpClient(port_).reply(), StartsWith("220")) << process->Output();
  EXPECT_TRUE(process->running());
  close(passed);
}

INSTANTIATE_TEST_SUITE_P(With, ServiceManagerTest, ::testing::Values("", "no_master_process\n"));

}  // namespace
}  // namespace signet::test
