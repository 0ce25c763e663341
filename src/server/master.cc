#include "src/server/master.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <new>

#include "src/base/limits.h"
#include "src/server/log_setup.h"
#include "src/server/sandbox.h"
#include "src/server/signals.h"

namespace signet::server {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMessageBytes = 64 * 1024;  // of Standing, with all its paths
// A serving process that is to stop has limits::kShutdownGrace for its sessions, and this for
// the rest.
constexpr std::chrono::seconds kPatience = limits::kShutdownGrace + std::chrono::seconds(10);

constexpr int kMessagesAtOnce = 64;  // then signals have their turn
// A service manager that starts us anew, with the rights that we have given up since, is of more
// help than going on after so many starts in a row, some minute.
constexpr unsigned kStartsInVain = 10;

constexpr std::string_view kStanding = "standing";
constexpr std::string_view kNews = "news";
constexpr std::string_view kKeyLine = "key line";

std::string Packed(std::string_view word) {
  Packer out;
  out.Put(word);
  return out.text();
}

// --- messages ----------------------------------------------------------------------------

void PutLog(const Log::Setup& log, Packer* out) {
  out->Put(log.places.size());
  for (const Log::Place& place : log.places) {
    out->Put(static_cast<std::uint64_t>(place.kind));
    out->Put(static_cast<std::uint64_t>(place.form));
    out->Put(place.path);
  }
  for (const bool flag : {log.stamp.zone, log.stamp.millisec, log.stamp.pid, log.syslog.pid,
                          log.syslog.stamp, log.syslog.duplication, log.write_reject})
    out->Put(static_cast<std::uint64_t>(flag));
  out->Put(std::to_string(log.syslog.facility));
  out->Put(log.syslog.name);
}

Log::Setup TakeLog(Unpacker* in) {
  Log::Setup log;
  log.places.clear();
  for (std::uint64_t i = in->Number(); i > 0 && in->good(); --i) {
    Log::Place place;
    place.kind = static_cast<Log::Place::Kind>(in->Number());
    place.form = static_cast<Log::Form>(in->Number());
    place.path = in->Text();
    log.places.push_back(std::move(place));
  }
  for (bool* flag : {&log.stamp.zone, &log.stamp.millisec, &log.stamp.pid, &log.syslog.pid,
                     &log.syslog.stamp, &log.syslog.duplication, &log.write_reject})
    *flag = in->Number() != 0;
  log.syslog.facility = std::atoi(in->Text().c_str());
  log.syslog.name = in->Text();
  return log;
}

std::string Pack(const Standing& standing) {
  Packer out;
  out.Put(kStanding);
  out.Put(standing.pid_file);
  out.Put(static_cast<std::uint64_t>(standing.identity.has_value()));
  const Identity identity = standing.identity.value_or(Identity());
  out.Put(identity.name);
  out.Put(identity.user);
  out.Put(identity.group);
  out.Put(identity.root_directory);
  out.Put(static_cast<std::uint64_t>(standing.sandbox));
  out.Put(standing.timezone);
  PutLog(standing.log, &out);
  out.Put(standing.listeners.size());
  for (const ListenerPtr& listener : standing.listeners) {
    const ListenAddress& asked = listener->asked();
    out.Put(asked.ip);
    out.Put(static_cast<std::uint64_t>(asked.port));
    out.Put(static_cast<std::uint64_t>(asked.tls_on_connect));
    out.Put(static_cast<std::uint64_t>(listener->shared()));
  }
  return out.text();
}

// Nothing where it is not what Pack makes.
std::optional<Standing> Unpack(Unpacker in, std::vector<OwnedFd>* fds) {
  Standing standing;
  standing.pid_file = in.Text();
  const bool becomes = in.Number() != 0;
  Identity identity;
  identity.name = in.Text();
  identity.user = static_cast<uid_t>(in.Number());
  identity.group = static_cast<gid_t>(in.Number());
  identity.root_directory = in.Text();
  standing.sandbox = in.Number() != 0;
  if (becomes) standing.identity = identity;
  standing.timezone = in.Text();
  standing.log = TakeLog(&in);
  const std::uint64_t count = in.Number();
  for (std::uint64_t i = 0; i < count && i < fds->size() && in.good(); ++i) {
    ListenAddress asked;
    asked.ip = in.Text();
    asked.port = static_cast<int>(in.Number());
    asked.tls_on_connect = in.Number() != 0;
    const bool shared = in.Number() != 0;
    auto listener = Listener::Inherit(std::move((*fds)[i]), asked);
    if (listener != nullptr && shared) listener->Share();
    if (listener != nullptr) standing.listeners.push_back(std::move(listener));
  }
  if (!in.good() || standing.listeners.size() != count) return std::nullopt;
  return standing;
}

// --- words -------------------------------------------------------------------------------

std::string HowItEnded(int status) {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  const char* name = ::sigabbrev_np(WTERMSIG(status));
  return "was ended by " + (name != nullptr ? "SIG" + std::string(name)
                                            : "signal " + std::to_string(WTERMSIG(status)));
}

std::string Span(milliseconds time) {
  char text[40];
  if (time < std::chrono::seconds(10)) {
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
    return text;
  }
  const long long seconds = time.count() / 1000;
  std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
                seconds % 60);
  return text;
}

}  // namespace

// --- the serving process's side ----------------------------------------------------------

std::string MasterLink::Tell(const Standing& standing) const {
  if (standing.listeners.size() > limits::kListenersMax)
    return "more than " + std::to_string(limits::kListenersMax) +
           " listening sockets, which a master process cannot keep (master_process = no)";
  std::vector<int> fds;
  for (const ListenerPtr& listener : standing.listeners) fds.push_back(listener->fd());
  const auto answer = Ask(Pack(standing), fds);
  if (!answer) return "the master process does not answer";
  return Unpacker(answer->text).Text();
}

// Questions have numbers: an answer that comes when nobody waits for it any more is not taken
// for that to the next one.
std::optional<MasterLink::Answer> MasterLink::Ask(std::string_view text,
                                                  std::span<const int> fds) const {
  const std::lock_guard lock(mutex_);
  Packer message;
  message.Put(++asked_);
  if (!channel_.Send(message.text() + std::string(text), fds)) return std::nullopt;
  const Deadline deadline = Deadline::After(limits::kTakeOver);
  while (auto received = channel_.Receive(deadline, kMessageBytes)) {
    Unpacker in(received->text);
    if (in.Number() == asked_) return Answer{std::string(in.rest()), std::move(received->fds)};
  }
  return std::nullopt;
}

Channel MasterLink::KeyLine() const {
  auto answer = Ask(Packed(kKeyLine), {});
  if (!answer || answer->fds.empty()) return {};
  return Channel(std::move(answer->fds[0]));
}

void MasterLink::Announce(News news, std::string_view text) const {
  const std::lock_guard lock(mutex_);
  Packer out;
  out.Put(++asked_);
  out.Put(kNews);
  out.Put(static_cast<std::uint64_t>(news));
  out.Put(text);
  (void)channel_.Send(out.text());
}

void MasterLink::DieWithMaster() const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != master_) ::_exit(EXIT_FAILURE);  // it has died before that
}

// --- starting ----------------------------------------------------------------------------

Master::Master(Options options) : options_(std::move(options)) {
  const Signals blocked;
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&set, signal);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, children would vanish unseen
  signals_ = OwnedFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  void* shared =
      ::mmap(nullptr, sizeof *sessions_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SIGNET_CHECK(signals_.valid() && shared != MAP_FAILED);
  sessions_ = new (shared) std::atomic<std::uint32_t>(0);
  listeners_ = std::exchange(options_.passed, {});
}

Master::~Master() { ::munmap(sessions_, sizeof *sessions_); }

int Master::Run() {
  Start();
  while (!status_) Wait();
  return *status_;
}

void Master::Start() {
  if (options_.with_keys && keys_.pid() == 0) StartKeys();
  keys_.NewClient();
  auto [ours, theirs] = Channel::MakePair();
  *sessions_ = 0;
  serving_ = false;
  pauses_.Started();
  std::fflush(nullptr);
  const pid_t master = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getppid() != master) ::_exit(EXIT_FAILURE);
    ours.Close();
    BeServing(std::move(theirs));
  }
  if (child < 0) {
    Say(std::string("no process to serve: ") + std::strerror(errno));
    if (!served_) status_ = EXIT_FAILURE;
    due_ = pauses_.started() + pauses_.Next();
    return;
  }
  child_ = child;
  channel_ = std::move(ours);
}

void Master::StartKeys() {
  key_pauses_.Started();
  const bool started = keys_.Start([this] { LetGo(); });
  std::string wrong = started ? "" : std::strerror(errno);
  // One in the place of another is no more than we are by now.
  if (started && ordinary_) wrong = keys_.Settle(std::nullopt, sandbox_);
  if (wrong.empty()) return;
  keys_due_ = key_pauses_.started() + key_pauses_.Next();
  Say("no key process: " + wrong);
}

// What is this process's own, in a child of it.
void Master::LetGo() {
  log_.reset();
  pid_file_.Forget();
  signals_ = OwnedFd();
  channel_.Close();
  listeners_.clear();
  keys_.Forget();
}

// What is the master's own is given up, so that the new process has what it would have had
// without a master, and the sockets besides.
void Master::BeServing(Channel channel) {
  MasterLink link;
  link.channel_ = std::move(channel);
  link.master_ = ::getppid();
  link.DieWithMaster();
  ::prctl(PR_SET_NAME, "signet-serve");
  link.has_keys_ = options_.with_keys;
  link.watchdog_ = options_.manager->watchdog();
  link.inherited_ = std::move(listeners_);
  link.log_ = log_setup_;
  link.sessions_ = sessions_;
  link.restarts_ = restarts_;
  LetGo();
  ::exit(options_.serve(link));
}

// --- waiting -----------------------------------------------------------------------------

void Master::Wait() {
  const bool waits_for_time = child_ == 0 || stopping_;
  const bool waits_for_keys = options_.with_keys && keys_.pid() == 0;
  const Deadline serving = waits_for_time ? Deadline::At(due_) : Deadline::Never();
  const Deadline keys = waits_for_keys ? Deadline::At(keys_due_) : Deadline::Never();
  // While nobody serves, the master itself is what has to be alive.
  const auto watchdog = options_.manager->watchdog();
  const bool speaks = watchdog && !serving_ && !leaving_;
  const Deadline next =
      serving.Sooner(keys).Sooner(speaks ? Deadline::At(alive_due_) : Deadline::Never());
  pollfd fds[] = {{signals_.get(), POLLIN, 0}, {channel_.fd(), POLLIN, 0}};
  const auto left = std::min<std::int64_t>(next.Remaining().count(), INT_MAX);
  if (::poll(fds, std::size(fds), next.never() ? -1 : static_cast<int>(left)) < 0) return;
  if (fds[1].revents != 0) HandleMessages();
  if (fds[0].revents != 0) HandleSignal();
  if (status_) return;
  if (speaks && std::chrono::steady_clock::now() >= alive_due_) {
    options_.manager->Alive();
    alive_due_ = std::chrono::steady_clock::now() + *watchdog / 3;
  }
  if (keys.Passed() && keys_.pid() == 0) StartKeys();
  if (!serving.Passed()) return;
  if (child_ != 0)
    ::kill(child_, SIGKILL);  // it was to stop, and has had its time
  else
    Start();
}

void Master::HandleSignal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGCHLD) return Reap();
  if (signal == SIGTERM || signal == SIGINT) return Stop();
  if ((signal == SIGHUP || signal == SIGUSR1) && log_) log_->Reopen();
  if (child_ != 0)
    ::kill(child_, signal);
  else if (signal == SIGHUP)
    due_ = std::chrono::steady_clock::now();  // perhaps the configuration is right again
}

void Master::Stop() {
  if (child_ == 0) {
    if (log_) log_->Main("pid " + std::to_string(::getpid()) + ": ended");
    status_ = EXIT_SUCCESS;
    return;
  }
  if (!leaving_) options_.manager->Stopping();
  leaving_ = false;
  if (!std::exchange(stopping_, true)) due_ = std::chrono::steady_clock::now() + kPatience;
  ::kill(child_, MasterStop());
}

void Master::HandleMessages() {
  const Deadline now = Deadline::After(milliseconds(0));
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    auto message = channel_.Receive(now, kMessageBytes);
    if (!message) break;
    if (HandleMessage(&*message)) continue;
    // Nothing that a serving process in its right mind says or does.
    Say("the serving process says what makes no sense, or does not listen; it is ended");
    channel_.Close();
    if (child_ != 0) ::kill(child_, SIGKILL);
    return;
  }
  // At its end it would be readable for ever.
  char octet;
  if (::recv(channel_.fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0) channel_.Close();
}

bool Master::HandleMessage(Channel::Message* message) {
  Unpacker in(message->text);
  Packer answer;
  answer.Put(in.Number());
  const std::string kind = in.Text();
  if (!in.good()) return false;
  if (kind == kStanding) {
    const auto standing = Unpack(in, &message->fds);
    if (!standing) return false;
    answer.Put(Adopt(*standing));
    return channel_.Send(answer.text());
  }
  if (kind == kKeyLine) {
    const Channel line = keys_.NewLine();
    const int fds[] = {line.fd()};
    return channel_.Send(answer.text(), std::span(fds, line.valid() ? 1 : 0));
  }
  if (kind != kNews) return false;
  const auto news = static_cast<News>(in.Number());
  HandleNews(news, in.Text());
  return in.good();
}

void Master::HandleNews(News news, const std::string& text) {
  const ServiceManager& manager = *options_.manager;
  switch (news) {
    case News::kServing:
      serving_ = true;
      pid_file_.Settle();
      if (options_.replaces && !served_) manager.MainPid(::getpid());
      manager.Ready(text);
      vain_ = 0;
      if (!std::exchange(served_, true) && options_.begun) options_.begun(*log_setup_);
      return;
    case News::kReloading:
      return manager.Reloading();
    case News::kReloaded:
      return manager.Ready(text);
    case News::kAlive:
      return manager.Alive();
    case News::kSharing:
      for (const ListenerPtr& listener : listeners_) listener->Share();
      return;
    case News::kLeaving:
      return Leave(text);
  }
}

// The child ends when its sessions have. The service manager is no longer ours to talk to.
void Master::Leave(const std::string& successor) {
  leaving_ = true;
  listeners_.clear();
  const pid_t process = std::atoi(successor.c_str());
  if (process > 0) options_.manager->MainPid(process);
}

// The pid file, then no more root: as it is for a process without a master.
std::string Master::Adopt(const Standing& standing) {
  if (const std::string flaw = FlawOfLog(standing.log); !flaw.empty()) return flaw;
  if (!ordinary_) {
    if (!standing.pid_file.empty()) {
      auto file =
          PidFile::Write(standing.pid_file, options_.replaces ? PidFile::Before::kMayComeBack
                                                              : PidFile::Before::kIsOver);
      if (!file) return file.error();
      pid_file_ = std::move(file).value();
    }
    ForbidDumpsAndGains();
    if (options_.with_keys) {
      const std::string wrong = keys_.Settle(standing.identity, standing.sandbox);
      if (!wrong.empty()) return "the key process: " + wrong;
    }
    if (standing.identity) {
      auto dropped = DropPrivileges(*standing.identity);
      if (!dropped) return "giving up root failed: " + dropped.error();
    }
    // Where the kernel has no filter, the process that serves says so.
    sandbox_ = standing.sandbox;
    if (sandbox_) (void)FilterCalls(Role::kMaster);
    ordinary_ = true;
  }
  ::setenv("TZ", standing.timezone.c_str(), 1);
  ::tzset();
  log_setup_ = standing.log;
  if (log_directories_.empty())
    for (const Log::Place& place : standing.log.places)
      log_directories_.insert(std::filesystem::path(place.path).parent_path());
  if (log_)
    log_->Configure(standing.log);
  else
    log_.emplace(standing.log);
  listeners_ = standing.listeners;
  return "";
}

// What limits the process that serves is not to be got around by way of this one: it writes
// where it wrote at first.
std::string Master::FlawOfLog(const Log::Setup& log) const {
  if (!sandbox_) return "";
  for (const Log::Place& place : log.places)
    if (!place.path.empty() &&
        !log_directories_.contains(std::filesystem::path(place.path).parent_path()))
      return "logs in \"" + place.path + "\" need a restart (sandbox)";
  return "";
}

// --- when a child ends -------------------------------------------------------------------

milliseconds Pauses::Next() {
  const bool sound = std::chrono::steady_clock::now() - started_ >= limits::kRestartSound;
  last_ = sound || last_.count() == 0 ? limits::kRestartFirst
                                      : std::min<milliseconds>(last_ * 2, limits::kRestartMost);
  return last_;
}

void Master::Reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == child_)
      Ended(status);
    else if (pid == keys_.pid())
      KeysEnded(status);
}

void Master::Ended(int status) {
  if (channel_.valid()) HandleMessages();  // its last words
  channel_.Close();
  child_ = 0;
  if (stopping_ || leaving_ || !served_) {
    if (!WIFEXITED(status)) {
      const std::string text = "the serving process " + HowItEnded(status);
      std::fprintf(stderr, "signet: %s%s\n", served_ ? "" : "not started: ", text.c_str());
      if (served_) Say(text);
    }
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    return;
  }
  if (IsInVain()) return;
  const milliseconds pause = pauses_.Next();
  LogEnd(status, pause);
  serving_ = false;
  options_.manager->Status("the serving process " + HowItEnded(status) + "; another one starts");
  due_ = std::chrono::steady_clock::now() + pause;
  ++restarts_;
}

bool Master::IsInVain() {
  vain_ = serving_ ? 0 : vain_ + 1;
  if (vain_ < kStartsInVain || !options_.manager->there()) return false;
  Say("no process has served in " + std::to_string(vain_) +
      " starts: ended, for the service manager to start all of it anew");
  status_ = EXIT_FAILURE;
  return true;
}

// Handshakes fail until there is another one, which reads the key files again.
void Master::KeysEnded(int status) {
  keys_.Forget();
  const milliseconds pause = key_pauses_.Next();
  keys_due_ = std::chrono::steady_clock::now() + pause;
  if (!stopping_ && !leaving_)
    Say("the key process " + HowItEnded(status) + "; another one starts in " + Span(pause));
}

void Master::LogEnd(int status, milliseconds pause) {
  const auto lived = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() -
                                                              pauses_.started());
  const std::string who = "the serving process " + HowItEnded(status);
  if (!serving_) return Say(who + " before it served; tried again in " + Span(pause));
  const std::uint32_t sessions = *sessions_;
  Say(who + " after " + Span(lived) + ", and " + std::to_string(sessions) +
      (sessions == 1 ? " session" : " sessions") + " with it; another one starts in " +
      Span(pause));
}

void Master::Say(const std::string& text) {
  if (log_) log_->Panic(text);
}

}  // namespace signet::server
