// What is left when the process that serves crashes: nothing that was not finished, and another
// process in its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

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

SubmissionGateway::Options WithPidFile(const TempDir& directory, int upstream_port) {
  SubmissionGateway::Options options;
  options.main_options = "pid_file_path = " + (directory / "pid") +
                         "\ncontrol_socket = " + (directory / "control") + "\n";
  options.routers = "upstream:\n  driver = manualroute\n  route_list = * 127.0.0.1::" +
                    std::to_string(upstream_port) + "\n  transport = to_mta\n";
  options.transports = "to_mta:\n  driver = smtp\n";
  return options;
}

bool Gone(pid_t pid) {
  const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status");
  return status.empty() || status.find("State:\tZ") != std::string::npos;
}

class Crash : public ::testing::TestWithParam<int> {
 protected:
  TempDir directory_;
  Upstream upstream_;
};

std::string SubmitAsNobody(const SubmissionGateway& gateway) {
  return gateway.Client("").Submit("alice@example.org", "bob@example.net", "Subject: a\r\n\r\nb");
}

// SIGABRT is what a failed SIGNET_CHECK ends with, SIGKILL what the kernel does for want of
// memory.
TEST_P(Crash, RuleP3OfTheServingProcessEndsItsSessionsAndAnotherOneServes) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  SmtpClient idle = gateway.Client("alice");
  SmtpClient busy = gateway.Client("alice");
  busy.Say("MAIL FROM:<alice@example.org>");
  busy.Say("RCPT TO:<bob@example.net>");
  ASSERT_THAT(busy.Say("DATA"), StartsWith("354"));
  busy.Send("Subject: half\r\n\r\n" + std::string(100'000, 'x') + "\r\n");
  ASSERT_TRUE(WaitUntil([&] { return upstream_.commands().size() >= 4; }));

  const pid_t serving = gateway.serving_pid();
  ASSERT_GT(serving, 0);
  ASSERT_NE(serving, gateway.pid());
  kill(serving, GetParam());
  EXPECT_EQ(busy.ReadReply(), "");
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(upstream_.messages().empty());

  // Nobody has started it again, nobody is refused meanwhile, and nobody is known any more.
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  ASSERT_TRUE(upstream_.WaitForMessages(1));
  EXPECT_EQ(upstream_.messages().size(), 1u);
  EXPECT_THAT(upstream_.messages()[0].content, HasSubstr("with esmtps "));
  EXPECT_NE(gateway.serving_pid(), serving);
  EXPECT_TRUE(gateway.process().running());
  EXPECT_EQ(ReadFile(directory_ / "pid"), std::to_string(gateway.pid()) + "\n");
  const std::string name = sigabbrev_np(GetParam());
  const std::string log = gateway.Log();
  EXPECT_THAT(log, HasSubstr("the serving process was ended by SIG" + name + " after "));
  EXPECT_THAT(log, HasSubstr(", and 2 sessions with it; another one starts in 0.1 s"));
  EXPECT_THAT(log, HasSubstr(" daemon serves again: pid=" + std::to_string(gateway.pid()) + ", "));
  const Finished status =
      signet::test::Run({SignetProgram(), "status", "-C", gateway.config_file()});
  EXPECT_THAT(status.output, HasSubstr("1 restart after crashes")) << status.output;
}
INSTANTIATE_TEST_SUITE_P(Each, Crash, ::testing::Values(SIGSEGV, SIGABRT, SIGBUS, SIGKILL));

using Crashes = Crash;

TEST_F(Crashes, OneThatComesAgainAndAgainIsFollowedByLongerAndLongerPauses) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  for (const char* pause : {"0.1 s", "0.2 s", "0.4 s"}) {
    // What comes while nobody serves waits, and is answered.
    kill(gateway.serving_pid(), SIGKILL);
    EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
    EXPECT_THAT(gateway.Log(), HasSubstr(std::string("another one starts in ") + pause));
  }
  gateway.process().Signal(SIGTERM);
  EXPECT_EQ(gateway.process().Wait(), 0);
}

TEST_F(Crashes, AStopWhileNobodyServesIsAStop) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  WriteFile(gateway.config_file(), "no_such_option = 1\n");
  kill(gateway.serving_pid(), SIGSEGV);
  ASSERT_TRUE(gateway.WaitForLog("before it served; tried again in 0.4 s")) << gateway.Log();
  EXPECT_THAT(gateway.Log(), HasSubstr("main option \"no_such_option\" unknown"));
  EXPECT_THAT(gateway.Log(), HasSubstr("not started: 1 error in "));
  gateway.process().Signal(SIGTERM);
  EXPECT_EQ(gateway.process().Wait(), 0);
  EXPECT_EQ(ReadFile(directory_ / "pid"), "");
}

TEST_F(Crashes, AReloadWhileNobodyServesIsTheNextAttempt) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  const std::string good = ReadFile(gateway.config_file());
  WriteFile(gateway.config_file(), "no_such_option = 1\n");
  kill(gateway.serving_pid(), SIGSEGV);
  ASSERT_TRUE(gateway.WaitForLog("before it served; tried again in 0.8 s")) << gateway.Log();
  WriteFile(gateway.config_file(), good);
  gateway.process().Signal(SIGHUP);
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
}

TEST_F(Crashes, TheMastersEndIsEverybodysEnd) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  const std::vector<pid_t> children = ChildrenOf(gateway.pid());
  ASSERT_FALSE(children.empty());
  gateway.process().Signal(SIGKILL);
  EXPECT_GT(gateway.process().Wait(), 0);
  for (const pid_t child : children) EXPECT_TRUE(WaitUntil([&] { return Gone(child); }));
  // The pid file of the dead one is no obstacle.
  EXPECT_NE(ReadFile(directory_ / "pid"), "");
  gateway.Restart();
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  EXPECT_EQ(ReadFile(directory_ / "pid"), std::to_string(gateway.pid()) + "\n");
}

TEST_F(Crashes, AServiceManagersSignalToEverybodyIsOneStop) {
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory_, upstream_.port()));
  SmtpClient busy = gateway.Client("alice");
  busy.Say("MAIL FROM:<alice@example.org>");
  busy.Say("RCPT TO:<bob@example.net>");
  ASSERT_THAT(busy.Say("DATA"), StartsWith("354"));
  for (const pid_t child : ChildrenOf(gateway.pid())) kill(child, SIGTERM);
  gateway.process().Signal(SIGTERM);
  ASSERT_TRUE(gateway.WaitForLog("shutting down"));
  busy.Send("Subject: last\r\n\r\nb\r\n.\r\n");
  EXPECT_THAT(busy.ReadReply(), StartsWith("250"));
  EXPECT_EQ(gateway.process().Wait(), 0);
}

TEST_F(Crashes, WithoutAMasterThereIsOneProcess) {
  SubmissionGateway::Options options = WithPidFile(directory_, upstream_.port());
  options.main_options += "no_master_process\n";
  SubmissionGateway gateway(SharedAuthority(), options);
  EXPECT_EQ(gateway.serving_pid(), gateway.pid());
  EXPECT_THAT(SubmitAsNobody(gateway), StartsWith("250"));
  gateway.process().Signal(SIGSEGV);
  EXPECT_GT(gateway.process().Wait(), 128);
  EXPECT_THAT(gateway.Log(), Not(HasSubstr("the serving process")));
}

}  // namespace
}  // namespace signet::test
