#include "src/server/workers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "expand/expand.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/report/metrics.h"
#include "src/server/log_setup.h"

namespace signet::server {
namespace {

using std::chrono::seconds;

constexpr std::size_t kAcceptsPerTurn = 8;
constexpr std::size_t kHandOverDifference = 8;          // sessions more than the idlest worker has
constexpr seconds kPause{1};                            // out of descriptors, or of memory
constexpr std::chrono::milliseconds kLagInterval{500};  // between two looks at a loop's clock

constexpr std::string_view kTooMany =
    "421 Too many concurrent SMTP connections; please try again later.\r\n";
constexpr std::string_view kTooManyFromSource =
    "421 Too many concurrent SMTP connections from this IP address; please try again later.\r\n";

struct Peer {
  std::string ip;
  int port = 0;
};

// IPv4 in IPv6 clothes is IPv4.
Peer ToPeer(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return {text, ntohs(in.sin_port)};
  }
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
  if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
    ::inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
  }
  return {text, ntohs(in6.sin6_port)};
}

// Both ends; nullopt where the client has gone already.
std::optional<facts::Connection> Ends(int fd, bool tls_on_connect) {
  sockaddr_storage peer{}, local{};
  socklen_t peer_size = sizeof peer, local_size = sizeof local;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size) != 0) {
    return std::nullopt;
  }
  facts::Connection connection;
  Peer client = ToPeer(peer), here = ToPeer(local);
  connection.client_ip = std::move(client.ip);
  connection.client_port = client.port;
  connection.local_ip = std::move(here.ip);
  connection.local_port = here.port;
  connection.tls_on_connect = tls_on_connect;
  connection.started = std::chrono::system_clock::now();
  return connection;
}

// Small replies must not wait for the client's acknowledgement of earlier ones.
void Prepare(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// What expansion may ask while a connection is being counted: nothing that waits.
class NoServices : public expand::Services {
 public:
  expand::LookupAnswer Lookup(const expand::LookupRequest&) override { return kNotHere; }
  expand::LookupAnswer AuthenticateBy(int, std::string_view) override { return kNotHere; }
  std::int64_t Now() override {
    return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  }

 private:
  inline static const expand::LookupAnswer kNotHere{expand::LookupAnswer::kDeferred,
                                                    "no lookups while counting connections"};
};

// Whether the peer is in a list, as far as that can be told here.
bool IsIn(const config::Expanded& hosts, const config::Config& config,
          const facts::Connection& connection) {
  if (!hosts) return false;
  facts::Session session;
  session.connection = connection;
  NoServices services;
  expand::Budget budget;
  config::MatchContext match{config, session, services, budget};
  const auto matched =
      config::MatchList(hosts, config::ListKind::kHost, connection.client_ip, match);
  return matched && matched.value();
}

// smtp_accept_max_per_host for this client; 0 is no limit. What doesn't expand to a number
// leaves the built-in limit.
std::size_t MaxPerHost(const config::Main& main, const facts::Connection& connection) {
  if (!main.smtp_accept_max_per_host) return limits::kConnectionsPerSource;
  const expand::Program& program = *main.smtp_accept_max_per_host.program;
  std::string text;
  if (const std::string* constant = program.constant()) {
    text = *constant;
  } else {
    facts::Session session;
    session.connection = connection;
    NoServices services;
    expand::Budget budget;
    auto outcome = expand::Evaluate(program, session, services, budget);
    if (!outcome) return limits::kConnectionsPerSource;
    text = outcome.value().text;
  }
  const std::string_view digits = Trim(text);
  if (digits.empty() || digits.size() > 9 || !std::all_of(digits.begin(), digits.end(), IsDigit)) {
    return limits::kConnectionsPerSource;
  }
  return std::stoul(std::string(digits));
}

LogEvent RefusedLine(const facts::Connection& connection, const std::string& why) {
  LogEvent event("connection_refused");
  event.Field("Connection from [", "client_ip", connection.client_ip);
  event.Field("] refused: ", "why", why);
  return event;
}

}  // namespace

std::size_t UsableProcessors() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  const int count = ::sched_getaffinity(0, sizeof usable, &usable) == 0
                        ? CPU_COUNT(&usable)
                        : static_cast<int>(std::thread::hardware_concurrency());
  return static_cast<std::size_t>(std::max(1, count));
}

// A site as one worker serves it.
struct Generation {
  smtp::SitePtr site;
  std::shared_ptr<lookup::Worker> lookups;
};
using GenerationPtr = std::shared_ptr<Generation>;  // its sessions, and the worker while current

// An accepted connection, counted until it is destroyed.
struct Accepted {
  engine::Socket socket;
  std::unique_ptr<facts::Connection> connection;  // until its session has it
  Connections* connections = nullptr;
  std::string counted_ip;
  ~Accepted() { connections->Leave(counted_ip); }
};
using AcceptedPtr = std::shared_ptr<Accepted>;

facts::Connection ConnectionOf(Accepted& accepted) {
  return std::move(*std::exchange(accepted.connection, nullptr));
}

// A session that is under way, in the numbers.
class SessionCount {
 public:
  SessionCount(const Workers::Options& options, int port)
      : metrics_(options.metrics), shown_(options.sessions_shown), port_(std::to_string(port)) {
    if (shown_ != nullptr) ++*shown_;
    if (metrics_ == nullptr) return;
    metrics_->Add(report::Metric::kSessions, {port_});
    metrics_->Change(report::Metric::kSessionsActive, {port_}, 1);
  }
  ~SessionCount() {
    if (shown_ != nullptr) --*shown_;
    if (metrics_ != nullptr) metrics_->Change(report::Metric::kSessionsActive, {port_}, -1);
  }
  SessionCount(const SessionCount&) = delete;
  SessionCount& operator=(const SessionCount&) = delete;

 private:
  report::Metrics* metrics_;
  std::atomic<std::uint32_t>* shown_;
  const std::string port_;
};

class Worker {
 public:
  Worker(Workers& workers, std::size_t number);
  void Publish(smtp::SitePtr site, std::vector<ListenerPtr> listeners);
  void EndIdle() { loop_.CancelIdle(); }
  void Stop() { loop_.Stop(); }
  void Join() { thread_.join(); }
  // As the others see it: who has no site yet is no place to hand a session to.
  std::size_t load() const { return ready_ ? sessions_.load() : SIZE_MAX; }
  std::size_t sessions() const { return sessions_; }
  std::chrono::microseconds lag() const {
    return std::chrono::microseconds(std::max(lag_us_.load(), lag_before_us_.load()));
  }
  // Whether the loop has gone round since it was asked to; one thread asks.
  void AskTurn();
  bool turned() const { return turned_ == asked_; }
  // Takes a connection over; any thread.
  void Take(AcceptedPtr accepted);

 private:
  void Run(std::size_t number);
  void Watch(const std::string& name);
  void NoteLag(std::chrono::microseconds late, int* looks);
  void CountRefused(std::string_view reason);
  void Adopt(const smtp::SitePtr& site, const std::vector<ListenerPtr>& listeners);
  void AcceptFrom(const ListenerPtr& listener);
  bool AcceptSome(engine::Socket& socket, const Listener& listener);
  void Pause(const std::string& why);
  void Admit(int fd, const Listener& listener);
  void Refuse(const Accepted& accepted, Admission why);
  void Start(AcceptedPtr accepted);
  void Serve(Accepted& accepted, const GenerationPtr& generation);

  Workers& workers_;
  Log& log_;
  engine::Loop loop_;
  GenerationPtr current_;   // loop thread only, like all below
  smtp::InForce in_force_;  // of current_, for sessions of earlier ones
  std::set<const Listener*> accepting_;
  std::unique_ptr<engine::Event> ended_;  // a session has; descriptors may be free
  bool paused_ = false;
  std::atomic<std::uint64_t> asked_{0}, turned_{0};
  std::atomic<std::size_t> sessions_{0};
  std::atomic<bool> ready_{false};
  std::atomic<std::int64_t> lag_us_{0}, lag_before_us_{0};  // of this half minute and the last
  std::thread thread_;
};

// --- life ----------------------------------------------------------------------------

Worker::Worker(Workers& workers, std::size_t number)
    : workers_(workers), log_(workers.log_), ended_(std::make_unique<engine::Event>()) {
  thread_ = std::thread([this, number] { Run(number); });
}

void Worker::Run(std::size_t number) {
  ::pthread_setname_np(::pthread_self(), ("worker " + std::to_string(number)).c_str());
  if (workers_.options_.metrics != nullptr)
    (void)loop_.Spawn([this, number] { Watch(std::to_string(number)); });
  loop_.Run();
  in_force_ = {};
  current_.reset();  // on the thread that its directory connections belong to
}

// How late a timer wakes is how long anybody waits here for what does not let go.
void Worker::Watch(const std::string& name) {
  using report::Metric;
  report::Metrics& metrics = *workers_.options_.metrics;
  double counted = 0;
  int looks = 0;
  for (bool stays = true; stays;) {
    const auto alive = static_cast<double>(loop_.coroutines());
    metrics.Change(Metric::kCoroutines, {}, alive - std::exchange(counted, alive));
    const Deadline due = Deadline::After(kLagInterval);
    stays = engine::SleepUntil(due).ok();
    const std::chrono::duration<double> late = std::chrono::steady_clock::now() - due.when();
    if (stays) metrics.Observe(Metric::kLoopLag, {name}, std::max(0.0, late.count()));
    NoteLag(std::chrono::duration_cast<std::chrono::microseconds>(late), &looks);
  }
  metrics.Change(Metric::kCoroutines, {}, -counted);
}

void Worker::AskTurn() {
  if (asked_ != turned_) return;
  ++asked_;
  loop_.Post([this] { turned_ = asked_.load(); });
}

void Worker::NoteLag(std::chrono::microseconds late, int* looks) {
  constexpr int kLooksOfAPart = 60;
  if (++*looks == kLooksOfAPart) {
    *looks = 0;
    lag_before_us_ = lag_us_.exchange(0);
  }
  lag_us_ = std::max<std::int64_t>(lag_us_, late.count());
}

void Worker::CountRefused(std::string_view reason) {
  if (workers_.options_.metrics != nullptr)
    workers_.options_.metrics->Add(report::Metric::kConnectionsRefused, {reason});
}

void Worker::Publish(smtp::SitePtr site, std::vector<ListenerPtr> listeners) {
  loop_.Post(
      [this, site = std::move(site), listeners = std::move(listeners)] { Adopt(site, listeners); });
}

void Worker::Adopt(const smtp::SitePtr& site, const std::vector<ListenerPtr>& listeners) {
  auto generation = std::make_shared<Generation>();
  generation->site = site;
  generation->lookups = std::make_shared<lookup::Worker>(*site->registry, site->config, &log_);
  current_ = std::move(generation);
  in_force_ = {current_->site, current_->lookups};
  ready_ = true;
  for (const ListenerPtr& listener : listeners) {
    if (!accepting_.insert(listener.get()).second) continue;
    if (!loop_.Spawn([this, listener] { AcceptFrom(listener); })) {
      log_.Panic("no memory to accept on " + listener->bound().Text());
    }
  }
}

// --- accepting -------------------------------------------------------------------------

// In the handshakes' queue: while many clients shake hands, new ones wait in the kernel's
// queue instead of ours.
void Worker::AcceptFrom(const ListenerPtr& listener) {
  engine::SetPriority(engine::Priority::kHandshake);
  engine::Socket socket;
  while (!socket.valid() && !listener->closed()) {
    const int fd = ::fcntl(listener->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
      socket = engine::Socket(fd);
    else
      Pause(std::strerror(errno));
  }
  while (socket.valid() && !listener->closed() && AcceptSome(socket, *listener)) engine::Yield();
  accepting_.erase(listener.get());
}

// False where accepting on this listener is over.
bool Worker::AcceptSome(engine::Socket& socket, const Listener& listener) {
  for (std::size_t i = 0; i < kAcceptsPerTurn && !listener.closed(); ++i) {
    int fd = -1;
    engine::IoResult result;
    {
      const engine::IdleScope idle;
      result = socket.Accept(&fd, Deadline::After(kAcceptLook));
    }
    if (result.status == engine::IoStatus::kTimeout) return true;
    if (result.ok()) {
      if (std::exchange(paused_, false)) log_.Main("accepting connections again");
      Admit(fd, listener);
      continue;
    }
    if (result.status == engine::IoStatus::kCancelled || listener.closed()) return false;
    if (!IsShortage(result.error_number)) {
      log_.Panic("accept on " + listener.bound().Text() + " failed: " + Describe(result));
    }
    Pause(Describe(result));
    return true;
  }
  return true;
}

// Until a session ends here or a while has passed (rule R6); what waits in the kernel's
// queue is tried again then, whether or not there is a new edge.
void Worker::Pause(const std::string& why) {
  if (!std::exchange(paused_, true)) log_.Panic("accepting connections is paused: " + why);
  ended_->Wait(Deadline::After(kPause));
}

void Worker::Admit(int fd, const Listener& listener) {
  engine::Socket socket(fd);
  auto connection = Ends(fd, listener.tls_on_connect());
  if (!connection) return;
  Prepare(fd);
  const config::Main& main = current_->site->config->main;
  std::size_t total_max = workers_.options_.connections_max;
  if (main.smtp_accept_max > 0) {
    total_max = std::min(total_max, static_cast<std::size_t>(main.smtp_accept_max));
  }
  const config::Config& config = *current_->site->config;
  const auto reserve =
      static_cast<std::size_t>(std::max<std::int64_t>(0, main.smtp_accept_reserve));
  if (reserve > 0 && !IsIn(main.smtp_reserve_hosts, config, *connection))
    total_max -= std::min(total_max, reserve);
  // Where a PROXY header comes first, the peer is not the source of what it brings, and
  // there is no sense in counting it as one. What cannot be told here is counted.
  const bool proxy = IsIn(main.hosts_proxy, config, *connection);
  const Admission admission = workers_.connections_.Enter(
      connection->client_ip, total_max, proxy ? 0 : MaxPerHost(main, *connection));
  if (admission != Admission::kYes) {
    const std::string why = admission == Admission::kTooMany
                                ? "too many connections"
                                : "too many connections from that IP address";
    CountRefused(admission == Admission::kTooMany ? "too_many" : "too_many_from_source");
    const LogSelector selector = LogSelectorOf(main);
    if (selector.Has(Selector::kConnectionReject)) log_.Main(RefusedLine(*connection, why));
    // A client that expects TLS would not understand.
    if (connection->tls_on_connect) return;
    const std::string_view text = admission == Admission::kTooMany ? kTooMany : kTooManyFromSource;
    (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  auto accepted = std::make_shared<Accepted>();
  accepted->socket = std::move(socket);
  accepted->connection = std::make_unique<facts::Connection>(std::move(*connection));
  accepted->connection->id = std::to_string(++workers_.connections_seen_);
  accepted->connections = &workers_.connections_;
  accepted->counted_ip = accepted->connection->client_ip;
  auto idlest =
      std::min_element(workers_.workers_.begin(), workers_.workers_.end(),
                       [](const auto& a, const auto& b) { return a->load() < b->load(); });
  if ((*idlest)->load() + kHandOverDifference <= sessions_)
    (*idlest)->Take(std::move(accepted));
  else
    Start(std::move(accepted));
}

void Worker::Take(AcceptedPtr accepted) {
  loop_.Post([this, accepted = std::move(accepted)]() mutable { Start(std::move(accepted)); });
}

// --- sessions ----------------------------------------------------------------------------

void Worker::Start(AcceptedPtr accepted) {
  ++sessions_;
  const bool started =
      loop_.Spawn([this, accepted, generation = current_] { Serve(*accepted, generation); });
  if (started) return;
  --sessions_;
  CountRefused("no_memory");
  log_.Panic("Connection from [" + accepted->counted_ip + "] refused: no memory");
}

// One session's trouble ends that session only.
void Worker::Serve(Accepted& accepted, const GenerationPtr& generation) {
  smtp::SessionContext context;
  context.site = generation->site;
  context.in_force = &in_force_;
  context.lookups = generation->lookups.get();
  context.log = &log_;
  context.shutting_down = &workers_.shutting_down_;
  context.auth_failures = &workers_.auth_failures_;
  context.connections = workers_.connections_.total();
  context.tls_reports = workers_.options_.tls_reports;
  context.tls_counters = &workers_.tls_counters_;
  context.rates = &workers_.rates_;
  if (generation->site->config->main.decisions_kept > 0)
    context.decisions = workers_.options_.decisions;
  context.metrics = workers_.options_.metrics;
  context.admit_told = [&accepted, &generation](const facts::Connection& told) {
    const std::size_t max = MaxPerHost(generation->site->config->main, told);
    if (!accepted.connections->Move(accepted.counted_ip, told.client_ip, max)) return false;
    accepted.counted_ip = told.client_ip;
    return true;
  };
  const SessionCount counted(workers_.options_, accepted.connection->local_port);
  std::string trouble;
  try {
    workers_.options_.session(std::move(accepted.socket), ConnectionOf(accepted),
                              std::move(context));
  } catch (const std::exception& e) {
    trouble = e.what();
  } catch (...) {
    trouble = "unknown exception";
  }
  if (!trouble.empty()) {
    log_.Panic("session of [" + accepted.counted_ip + "] ended by an exception: " + trouble);
  }
  --sessions_;
  ended_->Signal();
}

// --- all of them -------------------------------------------------------------------------

Workers::Workers(Options options, Log& log) : options_(std::move(options)), log_(log) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.threads); ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, i + 1));
  }
}

Workers::~Workers() { SIGNET_CHECK(workers_.empty()); }

void Workers::Publish(smtp::SitePtr site, const std::vector<ListenerPtr>& listeners) {
  for (auto& worker : workers_) worker->Publish(site, listeners);
}

std::vector<Workers::Load> Workers::loads() const {
  std::vector<Load> loads;
  for (const auto& worker : workers_) loads.push_back({worker->sessions(), worker->lag()});
  return loads;
}

void Workers::AskTurns() {
  for (auto& worker : workers_) worker->AskTurn();
}

bool Workers::turned() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->turned(); });
}

void Workers::BeginShutdown() {
  shutting_down_ = true;
  for (auto& worker : workers_) worker->EndIdle();
}

void Workers::Stop() {
  for (auto& worker : workers_) worker->Stop();
  for (auto& worker : workers_) worker->Join();
  workers_.clear();
}

}  // namespace signet::server
