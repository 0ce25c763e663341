#include "test/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace signet::test {
namespace {

std::string TemporaryName() {
  const char* directory = std::getenv("TMPDIR");
  return std::string(directory != nullptr ? directory : "/tmp") + "/signet-test-XXXXXX";
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

std::string ProjectRoot() { return std::filesystem::current_path().string(); }

std::string BuildDirectory() {
  const char* variant = std::getenv("SIGNET_VARIANT");
  return ProjectRoot() + "/build/" + (variant != nullptr ? variant : "release");
}

std::string SignetProgram() { return BuildDirectory() + "/signet"; }

std::string PeersDirectory() { return ProjectRoot() + "/build/peers"; }

std::vector<std::string> PeerLibraryDirectories() {
  std::vector<std::string> directories;
  for (const char* top : {"/usr/lib", "/lib"}) {
    const std::string path = PeersDirectory() + top;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(path, missing)) {
      const std::string name = entry.path().filename().string();
      if (name.find("linux-gnu") != std::string::npos) directories.push_back(entry.path().string());
    }
    if (!missing) directories.push_back(path);
  }
  return directories;
}

std::vector<std::string> PeerEnvironment() {
  std::string paths;
  for (const std::string& directory : PeerLibraryDirectories()) {
    paths += (paths.empty() ? "" : ":") + directory;
  }
  return {"LD_LIBRARY_PATH=" + paths};
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::string Replace(std::string text, std::string_view from, std::string_view to) {
  std::string replaced;
  std::size_t done = 0;
  for (std::size_t at; (at = text.find(from, done)) != std::string::npos; done = at + from.size())
    replaced.append(text, done, at - done).append(to);
  return replaced.append(text, done);
}

bool WaitUntil(const std::function<bool()>& condition, milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

namespace {

// Test programs run side by side, and a port that is given may not be in use yet: a name that
// only one of them can have, until it ends.
bool Reserve(int port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "signet-test-port-" + std::to_string(port);
  std::memcpy(name.sun_path + 1, text.data(), text.size());  // no file: it begins with NUL
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), size) == 0) return true;  // stays open
  close(fd);
  return false;
}

}  // namespace

int FreePort() {
  static std::random_device seed;
  static std::minstd_rand random{seed()};
  static std::set<int> given;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = std::uniform_int_distribution<int>(12'000, 31'000)(random);
    if (!given.insert(port).second || !Reserve(port)) continue;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(port);
    const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (free) return port;
  }
  throw std::runtime_error("no free port");
}

bool SomebodyListens(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool open = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return open;
}

// What tests write is nobody else's to write, whoever runs them: Signet would complain.
TempDir::TempDir() : path_(TemporaryName()) {
  umask(022);
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + path_);
  chmod(path_.c_str(), 0755);
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (std::getenv("SIGNET_TEST_KEEP") == nullptr) std::filesystem::remove_all(path_, ignored);
}

Process::Process(std::vector<std::string> arguments, Options options)
    : output_file_(options.output_file) {
  if (output_file_.empty()) {
    output_file_ = TemporaryName();
    const int fd = mkostemp(output_file_.data(), O_CLOEXEC);
    if (fd < 0) throw std::runtime_error("cannot make " + output_file_);
    close(fd);
    own_output_ = true;
  }
  int input[2];
  if (pipe2(input, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int output = open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nobody behind
    dup2(input[0], 0);
    dup2(output, 1);
    dup2(output, 2);
    for (std::string& setting : options.environment) putenv(setting.data());
    execvp(argv[0], argv.data());
    dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  setpgid(pid_, pid_);
  close(output);
  close(input[0]);
  input_ = input[1];
  signal(SIGPIPE, SIG_IGN);
  if (!options.input.empty()) Send(options.input);
  if (!options.keep_input_open) CloseInput();
}

Process::~Process() {
  CloseInput();
  if (!ended_) {
    kill(-pid_, SIGKILL);
    kill(-pid_, SIGCONT);
    waitpid(pid_, nullptr, 0);
  }
  if (own_output_) unlink(output_file_.c_str());
}

bool Process::running() {
  if (ended_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // Children of one that was killed die a moment after it, and hold its ports until then.
  if (WIFSIGNALED(status)) {
    kill(-pid_, SIGKILL);
    (void)WaitUntil([this] { return kill(-pid_, 0) != 0; }, seconds(2));
  }
  return false;
}

std::string Process::Output() const { return ReadFile(output_file_); }

std::string Process::SettledOutput() const {
  constexpr milliseconds kQuiet{60}, kMost{2000};
  std::string output = Output();
  (void)WaitUntil(
      [&] {
        std::this_thread::sleep_for(kQuiet);
        return std::exchange(output, Output()) == output;
      },
      kMost);
  return output;
}

bool Process::WaitForOutput(std::string_view text, milliseconds limit) const {
  return WaitUntil([&] { return Output().find(text) != std::string::npos; }, limit);
}

void Process::Send(std::string_view text) {
  while (!text.empty() && input_ >= 0) {
    const ssize_t size = write(input_, text.data(), text.size());
    if (size <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

void Process::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

void Process::Signal(int signal) {
  if (!ended_) kill(pid_, signal);
}

int Process::Wait(milliseconds limit) {
  if (WaitUntil([this] { return !running(); }, limit)) return status_;
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  ended_ = true;
  return -1;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  const std::string number = std::to_string(pid);
  std::istringstream list(ReadFile("/proc/" + number + "/task/" + number + "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

std::string NameOfProcess(pid_t pid) {
  std::string name = ReadFile("/proc/" + std::to_string(pid) + "/comm");
  if (!name.empty()) name.pop_back();
  return name;
}

pid_t ServingPid(pid_t pid) {
  for (const pid_t child : ChildrenOf(pid))
    if (NameOfProcess(child) == "signet-serve") return child;
  // One that has just been started is named a moment later.
  return NameOfProcess(pid) == "signet-alone" ? pid : 0;
}

Finished Run(std::vector<std::string> arguments, Process::Options options, milliseconds limit) {
  Process process(std::move(arguments), std::move(options));
  Finished finished;
  finished.status = process.Wait(limit);
  finished.output = process.Output();
  return finished;
}

}  // namespace signet::test
