#include "src/base/channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

namespace signet {
namespace {

using std::chrono::milliseconds;

const Deadline kNow = Deadline::After(milliseconds(0));

TEST(Channel, MessagesComeWholeAndInOrder) {
  const auto [one, other] = Channel::MakePair();
  EXPECT_TRUE(one.Send("first"));
  EXPECT_TRUE(one.Send(std::string(5000, 'x')));
  EXPECT_EQ(other.Receive(kNow, 6000)->text, "first");
  EXPECT_EQ(other.Receive(kNow, 6000)->text, std::string(5000, 'x'));
  EXPECT_FALSE(other.Receive(kNow, 6000));
}

// Rule R5: who does not read is given up.
TEST(Channel, RuleR5SendingToOneThatDoesNotReadEnds) {
  const auto [one, other] = Channel::MakePair();
  const std::string text(5000, 'x');
  int sent = 0;
  while (sent < 100'000 && one.Send(text)) ++sent;
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 100'000);
}

TEST(Channel, DescriptorsComeWithThem) {
  const auto [one, other] = Channel::MakePair();
  const OwnedFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fds[] = {null.get(), null.get()};
  ASSERT_TRUE(one.Send("two", fds));
  const auto got = other.Receive(kNow, 100);
  ASSERT_TRUE(got && got->fds.size() == 2);
  for (const OwnedFd& fd : got->fds) {
    struct stat sent {
    }, received{};
    ASSERT_EQ(::fstat(null.get(), &sent), 0);
    ASSERT_EQ(::fstat(fd.get(), &received), 0);
    EXPECT_EQ(sent.st_rdev, received.st_rdev);
    EXPECT_NE(fd.get(), null.get());
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST(Channel, AMessageUpToTheLimitIsTakenAndNoLongerOne) {
  const auto [one, other] = Channel::MakePair();
  ASSERT_TRUE(one.Send("1234") && one.Send("12345") && one.Send("next"));
  EXPECT_EQ(other.Receive(kNow, 4)->text, "1234");
  EXPECT_FALSE(other.Receive(kNow, 4));
  EXPECT_EQ(other.Receive(kNow, 4)->text, "next");
}

TEST(Channel, WaitsUntilTheDeadline) {
  const auto [one, other] = Channel::MakePair();
  EXPECT_FALSE(other.Receive(Deadline::After(milliseconds(20)), 10));
  std::thread later([&one = one] { (void)one.Send("late"); });
  EXPECT_EQ(other.Receive(Deadline::After(std::chrono::seconds(20)), 10)->text, "late");
  later.join();
}

TEST(Channel, WhoseOtherEndIsGoneSaysSo) {
  auto [one, other] = Channel::MakePair();
  other.Close();
  EXPECT_FALSE(one.Send("x"));
  EXPECT_FALSE(one.Receive(Deadline::After(std::chrono::seconds(20)), 10));
}

TEST(Packing, WhatWentInComesOut) {
  Packer out;
  out.Put("");
  out.Put(std::string("a:\0b", 4));
  out.Put(std::uint64_t{18'446'744'073'709'551'615u});
  Unpacker in(out.text());
  EXPECT_EQ(in.Text(), "");
  EXPECT_EQ(in.Text(), std::string("a:\0b", 4));
  EXPECT_EQ(in.Number(), 18'446'744'073'709'551'615u);
  EXPECT_TRUE(in.good() && in.empty());
}

TEST(Packing, WhatIsNotThereIsSaid) {
  for (const char* text : {"", "3", "3:", "3:ab", ":", "-1:x", "x:", "99999999999999999999:a"}) {
    Unpacker in(text);
    EXPECT_EQ(in.Text(), "") << text;
    EXPECT_FALSE(in.good()) << text;
  }
  for (const char* text : {"0:", "1:x", "2:1x", "2:-1"}) {
    Unpacker in(text);
    (void)in.Number();
    EXPECT_FALSE(in.good()) << text;
  }
}

}  // namespace
}  // namespace signet
