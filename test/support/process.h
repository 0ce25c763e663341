#ifndef SIGNET_TEST_SUPPORT_PROCESS_H_
#define SIGNET_TEST_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Running other programs from tests: bounded, captured, and gone when the test is.
namespace signet::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Where the project is (tests run from its top), and where this variant was built.
std::string ProjectRoot();
std::string BuildDirectory();
std::string SignetProgram();
std::string PeersDirectory();
// Where the libraries of unpacked peers are.
std::vector<std::string> PeerLibraryDirectories();
// "NAME=VALUE" settings under which unpacked peers find them.
std::vector<std::string> PeerEnvironment();

std::string ReadFile(const std::string& path);  // "" where it cannot be read
void WriteFile(const std::string& path, std::string_view text);
// `text` with every `from` replaced by `to`.
std::string Replace(std::string text, std::string_view from, std::string_view to);

// Tries `condition` until it holds or the time is over; says which.
bool WaitUntil(const std::function<bool()>& condition, milliseconds limit = seconds(20));

// A port of 127.0.0.1 on which nobody listens, outside the range that the kernel gives to
// clients. Each call in one process gives another one.
int FreePort();
bool SomebodyListens(int port);

// A directory below the system's temporary one, readable by all, removed at the end
// unless SIGNET_TEST_KEEP is set.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// A running program in a process group of its own, which is killed with the object.
class Process {
 public:
  struct Options {
    std::vector<std::string> environment;  // added to ours, "NAME=VALUE"
    std::string input;                     // standard input; at its end, end of file
    bool keep_input_open = false;          // Send() and CloseInput() serve standard input
    std::string output_file;               // standard output and error; "" = a file of our own
  };
  explicit Process(std::vector<std::string> arguments) : Process(std::move(arguments), Options()) {}
  Process(std::vector<std::string> arguments, Options options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // What it has written so far, both streams in order.
  std::string Output() const;
  // The same once nothing more comes for a moment: of a program that writes its log beside
  // what it does, and may have answered before the line is there.
  std::string SettledOutput() const;
  bool WaitForOutput(std::string_view text, milliseconds limit = seconds(20)) const;
  void Send(std::string_view text);
  void CloseInput();
  void Signal(int signal);
  // Its exit status, 128 + signal where one ended it; -1 (and SIGKILL) when the time is over.
  int Wait(milliseconds limit = seconds(30));

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int status_ = 0;
  bool ended_ = false;
  bool own_output_ = false;
  std::string output_file_;
};

// The children of a process, as the system has them now.
std::vector<pid_t> ChildrenOf(pid_t pid);
// Of a gateway that was started as `pid`: the process that serves clients; 0 while there is
// none. Without a master process it is `pid` itself.
pid_t ServingPid(pid_t pid);
std::string NameOfProcess(pid_t pid);

struct Finished {
  int status = -1;  // as of Process::Wait
  std::string output;
};
Finished Run(std::vector<std::string> arguments, Process::Options options = {},
             milliseconds limit = seconds(30));

}  // namespace signet::test
#endif
