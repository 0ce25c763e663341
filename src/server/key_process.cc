#include "src/server/key_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "src/base/limits.h"
#include "src/server/sandbox.h"
#include "src/tls/key_store.h"

namespace signet::server {
namespace {

constexpr std::string_view kNewClient = "new client", kLine = "line", kSettle = "settle";
constexpr std::size_t kOrderBytes = 1024;
// Of one serving process: it has as many as threads that have ever asked at once.
constexpr int kLinesMax = 256;

std::atomic<int> lines{0};

// Each line has a thread, so that signing uses all cores.
void Serve(tls::KeyStore& store, const Channel& line, std::uint64_t client) {
  while (const auto request = line.Receive(Deadline::Never(), limits::kKeyRequestBytes)) {
    const std::string answer = store.Answer(request->text, client);
    if (!answer.empty() && !line.Send(answer)) break;
  }
  --lines;
}

void StartLine(tls::KeyStore& store, Channel channel, std::uint64_t client) {
  if (++lines > kLinesMax) {
    --lines;
    return;
  }
  auto line = std::make_shared<Channel>(std::move(channel));
  try {
    std::thread([&store, line, client] { Serve(store, *line, client); }).detach();
  } catch (const std::system_error&) {
    --lines;  // no thread is to be had; whoever asked sees the line close
  }
}

// Nobody but root may look into this process, whoever it is run by: the process that serves
// has the same user.
void BeSecretive() {
  ForbidDumpsAndGains();
  ::prctl(PR_SET_DUMPABLE, 0);
}

// One thread until it has become what it stays: what limits a process is for one thread, and
// for those that it starts afterwards.
class Holder {
 public:
  Holder(Channel control, pid_t master) : control_(std::move(control)), master_(master) {}
  [[noreturn]] void Run() {
    DieWithMaster();
    ::prctl(PR_SET_NAME, "signet-keys");
    BeSecretive();
    client_ = store_.NewClient();
    while (!settled_ && Wait()) {
    }
    for (Channel& line : early_) StartLine(store_, std::move(line), client_);
    while (settled_) {
      if (!Obey()) break;
    }
    ::_exit(EXIT_SUCCESS);
  }

 private:
  void DieWithMaster() const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != master_) ::_exit(EXIT_FAILURE);
  }
  bool Wait();
  bool Obey();
  void Settle(Unpacker in);

  Channel control_;
  const pid_t master_;
  tls::KeyStore store_;
  std::uint64_t client_ = 0;
  std::vector<Channel> early_;
  bool settled_ = false;
};

// While there is one thread: orders and requests in turn.
bool Holder::Wait() {
  std::vector<pollfd> fds = {{control_.fd(), POLLIN, 0}};
  for (const Channel& line : early_) fds.push_back({line.fd(), POLLIN, 0});
  if (::poll(fds.data(), fds.size(), -1) < 0) return errno == EINTR;
  const Deadline now = Deadline::After(std::chrono::milliseconds(0));
  for (std::size_t i = fds.size() - 1; i > 0; --i) {
    if (fds[i].revents == 0) continue;
    Channel& line = early_[i - 1];
    const auto request = line.Receive(now, limits::kKeyRequestBytes);
    const std::string answer = request ? store_.Answer(request->text, client_) : "";
    if (!request || (!answer.empty() && !line.Send(answer)))
      early_.erase(early_.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
  return fds[0].revents == 0 || Obey();
}

// False: the master is gone.
bool Holder::Obey() {
  auto order = control_.Receive(Deadline::Never(), kOrderBytes);
  if (!order) return false;
  Unpacker in(order->text);
  const std::string word = in.Text();
  if (word == kNewClient) client_ = store_.NewClient();
  if (word == kLine && order->fds.size() == 1) {
    Channel line(std::move(order->fds[0]));
    if (settled_)
      StartLine(store_, std::move(line), client_);
    else
      early_.push_back(std::move(line));
  }
  if (word == kSettle) Settle(in);
  return true;
}

void Holder::Settle(Unpacker in) {
  std::string wrong;
  const bool sandbox = in.Number() != 0;
  if (in.Number() != 0) {
    Identity identity;
    identity.name = in.Text();
    identity.user = static_cast<uid_t>(in.Number());
    identity.group = static_cast<gid_t>(in.Number());
    identity.root_directory = in.Text();
    const auto dropped = DropPrivileges(identity);
    if (!dropped) wrong = dropped.error();
    // Both end with a change of ids.
    DieWithMaster();
    BeSecretive();
  }
  // From here on this process reads key files, signs, and starts threads: it needs nothing
  // else. What the kernel lacks for that, the process that serves says.
  if (sandbox) {
    (void)FileRules().Enter({});
    (void)FilterCalls(Role::kKeys);
  }
  settled_ = true;
  Packer answer;
  answer.Put(wrong);
  (void)control_.Send(answer.text());
}

std::string Packed(std::string_view word) {
  Packer out;
  out.Put(word);
  return out.text();
}

}  // namespace

KeyProcess::~KeyProcess() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool KeyProcess::Start(const std::function<void()>& in_child) {
  auto [ours, theirs] = Channel::MakePair();
  const pid_t master = ::getpid();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    ours.Close();
    control_.Close();
    in_child();
    // Not freed: threads may be using it when the process ends.
    (new Holder(std::move(theirs), master))->Run();
  }
  pid_ = child;
  control_ = std::move(ours);
  return true;
}

void KeyProcess::Forget() {
  pid_ = 0;
  control_.Close();
}

void KeyProcess::NewClient() const {
  if (pid_ != 0) (void)control_.Send(Packed(kNewClient));
}

Channel KeyProcess::NewLine() const {
  if (pid_ == 0) return {};
  auto [one, other] = Channel::MakePair();
  const int fds[] = {other.fd()};
  if (!control_.Send(Packed(kLine), fds)) return {};
  return std::move(one);
}

std::string KeyProcess::Settle(const std::optional<Identity>& identity, bool sandbox) const {
  if (pid_ == 0) return "the key process has ended";
  Packer out;
  out.Put(kSettle);
  out.Put(std::uint64_t{sandbox});
  out.Put(std::uint64_t{identity.has_value()});
  const Identity becomes = identity.value_or(Identity());
  out.Put(becomes.name);
  out.Put(becomes.user);
  out.Put(becomes.group);
  out.Put(becomes.root_directory);
  std::optional<Channel::Message> answer;
  if (control_.Send(out.text()))
    answer = control_.Receive(Deadline::After(limits::kKeyAnswer), kOrderBytes);
  if (!answer) return "the key process does not answer";
  return Unpacker(answer->text).Text();
}

}  // namespace signet::server
