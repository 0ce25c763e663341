// Memory that many sessions have needed is given back when they have gone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "test/system/world.h"

namespace signet::test {
namespace {

double RssKib(pid_t pid) {
  const std::string text = ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const std::size_t at = text.find("\nRss:");
  return at == text.npos ? 0 : std::atof(text.c_str() + at + 5);
}

TEST(Memory, RuleR4OfABurstOfSessionsIsGivenBackWithinSeconds) {
  constexpr std::size_t kSessions = 600;
  constexpr double kHeldAtLeastKib = 6 * 1024, kLeftAtMostKib = 3 * 1024;
  Gateway::Options extra;
  // What is remembered of sessions is bounded by itself, and full before it is looked at.
  extra.main_options = "smtp_accept_max_per_host = 1000\ndecisions_kept = 20";
  World world(nullptr, extra);
  const pid_t pid = world.gateway->serving_pid();
  for (int i = 0; i < 40; ++i) world.Client("alice").Say("QUIT");
  const double before = RssKib(pid);
  ASSERT_GT(before, 0);
  {
    std::vector<SmtpClient> held;
    for (std::size_t i = 0; i < kSessions; ++i) held.push_back(world.Client("alice"));
    EXPECT_GT(RssKib(pid) - before, kHeldAtLeastKib);
    for (SmtpClient& client : held) EXPECT_EQ(client.Say("QUIT").substr(0, 3), "221");
  }
  double left = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        left = RssKib(pid) - before;
        return left <= kLeftAtMostKib;
      },
      seconds(40)))
      << left << " KiB more than before";
  EXPECT_EQ(world.RcptReply("alice", "alice@example.org").substr(0, 3), "250");
}

}  // namespace
}  // namespace signet::test
