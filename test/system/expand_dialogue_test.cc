// The dialogue of `signet expand`: beside Exim's own, and on a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "test/support/exim.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string>& Dialogues() {
  static const std::vector<std::string> dialogues = {
      "${lc:ABC}\nplain\n",
      "\n   \n\t\nx\n",
      "  indented  \n\tby a tab\t\n",
      "a\\\n   b\nx\\\\\ny\n\\\n\nlast \\\n  of \\\n  all",
      "${nope:x}\n${if eq{a}{b}{c}fail}\n${eval:1/0}\n${nosuch}\nafter\n",
      "FIRST=one\nFIRST and FIRST\nSECOND = FIRST two\nSECOND\nSECOND==three\nSECOND\n",
      "# no comment\n #\n",
      "a\\nb${escape:\\t}\\x41\n${sg{a:b}{:}{\\n}}\n",
      "${uc:\\\n${if eq{1}{1}{\\\n  yes}}}\n",
      "${if match{alice@example.org}{\\N^([^@]+)@(.*)$\\N}{$1 at $2}{none}}\n$1\n",
      "no end of line",
      "${lc:not closed\nnext\n",
  };
  return dialogues;
}

class Dialogue : public testing::Test {
 protected:
  Dialogue() {
    WriteFile(directory_ / "signet.conf", "");
    WriteFile(exim_.directory() / "exim.conf", "spool_directory = /nonexistent\n");
  }

  std::vector<std::string> Command() const {
    return {SignetProgram(), "expand", "-C", directory_ / "signet.conf"};
  }
  // Standard output alone.
  static std::string Output(std::vector<std::string> command, const std::string& input,
                            const std::vector<std::string>& environment = {}) {
    std::vector<std::string> all = {"/bin/sh", "-c", "exec \"$@\" 2>/dev/null", "sh"};
    all.insert(all.end(), command.begin(), command.end());
    return test::Run(all, {.environment = environment, .input = input}).output;
  }
  std::string Signet(const std::string& input, const std::vector<std::string>& words = {}) const {
    std::vector<std::string> command = Command();
    command.insert(command.end(), words.begin(), words.end());
    return Output(command, input);
  }
  std::string Exim(const std::string& input, const std::vector<std::string>& words = {}) const {
    std::vector<std::string> command = {exim_.path(), "-C", exim_.directory() / "exim.conf", "-be"};
    command.insert(command.end(), words.begin(), words.end());
    return Output(command, input, exim_.environment());
  }

  EximProgram exim_;
  TempDir directory_;
};

// Exim prompts in pipes too: that is taken out, with the line end behind its last prompt.
std::string WithoutPrompts(std::string text) {
  text = Replace("\n" + text, "\n> ", "\n");
  EXPECT_TRUE(text.ends_with('\n'));
  return text.substr(1, text.size() - 2);
}

TEST_F(Dialogue, LinesAreAnsweredAsEximDoes) {
  for (const std::string& dialogue : Dialogues())
    EXPECT_EQ(Signet(dialogue), WithoutPrompts(Exim(dialogue))) << dialogue;
}

TEST_F(Dialogue, ArgumentsAreAnsweredAsEximDoes) {
  const std::vector<std::string> words = {"${lc:ABC}", "  a  ", "",    "${nope:x}", "a\\nb",
                                          "X=1",       "is X",  "# a", "a\\"};
  EXPECT_EQ(Signet("", words), Exim("", words));
}

TEST_F(Dialogue, LongLinesAreLinesToo) {
  const std::string word(1 << 20, 'w');
  EXPECT_EQ(Signet(word + "\n${strlen:" + word + "}\n"), word + "\n1048576\n");
}

TEST_F(Dialogue, StatusIsOneWhereAnythingFailed) {
  EXPECT_EQ(test::Run(Command(), {.input = "a\n"}).status, 0);
  EXPECT_EQ(test::Run(Command(), {.input = "${if\na\n"}).status, 1);
  EXPECT_EQ(test::Run({SignetProgram(), "expand", "-C", "/nonexistent/conf", "a"}).status, 2);
}

TEST_F(Dialogue, AClosedOutputEndsItWithAReason) {
  std::string command = SignetProgram() + " expand -C " + (directory_ / "signet.conf") + " a >&-";
  const Finished finished = test::Run({"/bin/sh", "-c", command});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.output, HasSubstr("cannot write to standard output"));
}

// --- on a terminal ------------------------------------------------------------------------

// A program whose terminal the test is.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> command) {
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    winsize size{.ws_row = 25, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      setenv("TERM", "vt100", 1);
      setenv("HOME", "/nonexistent", 1);
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(terminal_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void Type(const std::string& keys) {
    ASSERT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Until each key reaches the program. The editor shows its prompt a moment before: an end
  // typed in between is the terminal's, and lost with its line mode.
  void AwaitKeys() {
    EXPECT_TRUE(WaitUntil([this] {
      termios mode{};
      return tcgetattr(terminal_, &mode) == 0 && (mode.c_lflag & ICANON) == 0;
    }));
  }
  // What it shows until `text` comes, with what came before it.
  std::string ShowsUntil(const std::string& text) {
    while (shown_.find(text) == shown_.npos && ReadSome()) {
    }
    std::size_t end = shown_.find(text);
    EXPECT_NE(end, shown_.npos) << "expected " << text << "\nshown: " << shown_;
    end = end == shown_.npos ? shown_.size() : end + text.size();
    std::string until = shown_.substr(0, end);
    shown_.erase(0, end);
    return until;
  }
  // A program that does not end by itself is ended, which is seen in the status.
  int Ends() {
    while (ReadSome()) {
    }
    int status = 0;
    const bool by_itself = WaitUntil([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
    if (!by_itself) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  bool ReadSome() {
    pollfd ready{terminal_, POLLIN, 0};
    if (poll(&ready, 1, 20000) != 1) return false;
    char block[4096];
    ssize_t got = read(terminal_, block, sizeof block);
    if (got > 0) shown_.append(block, static_cast<std::size_t>(got));
    return got > 0;
  }

  pid_t pid_ = -1;
  int terminal_ = -1;
  bool ended_ = false;
  std::string shown_;
};

constexpr char kUp[] = "\033[A";
constexpr char kLeft[] = "\033[D";
constexpr char kEnd[] = "\004";

TEST_F(Dialogue, ATerminalIsPromptedAndLinesCanBeEditedAndCalledBack) {
  Terminal terminal(Command());
  terminal.ShowsUntil("> ");
  terminal.Type("${lc:ABC}\n");
  terminal.ShowsUntil("\r\nabc\r\n");
  terminal.ShowsUntil("> ");
  terminal.Type(std::string(kUp) + kLeft + "DE\n");  // before the brace
  terminal.ShowsUntil("\r\nabcde\r\n");
  terminal.ShowsUntil("> ");
  terminal.Type("${uc:\\\n");
  terminal.Type("   x}\n");
  terminal.ShowsUntil("\r\nX\r\n");
  terminal.ShowsUntil("> ");
  terminal.Type(std::string(kUp) + "\n");  // both lines come back as one
  EXPECT_THAT(terminal.ShowsUntil("\r\nX\r\n"), HasSubstr("${uc:x}"));
  terminal.ShowsUntil("> ");
  terminal.Type("\xc3\xa4\n");
  terminal.ShowsUntil("\r\n\xc3\xa4\r\n");
  terminal.ShowsUntil("> ");
  terminal.AwaitKeys();
  terminal.Type(kEnd);
  EXPECT_EQ(terminal.Ends(), 0);
}

TEST_F(Dialogue, OutputThatIsNoTerminalGetsNoPrompt) {
  std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$@\" | cat >" + (directory_ / "out"),
                                      "sh"};
  for (const std::string& word : Command()) command.push_back(word);
  Terminal terminal(command);
  terminal.Type("${lc:ABC}\n\004");
  terminal.Ends();
  EXPECT_EQ(ReadFile(directory_ / "out"), "abc\n");
}

}  // namespace
}  // namespace signet::test
