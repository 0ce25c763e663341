#include "src/server/pid_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace signet::server {
namespace {

class PidFileTest : public ::testing::Test {
 protected:
  std::string path_ = ::testing::TempDir() + "pid_file_test_" + std::to_string(::getpid());
  std::string other_ = path_ + ".other";
  ~PidFileTest() override {
    ::unlink(path_.c_str());
    ::unlink(other_.c_str());
  }
  static std::string Content(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    return std::getline(file, line) ? line : "nothing";
  }
};

TEST_F(PidFileTest, HoldsOurIdWhileItLives) {
  {
    auto file = PidFile::Write(path_);
    ASSERT_TRUE(file.ok());
    PidFile kept = std::move(file).value();
    EXPECT_EQ(Content(path_), std::to_string(::getpid()));
  }
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(PidFileTest, NeverFollowsASymbolicLink) {
  std::ofstream(other_) << "precious\n";
  ASSERT_EQ(::symlink(other_.c_str(), path_.c_str()), 0);
  auto file = PidFile::Write(path_);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error(), "cannot write " + path_ + ": Too many levels of symbolic links");
  EXPECT_EQ(Content(other_), "precious");
}

}  // namespace
}  // namespace signet::server
