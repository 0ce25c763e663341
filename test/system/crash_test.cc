// What is left when the process crashes: nothing that was not finished, and nothing that keeps
// the next one from starting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "test/support/authority.h"
#include "test/support/submission_gateway.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
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
  options.main_options = "pid_file_path = " + (directory / "pid") + "\n";
  options.routers = "upstream:\n  driver = manualroute\n  route_list = * 127.0.0.1::" +
                    std::to_string(upstream_port) + "\n  transport = to_mta\n";
  options.transports = "to_mta:\n  driver = smtp\n";
  return options;
}

class Crash : public ::testing::TestWithParam<int> {};

// SIGABRT is what a failed SIGNET_CHECK ends with.
TEST_P(Crash, RuleP3EndsEverySessionAndGrantsNothing) {
  TempDir directory;
  Upstream upstream;
  SubmissionGateway gateway(SharedAuthority(), WithPidFile(directory, upstream.port()));
  SmtpClient idle = gateway.Client("alice");
  SmtpClient busy = gateway.Client("alice");
  busy.Say("MAIL FROM:<alice@example.org>");
  busy.Say("RCPT TO:<bob@example.net>");
  ASSERT_THAT(busy.Say("DATA"), StartsWith("354"));
  busy.Send("Subject: half\r\n\r\n" + std::string(100'000, 'x') + "\r\n");
  ASSERT_TRUE(WaitUntil([&] { return upstream.commands().size() >= 4; }));

  gateway.process().Signal(GetParam());
  EXPECT_GT(gateway.process().Wait(), 0);
  EXPECT_EQ(busy.ReadReply(), "");
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(upstream.messages().empty());

  // The pid file of the dead one is no obstacle, and nobody is known any more.
  EXPECT_NE(ReadFile(directory / "pid"), "");
  gateway.Restart();
  EXPECT_EQ(ReadFile(directory / "pid"), std::to_string(gateway.pid()) + "\n");
  EXPECT_THAT(
      gateway.Client("").Submit("alice@example.org", "bob@example.net", "Subject: a\r\n\r\nb"),
      StartsWith("250"));
  ASSERT_TRUE(upstream.WaitForMessages(1));
  EXPECT_EQ(upstream.messages().size(), 1u);
  EXPECT_THAT(upstream.messages()[0].content, HasSubstr("with esmtps "));
}
INSTANTIATE_TEST_SUITE_P(Each, Crash, ::testing::Values(SIGSEGV, SIGABRT, SIGBUS, SIGKILL));

}  // namespace
}  // namespace signet::test
