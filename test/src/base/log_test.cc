#include "src/base/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "src/base/limits.h"

namespace signet {
namespace {

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/signet-log-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    for (const char* f : {"main", "reject", "panic", "moved"}) std::remove(Path(f).c_str());
    rmdir(directory_.c_str());
  }
  std::string Path(const std::string& name) { return directory_ + "/" + name; }
  std::string Contents(const std::string& name) {
    std::ifstream in(Path(name));
    return (std::ostringstream() << in.rdbuf()).str();
  }
  Log::Paths Paths() { return {Path("main"), Path("reject"), Path("panic")}; }
  std::string directory_;
};

TEST_F(LogTest, RuleG1OneEventIsOnePrintableLine) {
  Log log(Paths());
  log.Main("a\nb\x1b[31m\xff ü \xe2\x80\xa8 \xe2\x80\xae.");
  std::string line = Contents("main");
  EXPECT_EQ(line.substr(20), "a\\nb\\033[31m\\377 ü \\342\\200\\250 \\342\\200\\256.\n");
}

TEST_F(LogTest, EscapedTextIsNotEscapedTwice) {
  Log log(Paths());
  log.Main("<= " + Printable("a\tb"));
  EXPECT_EQ(Contents("main").substr(20), "<= a\\tb\n");
}

TEST_F(LogTest, RejectionsAppearInBothLogs) {
  Log log(Paths());
  log.MainAndReject("rejected RCPT");
  EXPECT_EQ(Contents("main"), Contents("reject"));
  EXPECT_NE(Contents("main").find(" rejected RCPT\n"), std::string::npos);
}

TEST_F(LogTest, LongLinesAreCutWithAMark) {
  Log log(Paths());
  log.Main(std::string(limits::kLogLineMaxBytes, 'x'));
  EXPECT_EQ(Contents("main").find("[line cut]"), std::string::npos);
  log.Main(std::string(limits::kLogLineMaxBytes + 1, 'x'));
  EXPECT_NE(Contents("main").find("[line cut]"), std::string::npos);
}

TEST_F(LogTest, RuleG5LostLinesAreCounted) {
  Log log({directory_ + "/none/main", "", ""});
  log.Main("one");
  log.Main("two");
  ASSERT_EQ(system(("mkdir " + directory_ + "/none").c_str()), 0);
  log.Main("three");
  std::string text = Contents("none/main");
  EXPECT_NE(text.find("2 log lines were lost\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" three\n"), std::string::npos);
  std::remove(Path("none/main").c_str());
  rmdir(Path("none").c_str());
}

TEST_F(LogTest, ReopenFollowsRotation) {
  Log log(Paths());
  log.Main("before");
  ASSERT_EQ(std::rename(Path("main").c_str(), Path("moved").c_str()), 0);
  log.Reopen();
  log.Main("after");
  EXPECT_NE(Contents("main").find("after"), std::string::npos);
  EXPECT_EQ(Contents("moved").find("after"), std::string::npos);
}

}  // namespace
}  // namespace signet
