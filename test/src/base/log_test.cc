#include "src/base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <regex>
#include <sstream>

#include "src/base/limits.h"
#include "src/base/log_lost.h"
#include "src/base/log_sink.h"

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
  Log::Paths Paths() { return Log::Paths{Path("main"), Path("reject"), Path("panic")}; }
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
  Log log(Log::Paths{directory_ + "/none/main", "", ""});
  const std::uint64_t before = LogLinesLost();
  log.Main("one");
  log.Main("two");
  EXPECT_EQ(LogLinesLost() - before, 2u);  // whether or not the log can say so
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

// --- with threads ------------------------------------------------------------------------------

Log::Setup FileSetup(const std::string& path, Log::Form form = Log::Form::kExim) {
  Log::Setup setup;
  setup.places = {{Log::Place::Kind::kFile, form, path}};
  return setup;
}

TEST_F(LogTest, ThreadsWriteEverythingInOrder) {
  {
    Log log(Log::Paths{Path("main"), Path("reject"), Path("panic")});
    log.StartWriting();
    for (int i = 0; i < 1000; ++i) log.Main("line " + std::to_string(i) + ".");
  }
  std::istringstream in(Contents("main"));
  std::string line;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(std::getline(in, line));
    EXPECT_EQ(line.substr(20), "line " + std::to_string(i) + ".");
  }
}

TEST_F(LogTest, RuleR5AFifoThatNobodyReadsHoldsNobody) {
  ASSERT_EQ(mkfifo(Path("main").c_str(), 0600), 0);
  // Open, so that it can be written until it is full.
  const int reader = open(Path("main").c_str(), O_RDONLY | O_NONBLOCK);
  std::size_t read_bytes = 0;
  std::string got;
  {
    Log log(FileSetup(Path("main")));
    log.StartWriting();
    const auto start = std::chrono::steady_clock::now();
    const std::string text(1000, 'x');
    // Many times what the pipe and the queue hold.
    for (int i = 0; i < 20'000; ++i) log.Main(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    // A reader comes back: what waited arrives, then how much was lost.
    char block[65536];
    const auto until = start + std::chrono::seconds(60);
    while (got.find("log lines were lost") == got.npos &&
           std::chrono::steady_clock::now() < until) {
      log.Main("more");
      const ssize_t n = read(reader, block, sizeof block);
      if (n <= 0) {
        usleep(1000);
        continue;
      }
      read_bytes += static_cast<std::size_t>(n);
      got.append(block, static_cast<std::size_t>(n));
      if (got.size() > 4 * sizeof block) got.erase(0, got.size() - sizeof block);
    }
    EXPECT_NE(got.find("log lines were lost"), got.npos);
    EXPECT_GT(read_bytes, limits::kLogQueueBytes / 4);
  }
  close(reader);
}

TEST_F(LogTest, EndsInTimeWithAFifoThatNobodyReads) {
  ASSERT_EQ(mkfifo(Path("main").c_str(), 0600), 0);
  const int reader = open(Path("main").c_str(), O_RDONLY | O_NONBLOCK);
  const auto start = std::chrono::steady_clock::now();
  {
    Log log(FileSetup(Path("main")));
    log.StartWriting();
    for (int i = 0; i < 200; ++i) log.Main(std::string(1000, 'x'));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start,
            2 * limits::kLogDrain + std::chrono::seconds(3));
  close(reader);
}

TEST_F(LogTest, OneStalledPlaceDoesNotHoldAnother) {
  ASSERT_EQ(mkfifo(Path("reject").c_str(), 0600), 0);
  const int reader = open(Path("reject").c_str(), O_RDONLY | O_NONBLOCK);
  {
    Log::Setup setup = FileSetup(Path("main"));
    setup.places.push_back({Log::Place::Kind::kFile, Log::Form::kJson, Path("reject")});
    Log log(setup);
    log.StartWriting();
    for (int i = 0; i < 500; ++i) log.Main(std::string(1000, 'x'));
    log.Main("last");
    for (int i = 0; i < 500 && Contents("main").find(" last\n") == std::string::npos; ++i)
      usleep(10'000);
    EXPECT_NE(Contents("main").find(" last\n"), std::string::npos);
  }
  close(reader);
}

TEST_F(LogTest, OtherPlacesAndStampsTakeEffectAtOnce) {
  Log log(FileSetup(Path("main")));
  log.StartWriting();
  log.Main("before");
  Log::Setup setup = FileSetup(Path("moved"));
  setup.stamp = {.zone = true, .millisec = true, .pid = true};
  log.Configure(setup);
  EXPECT_NE(Contents("main").find(" before\n"), std::string::npos);
  log.Main("after");
  log.Configure(FileSetup(Path("panic")));
  EXPECT_EQ(Contents("main").find("after"), std::string::npos);
  EXPECT_TRUE(std::regex_match(
      Contents("moved"),
      std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d{4} \[\d+\] after\n)")))
      << Contents("moved");
}

TEST_F(LogTest, AFileThatWasMovedIsNoticedWithoutASignal) {
  Log log(FileSetup(Path("main")));
  log.Main("before");
  ASSERT_EQ(std::rename(Path("main").c_str(), Path("moved").c_str()), 0);
  for (int i = 0; i < 30 && Contents("main").empty(); ++i) {
    log.Main("after");
    usleep(100'000);
  }
  EXPECT_NE(Contents("main").find("after"), std::string::npos);
}

TEST_F(LogTest, DatesStandInTheName) {
  Log log(FileSetup(directory_ + "/%s-%D-%M"));
  log.Main("x");
  const std::time_t now = std::time(nullptr);
  char name[64];
  std::strftime(name, sizeof name, "main-%Y%m%d-%Y%m", std::localtime(&now));
  EXPECT_NE(Contents(name).find(" x\n"), std::string::npos) << name;
  std::remove(Path(name).c_str());
}

TEST_F(LogTest, TheHeaderOfARefusedMessageIsInTheRejectLogOnly) {
  Log log(Paths());
  LogEvent event("rejection");
  event.Say("rejected after DATA");
  event.header = {"F From: a\nb", "\tmore"};
  log.MainAndReject(event);
  EXPECT_EQ(Contents("main").substr(20), "rejected after DATA\n");
  EXPECT_EQ(Contents("reject").substr(20), "rejected after DATA\nF From: a\\nb\n\tmore\n");
}

TEST_F(LogTest, TheRejectLogCanBeLeftOut) {
  Log::Setup setup = FileSetup(directory_ + "/%s");
  setup.write_reject = false;
  Log log(setup);
  log.MainAndReject("x");
  log.Reject("y");
  EXPECT_NE(Contents("main").find(" x\n"), std::string::npos);
  EXPECT_EQ(Contents("main").find(" y\n"), std::string::npos);
  EXPECT_EQ(Contents("reject"), "");
}

// --- syslog
// ----------------------------------------------------------------------------------------

TEST(SyslogPieces, NumbersThemWhereThereAreSeveral) {
  using logging::SyslogPieces;
  EXPECT_EQ(SyslogPieces({"one"}), (std::vector<std::string>{"one"}));
  EXPECT_EQ(SyslogPieces({"one", "two"}), (std::vector<std::string>{"[1/2] one", "[2\\2] two"}));
  EXPECT_EQ(SyslogPieces({std::string(870, 'x')}).size(), 1u);
  const auto pieces = SyslogPieces({std::string(871, 'x'), "y"});
  EXPECT_EQ(pieces,
            (std::vector<std::string>{"[1/3] " + std::string(870, 'x'), "[2/3] x", "[3\\3] y"}));
}

TEST(SyslogPieces, CutsNoCharacterInTwo) {
  const auto pieces = logging::SyslogPieces({std::string(869, 'x') + "\xc3\xbc"});
  EXPECT_EQ(pieces[1], "[2/2] \xc3\xbc");
}

}  // namespace
}  // namespace signet
