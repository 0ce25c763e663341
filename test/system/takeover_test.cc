// A new instance takes the place of the one that runs: nobody is refused, and nobody is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/support/authority.h"
#include "test/support/submission_gateway.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Authority& SharedAuthority() {
  static Authority authority;
  static const bool made = [] {
    authority.Issue("alice", testing::ClientSpec());
    return true;
  }();
  (void)made;
  return authority;
}

// With a master process and without one.
class TakeOver : public ::testing::TestWithParam<const char*> {
 protected:
  TakeOver() : metrics_port_(FreePort()) {
    SubmissionGateway::Options options;
    options.main_options = "pid_file_path = " + pid_file_ + "\ncontrol_socket = " + control_ +
                           "\nmetrics_listen = 127.0.0.1:" + std::to_string(metrics_port_) + "\n" +
                           GetParam();
    options.routers = "upstream:\n  driver = manualroute\n  route_list = * 127.0.0.1::" +
                      std::to_string(upstream_.port()) + "\n  transport = to_mta\n";
    options.transports = "to_mta:\n  driver = smtp\n";
    first_ = std::make_unique<SubmissionGateway>(SharedAuthority(), options);
    EXPECT_TRUE(Answers(first_->pid()));
  }

  std::unique_ptr<Process> Another(const std::string& file,
                                   const std::vector<std::string>& environment = {}) const {
    return std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", file, "--take-over"},
        Process::Options{.environment = environment});
  }
  std::unique_ptr<Process> Another() const { return Another(first_->config_file()); }

  std::string PidFile() const { return ReadFile(pid_file_); }
  static std::string Line(pid_t pid) { return std::to_string(pid) + "\n"; }
  std::string Status() const {
    return signet::test::Run({SignetProgram(), "status", "--json", "--socket", control_}).output;
  }
  bool Answers(pid_t pid) const {
    return WaitUntil([&] {
      return Status().find("\"pid\": " + std::to_string(pid) + ",") != std::string::npos;
    });
  }
  std::string Submit() const {
    return first_->Client("").Submit("alice@example.org", "bob@example.net", "Subject: a\r\n\r\nb");
  }
  void ExpectTheFirstServes() {
    EXPECT_TRUE(first_->process().running());
    EXPECT_EQ(PidFile(), Line(first_->pid()));
    EXPECT_TRUE(Answers(first_->pid())) << Status();
    EXPECT_THAT(Submit(), StartsWith("250"));
    EXPECT_TRUE(SomebodyListens(metrics_port_));
    struct stat info {};
    EXPECT_NE(lstat((control_ + ".new").c_str(), &info), 0);
  }

  TempDir directory_;
  const std::string pid_file_ = directory_ / "pid", control_ = directory_ / "control";
  Upstream upstream_;
  int metrics_port_;
  std::unique_ptr<SubmissionGateway> first_;
};

// They connect all the time; each must be greeted, served and thanked.
class Crowd {
 public:
  explicit Crowd(const SubmissionGateway& gateway) {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this, &gateway] { Run(gateway); });
  }
  ~Crowd() { End(); }
  void End() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  int served() const { return served_; }
  int lost() const { return lost_; }

 private:
  void Run(const SubmissionGateway& gateway) {
    while (!over_) {
      bool good = false;
      try {
        SmtpClient client(gateway.port());
        good = client.reply().substr(0, 3) == "220" &&
               client.Say("EHLO here").substr(0, 3) == "250" &&
               client.Say("NOOP").substr(0, 3) == "250" && client.Say("QUIT").substr(0, 3) == "221";
      } catch (const std::exception&) {
      }
      ++(good ? served_ : lost_);
    }
  }
  std::atomic<bool> over_{false};
  std::atomic<int> served_{0}, lost_{0};
  std::vector<std::thread> threads_;
};

TEST_P(TakeOver, ThreeInARowRefuseNobodyAndLoseNoSession) {
  SmtpClient early = first_->Client("alice");
  ASSERT_THAT(early.Say("MAIL FROM:<alice@example.org>"), StartsWith("250"));
  Crowd crowd(*first_);
  std::vector<std::unique_ptr<Process>> later;
  pid_t before = first_->pid();
  for (int i = 0; i < 3; ++i) {
    const int served = crowd.served();
    later.push_back(Another());
    const pid_t pid = later.back()->pid();
    ASSERT_TRUE(WaitUntil([&] { return PidFile() == Line(pid); })) << later.back()->Output();
    ASSERT_TRUE(Answers(pid)) << later.back()->Output() << Status();
    // Without a session that has to end, the one before ends at once.
    if (i > 0) {
      EXPECT_EQ(later[static_cast<std::size_t>(i) - 1]->Wait(), 0);
    }
    ASSERT_TRUE(WaitUntil([&] { return crowd.served() > served + 20; }));
    EXPECT_EQ(PidFile(), Line(pid)) << "after the end of " << before;
    before = pid;
  }
  crowd.End();
  EXPECT_EQ(crowd.lost(), 0);

  // The first one is still there, for the session that began with it.
  EXPECT_TRUE(first_->process().running());
  EXPECT_THAT(first_->Log(), HasSubstr("has taken over"));
  EXPECT_THAT(early.Say("RCPT TO:<bob@example.net>"), StartsWith("250"));
  EXPECT_THAT(early.Say("DATA"), StartsWith("354"));
  early.Send("Subject: early\r\n\r\nThe first.\r\n.\r\n");
  EXPECT_THAT(early.ReadReply(), StartsWith("250"));
  EXPECT_THAT(early.Say("QUIT"), StartsWith("221"));
  ASSERT_TRUE(upstream_.WaitForMessages(1));
  EXPECT_THAT(upstream_.messages()[0].content, HasSubstr("The first."));
  EXPECT_EQ(first_->process().Wait(), 0);
  EXPECT_THAT(first_->Log(), Not(HasSubstr("another one starts")));

  EXPECT_EQ(PidFile(), Line(later.back()->pid()));
  EXPECT_TRUE(Answers(later.back()->pid())) << Status();
  EXPECT_THAT(Submit(), StartsWith("250"));
  EXPECT_TRUE(SomebodyListens(metrics_port_));
  later.back()->Signal(SIGTERM);
  EXPECT_EQ(later.back()->Wait(), 0);
  EXPECT_EQ(PidFile(), "");
  EXPECT_FALSE(SomebodyListens(first_->port()));
}

TEST_P(TakeOver, OneThatDoesNotStartChangesNothing) {
  const std::string good = ReadFile(first_->config_file());
  const std::string file = directory_ / "broken.conf";
  // One mistake is found at once, the other when the sockets, the pid file and privileges are
  // behind it.
  const std::string nowhere = "metrics_listen = 127.0.0.1:" + std::to_string(upstream_.port());
  for (const std::string& text :
       {"no_such_option = 1\n" + good,
        Replace(good, "metrics_listen = 127.0.0.1:" + std::to_string(metrics_port_), nowhere)}) {
    WriteFile(file, text);
    const auto another = Another(file);
    EXPECT_GT(another->Wait(), 0);
    EXPECT_THAT(another->Output(), HasSubstr("not started: "));
    ExpectTheFirstServes();
  }
  // Nor does that stand in the way of one that does.
  const auto another = Another();
  ASSERT_TRUE(Answers(another->pid())) << another->Output();
  EXPECT_EQ(first_->process().Wait(), 0);
  EXPECT_EQ(PidFile(), Line(another->pid()));
}

TEST_P(TakeOver, ACrashOfTheOneThatLeavesIsItsEnd) {
  SmtpClient early = first_->Client("alice");
  const auto another = Another();
  ASSERT_TRUE(first_->WaitForLog("has taken over"));
  kill(first_->serving_pid(), SIGKILL);
  EXPECT_GT(first_->process().Wait(), 0);
  EXPECT_EQ(PidFile(), Line(another->pid()));
  EXPECT_THAT(Submit(), StartsWith("250"));
}

TEST_P(TakeOver, AStopEndsWhatIsLeftOfTheOneThatLeaves) {
  SmtpClient early = first_->Client("alice");
  const auto another = Another();
  ASSERT_TRUE(first_->WaitForLog("has taken over"));
  first_->process().Signal(SIGTERM);
  EXPECT_THAT(early.ReadReply(), StartsWith("421"));
  EXPECT_EQ(first_->process().Wait(), 0);
  EXPECT_EQ(PidFile(), Line(another->pid()));
  EXPECT_THAT(Submit(), StartsWith("250"));
}

// Datagrams that a service manager would get.
std::string HearAll(int fd) {
  std::string all;
  char text[1000];
  for (ssize_t size; (size = recv(fd, text, sizeof text, MSG_DONTWAIT)) > 0;)
    all += std::string(text, static_cast<std::size_t>(size)) + "\n";
  return all;
}

TEST_P(TakeOver, TheServiceManagerIsToldTheNewMainProcessAndNothingByTheOldOne) {
  const std::string path = directory_ / "notify";
  const int ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(ear, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto second = Another(first_->config_file(), {"NOTIFY_SOCKET=" + path});
  EXPECT_EQ(first_->process().Wait(), 0);
  const std::string heard = HearAll(ear);
  EXPECT_THAT(heard, StartsWith("MAINPID=" + Line(second->pid()) + "READY=1\n"));
  // One that has a manager, and leaves, tells it who comes after it; it does not stop.
  const auto third = Another();
  EXPECT_EQ(second->Wait(), 0);
  EXPECT_EQ(HearAll(ear), "MAINPID=" + Line(third->pid()));
  EXPECT_THAT(Submit(), StartsWith("250"));
  close(ear);
}

TEST_P(TakeOver, APortThatTheNewConfigurationDropsIsClosed) {
  const int other = FreePort();
  const std::string file = directory_ / "other.conf";
  const std::string old_port = std::to_string(first_->port());
  WriteFile(file, Replace(ReadFile(first_->config_file()), old_port, std::to_string(other)));
  const auto another = Another(file);
  ASSERT_TRUE(WaitUntil([&] { return SomebodyListens(other); })) << another->Output();
  EXPECT_TRUE(WaitUntil([&] { return !SomebodyListens(first_->port()); }));
  EXPECT_EQ(first_->process().Wait(), 0);
  EXPECT_TRUE(another->running());
}

TEST_P(TakeOver, NeedsSomebodyWhoRuns) {
  first_->process().Signal(SIGTERM);
  EXPECT_EQ(first_->process().Wait(), 0);
  const auto another = Another();
  EXPECT_EQ(another->Wait(), 1);
  EXPECT_THAT(another->Output(), HasSubstr("nothing to take over: control socket"));
  EXPECT_EQ(PidFile(), "");
}

TEST_P(TakeOver, IsNotForOtherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  // Even if the modes of the socket let everybody connect.
  ASSERT_EQ(chmod(control_.c_str(), 0666), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  const Finished asked = signet::test::Run(
      {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-MSocket", "-e",
       "socket(S, AF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or "
       "die \"not connected: $!\"; syswrite(S, \"take-over\\n\"); print \"got \", "
       "(sysread(S, $x, 99) || 0), \"\\n\";",
       control_});
  EXPECT_THAT(asked.output, HasSubstr("got 0\n"));
  EXPECT_THAT(first_->Log(), Not(HasSubstr("starts to take over")));
  ExpectTheFirstServes();
}

INSTANTIATE_TEST_SUITE_P(With, TakeOver, ::testing::Values("", "no_master_process\n"));

}  // namespace
}  // namespace signet::test
