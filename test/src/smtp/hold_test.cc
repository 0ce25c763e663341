#include "src/smtp/hold.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

namespace signet::smtp {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class HoldTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "signet-hold-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(directory_); }

  static Lines LinesOf(HeldBody& body) {
    Lines lines;
    EXPECT_TRUE(body.Replay([&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    }));
    return lines;
  }

  fs::path directory_;
};

TEST_F(HoldTest, GivesBackWhatItWasGiven) {
  HeldBody body(directory_);
  const Lines lines = {"one", "", ".", "last"};
  for (const std::string& line : lines) EXPECT_TRUE(body.Append(line));
  EXPECT_FALSE(body.on_disk());
  EXPECT_EQ(LinesOf(body), lines);
  EXPECT_EQ(LinesOf(body), lines);
}

TEST_F(HoldTest, AnEmptyBodyHasNoLines) {
  HeldBody body(directory_);
  EXPECT_EQ(LinesOf(body), Lines());
}

TEST_F(HoldTest, WhatIsMoreThanMemoryMayHoldGoesToAFileWithoutAName) {
  HeldBody body(directory_);
  Lines lines;
  for (int i = 0; i < 5000; ++i) {
    lines.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 90), 'x'));
    EXPECT_TRUE(body.Append(lines.back()));
  }
  EXPECT_TRUE(body.on_disk());
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(LinesOf(body), lines);
}

TEST_F(HoldTest, MemoryLimitOnBothSides) {
  const std::string rest(limits::kHeldInMemoryBytes - 2, 'x');
  HeldBody fits(directory_), spills(directory_);
  EXPECT_TRUE(fits.Append(rest));
  EXPECT_FALSE(fits.on_disk());
  EXPECT_TRUE(spills.Append(rest + 'x'));
  EXPECT_TRUE(spills.on_disk());
  EXPECT_EQ(LinesOf(spills), Lines{rest + 'x'});
}

TEST_F(HoldTest, EndsEarlyWhereTheReceiverDoes) {
  HeldBody body(directory_);
  for (int i = 0; i < 5000; ++i) body.Append(std::string(90, 'x'));
  int given = 0;
  EXPECT_TRUE(body.Replay([&](std::string_view) { return ++given < 3; }));
  EXPECT_EQ(given, 3);
}

TEST_F(HoldTest, SaysThatTheDiskIsFull) {
  HeldBody body(directory_, [](int, const void*, std::size_t) -> ssize_t {
    errno = ENOSPC;
    return -1;
  });
  EXPECT_FALSE(body.Append(std::string(limits::kHeldInMemoryBytes, 'x')));
  ASSERT_TRUE(body.problem());
  EXPECT_TRUE(body.problem()->no_space);
  EXPECT_FALSE(body.Append("x"));
  EXPECT_FALSE(body.Replay([](std::string_view) { return true; }));
}

TEST_F(HoldTest, WritesOnBehindAShortWrite) {
  int calls = 0;
  HeldBody body(directory_, [&](int file, const void* octets, std::size_t size) -> ssize_t {
    if (++calls == 1) {
      errno = EINTR;
      return -1;
    }
    return ::write(file, octets, size / 2 + 1);
  });
  const std::string line(2 * limits::kHeldInMemoryBytes, 'x');
  EXPECT_TRUE(body.Append(line));
  EXPECT_GT(calls, 5);
  EXPECT_EQ(LinesOf(body), Lines{line});
}

TEST_F(HoldTest, SaysThatThereIsNoSuchDirectory) {
  HeldBody body(directory_ / "none");
  EXPECT_FALSE(body.Append(std::string(limits::kHeldInMemoryBytes, 'x')));
  ASSERT_TRUE(body.problem());
  EXPECT_FALSE(body.problem()->no_space);
  EXPECT_NE(body.problem()->text.find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace signet::smtp
