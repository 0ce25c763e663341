#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/host/registry.h"
#include "src/base/limits.h"
#include "src/cli/control_client.h"
#include "src/cli/modules.h"
#include "src/cli/options.h"
#include "src/config/peek.h"
#include "src/server/administration.h"
#include "src/server/connections.h"
#include "src/server/listener.h"
#include "src/server/log_setup.h"
#include "src/server/master.h"
#include "src/server/monitoring.h"
#include "src/server/pid_file.h"
#include "src/server/privileges.h"
#include "src/server/sandbox.h"
#include "src/server/service_manager.h"
#include "src/server/signals.h"
#include "src/server/take_over.h"
#include "src/server/workers.h"
#include "src/smtp/session.h"
#include "src/smtp/site.h"
#include "src/tls/key_client.h"

namespace signet::cli {
namespace {

using server::Listener;

// How -bd goes to the background: the parent waits until the child serves or has failed, so
// that a script sees a status that means something.
class Background {
 public:
  // In the child; the parent doesn't return.
  static Background Enter() {
    int ends[2];
    SIGNET_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    SIGNET_CHECK(child >= 0);
    if (child != 0) {
      ::close(ends[1]);
      unsigned char status = kUsage;
      (void)!::read(ends[0], &status, 1);
      ::_exit(status);
    }
    ::close(ends[0]);
    ::setsid();
    return Background(ends[1]);
  }
  Background() = default;
  Background(Background&& other) noexcept : to_parent_(std::exchange(other.to_parent_, -1)) {}
  Background& operator=(Background&& other) noexcept {
    std::swap(to_parent_, other.to_parent_);
    return *this;
  }
  ~Background() { Tell(kUsage); }

  // Whoever started us hears from another process of ours.
  void Drop() {
    if (to_parent_ >= 0) ::close(std::exchange(to_parent_, -1));
  }
  // The terminal is let go, but for standard error where the log goes there.
  static void LeaveTerminal(bool log_to_stderr) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < (log_to_stderr ? 2 : 3); ++fd) ::dup2(null, fd);
    if (null > 2) ::close(null);
    (void)!::chdir("/");
  }
  void Tell(ExitStatus status) {
    if (to_parent_ < 0) return;
    const unsigned char octet = static_cast<unsigned char>(status);
    (void)!::write(to_parent_, &octet, 1);
    ::close(std::exchange(to_parent_, -1));
  }

 private:
  explicit Background(int to_parent) : to_parent_(to_parent) {}
  int to_parent_ = -1;
};

// The variable is always there, so that a reload replaces its value and nothing moves: other
// threads may be reading the environment.
std::string TimezoneOf(const config::Main& main) {
  static const std::string systems = [] {
    const char* inherited = std::getenv("TZ");
    return std::string(inherited != nullptr ? inherited : ":/etc/localtime");
  }();
  return main.timezone.text.empty() ? systems : main.timezone.text;
}

void SetTimezone(const config::Main& main) {
  ::setenv("TZ", TimezoneOf(main).c_str(), 1);
  ::tzset();
}

// A diagnostic as one log line.
std::string OneLine(const Diagnostic& diagnostic) {
  const std::string place = PlaceOf(diagnostic.span);
  std::string text = place.empty() ? "" : place + ": ";
  text += diagnostic.severity == Severity::kError ? "error: " : "warning: ";
  return text + Summary(diagnostic);
}

std::size_t ErrorCount(const Diagnostics& diagnostics) {
  std::size_t count = 0;
  for (const Diagnostic& d : diagnostics) count += d.severity == Severity::kError;
  return count;
}

// Everything that the process that serves holds, in the order it comes to be.
class Server {
 public:
  // `master`: nullptr where there is none, and this process is all there is.
  Server(const Arguments& arguments, server::MasterLink* master,
         const server::ServiceManager& manager, std::vector<server::ListenerPtr> passed)
      : arguments_(arguments),
        master_(master),
        manager_(manager),
        signals_(master != nullptr),
        registry_(MakeRegistry(arguments)),
        listeners_(std::move(passed)) {
    if (master == nullptr) return;
    listeners_ = master->TakeInherited();
    if (master->log()) log_.emplace(*master->log());
  }

  // `begun` is called once clients are served.
  int Run(const std::function<void()>& begun) {
    if (const int status = Start(); status != kGood) return status;
    begun();
    while (Handle(signals_.Wait(NextSave()))) {
    }
    return kGood;
  }

 private:
  int Complain(int status, const std::string& text) {
    std::fprintf(stderr, "signet: %s\n", text.c_str());
    // Where it is another one's place that is taken, nobody may be there to read that.
    if (IsReplacement() && log_) log_->Panic(text);
    return status;
  }
  // Of another instance, which serves until this one does.
  bool TakesOver() const { return arguments_.take_over && !IsReplacement(); }
  bool IsReplacement() const { return master_ != nullptr && master_->restarts() > 0; }

  // --- starting ------------------------------------------------------------------------

  int Start() {
    if (master_ != nullptr && master_->has_keys()) UseKeyProcess();
    if (registry_ == nullptr) return Complain(kUsage, "not started: a driver module is missing");
    smtp::LoadedSite loaded = Load(*registry_);
    for (const Diagnostic& d : loaded.loaded.diagnostics) {
      std::fputs(Render(d).c_str(), stderr);
      if (IsReplacement() && log_ && d.severity == Severity::kError) log_->Main(OneLine(d));
    }
    if (loaded.site == nullptr) {
      return Complain(kUsage, "not started: " + Mistakes(loaded.loaded.diagnostics));
    }
    const config::Main& main = loaded.site->config->main;
    SetTimezone(main);
    const Log::Setup log_setup = server::LogSetupOf(main);
    log_.emplace(log_setup);
    auto opened = OpenFor(*loaded.site);
    if (!opened) return Complain(kNo, "not started: " + opened.error());
    WarnOfUnused(opened.value());
    if (auto status = BecomeOrdinary(*loaded.site->config, opened.value()); status != kGood)
      return status;
    log_->StartWriting();
    LogArguments(main);
    administration_.emplace(std::string(kVersion), *log_);
    const std::uint64_t restarts = master_ != nullptr ? master_->restarts() : 0;
    administration_->SetProcesses(MainPid(), restarts);
    monitoring_.SetRestarts(restarts);
    if (TakesOver()) {
      administration_->ReplaceAnother();
      monitoring_.ReplaceAnother();
    }
    auto prepared = administration_->Prepare(main);
    if (!prepared) return Complain(kNo, "not started: " + prepared.error());
    auto monitored = monitoring_.Prepare(main);
    if (!monitored) return Complain(kNo, "not started: " + monitored.error());
    StartWorkers(main);
    Adopt(loaded.site, opened.value(), std::move(prepared).value(), std::move(monitored).value());
    log_->Main(StartLine());
    if (arguments_.background) Background::LeaveTerminal(server::LogsToStderr(log_setup));
    pid_file_.Settle();
    if (master_ == nullptr && TakesOver()) manager_.MainPid(::getpid());
    Announce(server::News::kServing, Listening());
    StartWatchdog();
    return kGood;
  }

  // From here on no private key of a server is in this process.
  void UseKeyProcess() {
    keys_.emplace([master = master_] { return master->KeyLine(); });
    keys_->SetTrouble([this](const std::string& trouble) {
      if (log_) log_->Panic("TLS: " + trouble);
    });
    tls::KeyClient::Use(&*keys_);
  }

  // As Exim has it: the directory, how many words, and the words.
  void LogArguments(const config::Main& main) {
    if (!server::LogSelectorOf(main).Has(Selector::kArguments)) return;
    char directory[PATH_MAX] = "";
    if (::getcwd(directory, sizeof directory) == nullptr) directory[0] = '\0';
    std::string words;
    for (const std::string& word : arguments_.words) words += ' ' + word;
    log_->Main("cwd=" + std::string(directory) + ' ' + std::to_string(arguments_.words.size()) +
               " args:" + words);
  }

  // Whoever writes into the file instead of replacing it leaves it empty for a moment. Taken as
  // it is, that would mean to listen to nobody.
  smtp::LoadedSite Load(const drivers::Registry& registry) const {
    smtp::LoadedSite loaded =
        smtp::LoadSite(arguments_.config_file, arguments_.macros, registry, smtp::LoadTls::kYes);
    std::error_code unseen;
    const std::string& file = arguments_.config_file;
    if (loaded.site == nullptr || !std::filesystem::is_regular_file(file, unseen) ||
        std::filesystem::file_size(file, unseen) != 0)
      return loaded;
    loaded.loaded.diagnostics.push_back({Severity::kError, {}, '"' + file + "\" is empty", "", {}});
    loaded.site = nullptr;
    return loaded;
  }
  std::vector<std::string> Modules() const {
    return config::PeekModules(arguments_.config_file, arguments_.macros);
  }

  std::string Mistakes(const Diagnostics& diagnostics) const {
    const std::size_t count = ErrorCount(diagnostics);
    return std::to_string(count) + (count == 1 ? " error in " : " errors in ") +
           arguments_.config_file;
  }

  Result<server::Opened, std::string> OpenFor(const smtp::Site& site) const {
    auto set =
        server::ListeningSet(site.config->main, {arguments_.ports, arguments_.tls_on_connect});
    if (!set) return Err{set.error()};
    auto opened = server::OpenListeners(set.value(), listeners_);
    if (opened) return std::move(opened).value();
    std::string all;
    for (const std::string& error : opened.error()) all += (all.empty() ? "" : "; ") + error;
    return Err{"cannot listen on " + all};
  }

  // Sockets that somebody has passed on, and that no option names.
  void WarnOfUnused(const server::Opened& opened) {
    for (const server::ListenerPtr& listener : opened.dropped)
      log_->Main("Warning: a listening socket was passed on for " + listener->bound().Text() +
                 ", where the configuration does not listen: not used");
  }

  // The pid file, then no more root; with a master, for both.
  int BecomeOrdinary(const config::Config& config, const server::Opened& opened) {
    const config::Main& main = config.main;
    server::Standing standing = StandingOf(main, opened);
    if (server::IsPrivileged() && !main.signet_user.text.empty()) {
      auto identity = server::FindIdentity(main.signet_user.text, main.signet_group.text);
      if (!identity) return Complain(kUsage, "not started: " + identity.error());
      standing.identity = identity.value();
      standing.identity->root_directory = main.chroot_directory.text;
    }
    if (!main.chroot_directory.text.empty() && !standing.identity && !IsReplacement()) {
      return Complain(kUsage,
                      "not started: chroot_directory needs root to start it, and signet_user");
    }
    if (master_ != nullptr) {
      const std::string wrong = master_->Tell(standing);
      if (!wrong.empty()) return Complain(kNo, "not started: " + wrong);
    } else if (!standing.pid_file.empty()) {
      auto file = server::PidFile::Write(
          standing.pid_file,
          TakesOver() ? server::PidFile::Before::kMayComeBack : server::PidFile::Before::kIsOver);
      if (!file) return Complain(kNo, "not started: " + file.error());
      pid_file_ = std::move(file).value();
    }
    server::ForbidDumpsAndGains();
    if (standing.identity) {
      auto dropped = server::DropPrivileges(*standing.identity);
      if (!dropped) return Complain(kNo, "not started: giving up root failed: " + dropped.error());
    } else if (server::IsPrivileged()) {
      log_->Main("Warning: running as root, because signet_user is not set");
    }
    if (master_ != nullptr) master_->DieWithMaster();
    if (main.sandbox) EnterSandbox(config);
    return kGood;
  }

  // From here on nothing is needed that is not needed while serving. One thread. What the kernel
  // lacks is said, and is no reason not to serve.
  void EnterSandbox(const config::Config& config) {
    const std::vector<server::WrittenPlace> places = server::WrittenBy(config);
    const auto files = files_.Enter(places);
    if (!files.trouble.empty())
      log_->Main("Warning: sandbox: files are limited by their modes only, without Landlock: " +
                 files.trouble);
    for (const server::WrittenPlace& place : places) {
      if (place.path == "/")
        log_->Main("Warning: sandbox: files may be written everywhere, because the " +
                   place.option + " begins with an expansion");
    }
    const std::string calls = server::FilterCalls(server::Role::kServing);
    if (!calls.empty()) log_->Main("Warning: sandbox: system calls are not limited: " + calls);
  }

  server::Standing StandingOf(const config::Main& main, const server::Opened& opened) const {
    server::Standing standing;
    standing.pid_file = arguments_.pid_file.empty() ? main.pid_file_path.text : arguments_.pid_file;
    standing.log = server::LogSetupOf(main);
    standing.sandbox = main.sandbox;
    standing.timezone = TimezoneOf(main);
    for (const auto& entry : opened.entries) standing.listeners.push_back(entry.listener);
    return standing;
  }

  void StartWorkers(const config::Main& main) {
    const std::size_t wanted = main.smtp_accept_max > 0
                                   ? static_cast<std::size_t>(main.smtp_accept_max)
                                   : limits::kConnectionsMax;
    const server::Capacity capacity = server::FindCapacity(wanted);
    if (!capacity.reason.empty()) {
      log_->Main("Warning: at most " + std::to_string(capacity.connections) +
                 " connections instead of " + std::to_string(wanted) + ": there are only " +
                 capacity.reason);
    }
    LoadReports(main);
    workers_.emplace(
        server::Workers::Options{server::UsableProcessors(), capacity.connections,
                                 &smtp::RunSession, reports_file_.empty() ? nullptr : &reports_,
                                 administration_->decisions(), monitoring_.metrics(),
                                 master_ != nullptr ? master_->sessions() : nullptr},
        *log_);
    monitoring_.Watch(*workers_, administration_->decisions());
    administration_->Watch(&*workers_, monitoring_.metrics());
  }

  void Adopt(const smtp::SitePtr& site, const server::Opened& opened,
             server::Administration::Prepared prepared, server::Monitoring::Prepared monitored) {
    listeners_ = opened.Adopt();
    administration_->Adopt(std::move(prepared), site);
    monitoring_.Adopt(std::move(monitored), site);
    workers_->Publish(site, listeners_);
  }

  std::string Listening() const {
    std::vector<server::ListenAddress> bound;
    for (const server::ListenerPtr& listener : listeners_) bound.push_back(listener->bound());
    return server::DescribeListening(bound);
  }
  std::string StartLine() const {
    return "signet " + std::string(kVersion) +
           (IsReplacement() ? " daemon serves again: pid=" : " daemon started: pid=") +
           std::to_string(MainPid()) + ", " + Listening();
  }

  // To the service manager, by way of the master where there is one.
  void Announce(server::News news, const std::string& text) const {
    if (master_ != nullptr) return master_->Announce(news, text);
    if (news == server::News::kReloading) return manager_.Reloading();
    if (news == server::News::kAlive) return manager_.Alive();
    manager_.Ready(text);
  }

  // Says that we are alive while every worker's loop goes round, and only then.
  void StartWatchdog() {
    const auto within = master_ != nullptr ? master_->watchdog() : manager_.watchdog();
    if (!within) return;
    watchdog_ = std::jthread([this, pause = *within / 4](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "watchdog");
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      while (!stop.stop_requested()) {
        workers_->AskTurns();
        wake.wait_for(lock, stop, pause, [] { return false; });
        if (workers_->turned()) Announce(server::News::kAlive, "");
      }
    });
  }

  // --- running -------------------------------------------------------------------------

  bool Handle(server::Request request) {
    switch (request) {
      case server::Request::kNone:
        SaveReports();
        return true;
      case server::Request::kCounters:
        log_->Main(report::Summary(workers_->tls_counters()));
        return true;
      case server::Request::kReopen:
        log_->Reopen();
        return true;
      case server::Request::kReload:
        Reload();
        return true;
      case server::Request::kStop:
        Shutdown();
        return false;
      case server::Request::kPeer:
        return HandlePeer();
    }
    return true;
  }

  // --- another instance takes over -------------------------------------------------------

  // False: it serves, and this one has ended.
  bool HandlePeer() {
    for (auto& [request, reply] : administration_->TakePeerRequests()) {
      if (request.what == server::ControlRequest::What::kTakeOver) {
        reply(Share());
        continue;
      }
      reply("{}");
      Leave(static_cast<pid_t>(request.number));
      return false;
    }
    return true;
  }

  // The listening sockets for it. Nothing else changes: it may never serve.
  server::ControlAnswer Share() {
    if (listeners_.size() > limits::kListenersMax)
      return server::ControlError("there are too many listening sockets to hand over");
    server::ControlAnswer answer("{\"listeners\":" + std::to_string(listeners_.size()) + '}');
    for (const server::ListenerPtr& listener : listeners_) {
      // From now on its end here must not be its end there.
      listener->Share();
      answer.fds.emplace_back(::fcntl(listener->fd(), F_DUPFD_CLOEXEC, 0));
      if (!answer.fds.back().valid())
        return server::ControlError("no descriptors are free to hand over the listening sockets");
    }
    if (master_ != nullptr) master_->Announce(server::News::kSharing, "");
    SaveReports();  // it goes on from there
    log_->Main(Pid() + "another instance starts to take over");
    return answer;
  }

  // Sessions go on to their end; what else this one had is the other one's by now.
  void Leave(pid_t successor) {
    watchdog_ = {};
    if (master_ != nullptr)
      master_->Announce(server::News::kLeaving, std::to_string(successor));
    else
      manager_.MainPid(successor);
    log_->Main(
        Pid() + "pid " + std::to_string(successor) +
        " has taken over; sessions that go on here: " + std::to_string(workers_->sessions()));
    for (const server::ListenerPtr& listener : listeners_) listener->Close();
    listeners_.clear();
    monitoring_.Close();
    administration_->LeaveFile();
    reports_file_.clear();
    leaving_ = true;
    // Who waits to accept may get one more until it looks again.
    const Deadline first = Deadline::After(2 * server::kAcceptLook);
    const Deadline last = Deadline::After(limits::kSessionWithoutMail);
    constexpr std::chrono::milliseconds kLook{100};
    while (!last.Passed() && (workers_->sessions() > 0 || !first.Passed())) {
      const server::Request request = signals_.Wait(Deadline::After(kLook));
      if (request == server::Request::kStop) break;
      if (request == server::Request::kReopen || request == server::Request::kReload)
        log_->Reopen();
    }
    Shutdown();
  }

  // --- TLS reports ---------------------------------------------------------------------

  Deadline NextSave() const {
    return reports_file_.empty() ? Deadline::Never() : Deadline::After(limits::kTlsReportSave);
  }
  // What has been counted before is needed only for `signet tlsrpt`: trouble with it is no
  // reason not to serve.
  void LoadReports(const config::Main& main) {
    reports_file_ = main.tlsrpt_file.text;
    if (reports_file_.empty()) return;
    auto loaded = reports_.Load(reports_file_);
    if (!loaded) log_->Panic("TLS reports begin anew: " + loaded.error());
  }
  void SaveReports() {
    if (reports_file_.empty() || !reports_.changed()) return;
    auto saved = reports_.Save(reports_file_);
    if (!saved) log_->Panic("TLS reports not kept: " + saved.error());
  }

  // Of the process that is told what to do.
  pid_t MainPid() const { return master_ != nullptr ? master_->master() : ::getpid(); }
  std::string Pid() const { return "pid " + std::to_string(MainPid()) + ": "; }

  void Reload() {
    Announce(server::News::kReloading, "");
    const auto asked = administration_->TakeReloads();
    log_->Reopen();
    server::LoadOutcome outcome;
    const std::string wrong = TryReload(&outcome.lines);
    outcome.good = wrong.empty();
    outcome.time = std::time(nullptr);
    outcome.lines.push_back(outcome.good ? "configuration reloaded"
                                         : "configuration kept as it was, " + wrong);
    const std::string line =
        Pid() + (asked.empty() ? "SIGHUP received: " : "reload asked for: ") + outcome.lines.back();
    if (!outcome.good) monitoring_.ReloadFailed();
    if (outcome.good)
      log_->Main(line);
    else
      log_->Panic(line);
    administration_->Reloaded(outcome, asked);
    Announce(server::News::kReloaded, outcome.lines.back());
  }

  // All or nothing (rule C1): what is wrong is logged, and then nothing has happened. "" or
  // what is wrong, in all; `lines` gets what the log got besides.
  std::string TryReload(std::vector<std::string>* lines) {
    const auto say = [&](const Diagnostics& diagnostics) {
      for (const Diagnostic& d : diagnostics) {
        lines->push_back(OneLine(d));
        log_->Main(lines->back());
      }
    };
    // Other modules make another registry; sessions in flight keep the drivers of theirs.
    std::vector<std::string> modules = Modules();
    std::unique_ptr<drivers::Registry> next;
    if (modules != modules_) {
      next = drivers::Registry::MakeBuiltin();
      const config::Loaded named =
          config::LoadModules(arguments_.config_file, arguments_.macros, next.get());
      say(named.diagnostics);
      if (!named.diagnostics.empty()) return Mistakes(named.diagnostics);
    }
    smtp::LoadedSite loaded = Load(next != nullptr ? *next : *registry_);
    say(loaded.loaded.diagnostics);
    if (loaded.site == nullptr) return Mistakes(loaded.loaded.diagnostics);
    auto opened = OpenFor(*loaded.site);
    if (!opened) return opened.error();
    if (const std::string missing = files_.Missing(server::WrittenBy(*loaded.site->config));
        !missing.empty())
      return missing;
    auto prepared = administration_->Prepare(loaded.site->config->main);
    if (!prepared) return prepared.error();
    auto monitored = monitoring_.Prepare(loaded.site->config->main);
    if (!monitored) return monitored.error();
    if (master_ != nullptr) {
      // First, so that after a crash from here on the new sockets are there.
      const std::string told = master_->Tell(StandingOf(loaded.site->config->main, opened.value()));
      if (!told.empty()) return told;
    }
    SetTimezone(loaded.site->config->main);
    log_->Configure(server::LogSetupOf(loaded.site->config->main));
    Adopt(loaded.site, opened.value(), std::move(prepared).value(), std::move(monitored).value());
    if (next != nullptr) {
      retired_.push_back(std::exchange(registry_, std::move(next)));
      modules_ = std::move(modules);
    }
    return "";
  }

  // Sessions end at their next command; after a while, or a second signal, wherever they are.
  void Shutdown() {
    if (master_ == nullptr && !leaving_) manager_.Stopping();
    log_->Main(Pid() + "shutting down");
    for (const server::ListenerPtr& listener : listeners_) listener->Close();
    workers_->BeginShutdown();
    const Deadline deadline = Deadline::After(limits::kShutdownGrace);
    constexpr std::chrono::milliseconds kLook{50};
    while (workers_->sessions() > 0 && !deadline.Passed()) {
      if (signals_.Wait(Deadline::After(kLook)) == server::Request::kStop) break;
    }
    const std::string counted = report::Summary(workers_->tls_counters());
    administration_->CloseSocket();
    monitoring_.Close();
    watchdog_ = {};
    workers_->Stop();
    SaveReports();
    log_->Main(counted);
    log_->Main(Pid() + "ended");
  }

  const Arguments& arguments_;
  server::MasterLink* master_;
  const server::ServiceManager& manager_;
  server::Signals signals_;
  std::optional<tls::KeyClient> keys_;
  std::unique_ptr<drivers::Registry> registry_;
  std::vector<std::string> modules_ = Modules();  // that it was made of
  // Those before, for sessions that began with them. Code is never unloaded, so they stay.
  std::vector<std::unique_ptr<drivers::Registry>> retired_;
  std::optional<Log> log_;
  server::PidFile pid_file_;
  server::FileRules files_;
  std::vector<server::ListenerPtr> listeners_;
  report::TlsReports reports_;
  bool leaving_ = false;      // another instance serves
  std::string reports_file_;  // "": nothing is counted
  std::optional<server::Administration> administration_;
  server::Monitoring monitoring_{kVersion};
  std::optional<server::Workers> workers_;
  std::jthread watchdog_;
};

}  // namespace

int RunServe(const Arguments& given) {
  // Both are for this process, and not for what it may turn into.
  const auto manager = server::ServiceManager::FromEnvironment();
  std::vector<std::string> unfit;
  std::vector<server::ListenerPtr> passed = server::PassedListeners(&unfit);
  for (const std::string& text : unfit) std::fprintf(stderr, "signet: %s\n", text.c_str());
  std::vector<int> open;
  for (const server::ListenerPtr& listener : passed) open.push_back(listener->fd());
  server::CloseInherited(open);
  server::Predecessor predecessor;
  if (given.take_over) {
    const auto path = ControlPath(given);
    if (!path) return ComplainWrapped(kUsage, "not started: " + path.error());
    auto asked = server::Predecessor::Ask(path.value());
    if (!asked) return ComplainWrapped(kNo, "not started: " + WithoutControls(asked.error()));
    predecessor = std::move(asked).value();
    for (server::ListenerPtr& listener : predecessor.TakeListeners())
      passed.push_back(std::move(listener));
  }
  // What is not so good any more is no reason not to serve: this one does by now.
  const auto take_place = [&predecessor] {
    const std::string wrong = predecessor.there() ? predecessor.Leave(::getpid()) : "";
    if (!wrong.empty()) std::fprintf(stderr, "signet: %s\n", wrong.c_str());
  };
  Arguments arguments = given;
  arguments.background = given.background && !given.debug;
  Background background;
  if (arguments.background) {
    // In the background a process leaves its directory, and has to find the file again.
    std::error_code failed;
    const auto path = std::filesystem::absolute(arguments.config_file, failed);
    if (!failed) arguments.config_file = path.string();
    background = Background::Enter();
  }
  const auto peek = [&](const char* option) {
    return config::PeekBoolean(arguments.config_file, arguments.macros, option, true);
  };
  const bool has_master = peek("master_process");
  // As ps and top show it; after execve of ourselves (rule C6) it would be the link in /proc.
  ::prctl(PR_SET_NAME, has_master ? "signet" : "signet-alone");
  int status = kGood;
  if (has_master) {
    server::Master master({[&](server::MasterLink& link) {
                             background.Drop();
                             predecessor.Drop();
                             return Server(arguments, &link, manager, {}).Run([] {});
                           },
                           &manager, std::move(passed), given.take_over, peek("key_process"),
                           [&](const Log::Setup& log) {
                             take_place();
                             if (!arguments.background) return;
                             Background::LeaveTerminal(server::LogsToStderr(log));
                             background.Tell(kGood);
                           }});
    status = master.Run();
  } else {
    status = Server(arguments, nullptr, manager, std::move(passed)).Run([&] {
      take_place();
      background.Tell(kGood);
    });
  }
  background.Tell(static_cast<ExitStatus>(status));
  return status;
}

}  // namespace signet::cli
