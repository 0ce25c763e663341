#include "src/server/workers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace signet::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kPatienceMs = 30'000;

// True once `condition` is; false where it never was in all our patience.
bool Eventually(const std::function<bool()>& condition) {
  const Deadline deadline = Deadline::After(milliseconds(kPatienceMs));
  while (!condition()) {
    if (deadline.Passed()) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

// A client that waits for whole lines.
class Client {
 public:
  explicit Client(const ListenAddress& to) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(to.port));
    ::inet_pton(AF_INET, to.ip.c_str(), &address.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  bool connected() const { return connected_; }
  void Say(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // A line without its end; "closed" at the end, "silence" where nothing comes.
  std::string Line() const {
    std::string line;
    for (char c;;) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, kPatienceMs) != 1) return "silence";
      if (::read(fd_, &c, 1) != 1) return line.empty() ? "closed" : line;
      if (c == '\n') return line;
      if (c != '\r') line += c;
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::atomic<int> slow_commands{0};  // 1: one is under way; 2: it may end

// Sessions that say which site serves them, answer each octet, and end at "q".
void Talk(engine::Socket& socket, const facts::Connection& connection,
          const smtp::SessionContext& context) {
  const Deadline deadline = Deadline::After(seconds(60));
  const std::string greeting = "220 site " + std::to_string(context.site->generation) +
                               (connection.tls_on_connect ? " tls\r\n" : "\r\n");
  if (!socket.Write(greeting, deadline).ok()) return;
  for (char c = 0; c != 'q';) {
    engine::IoResult read;
    {
      engine::IdleScope idle;
      read = socket.Read(&c, 1, deadline);
    }
    if (read.status == engine::IoStatus::kCancelled) (void)socket.Write("421 idle\r\n", deadline);
    if (!read.ok() || c == 'q') return;
    const bool leaving = *context.shutting_down;
    if (c == 'x') throw std::runtime_error("test");
    if (c == 'w') {
      slow_commands = 1;
      while (slow_commands == 1) engine::SleepUntil(Deadline::After(milliseconds(1)));
    }
    if (!socket.Write(leaving ? "421\r\n" : "250\r\n", deadline).ok() || leaving) return;
  }
}

class WorkersTest : public ::testing::Test {
 protected:
  WorkersTest() : log_path_(::testing::TempDir() + "workers_test_" + std::to_string(::getpid())) {
    log_.emplace(Log::Paths{log_path_, log_path_, log_path_});
  }
  ~WorkersTest() override {
    if (workers_) Stop();
    ::unlink(log_path_.c_str());
  }

  void Start(std::size_t threads, std::size_t connections_max = 1000) {
    workers_.emplace(
        Workers::Options{threads, connections_max,
                         [](engine::Socket socket, facts::Connection connection,
                            smtp::SessionContext context) { Talk(socket, connection, context); }},
        *log_);
    Publish({{"127.0.0.1", 0, false}});
  }

  smtp::SitePtr MakeSite() {
    auto config = std::make_shared<config::Config>();
    edit_(config->main);
    auto site = std::make_shared<smtp::Site>();
    site->config = config;
    site->registry = registry_.get();
    site->generation = ++generation_;
    return site;
  }

  void Publish(const std::vector<ListenAddress>& set) {
    auto opened = OpenListeners(set, listeners_);
    ASSERT_TRUE(opened.ok());
    listeners_ = opened.value().Adopt();
    workers_->Publish(MakeSite(), listeners_);
  }

  void Stop() {
    for (auto& listener : listeners_) listener->Close();
    workers_->Stop();
    workers_.reset();
  }

  ListenAddress Place(std::size_t i = 0) const { return listeners_[i]->bound(); }
  std::string LogText() const {
    std::ifstream file(log_path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string log_path_;
  std::optional<Log> log_;
  std::unique_ptr<drivers::Registry> registry_ = drivers::Registry::MakeEmpty();
  std::function<void(config::Main&)> edit_ = [](config::Main&) {};
  std::uint64_t generation_ = 0;
  std::optional<Workers> workers_;
  std::vector<ListenerPtr> listeners_;
};

TEST_F(WorkersTest, ServeSessionsAtTheSameTime) {
  Start(2);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<Client>(Place()));
  for (auto& client : clients) EXPECT_EQ(client->Line(), "220 site 1");
  EXPECT_EQ(workers_->sessions(), 40u);
  for (auto& client : clients) client->Say("a");
  for (auto& client : clients) EXPECT_EQ(client->Line(), "250");
  for (auto& client : clients) client->Say("q");
  for (auto& client : clients) EXPECT_EQ(client->Line(), "closed");
  EXPECT_TRUE(Eventually([&] { return workers_->sessions() == 0; }));
}

TEST_F(WorkersTest, IdleSessionsAreSpreadOverTheWorkers) {
  std::mutex mutex;
  std::map<std::thread::id, int> per_thread;
  workers_.emplace(Workers::Options{2, 1000,
                                    [&](engine::Socket socket, facts::Connection connection,
                                        smtp::SessionContext context) {
                                      {
                                        std::lock_guard lock(mutex);
                                        ++per_thread[std::this_thread::get_id()];
                                      }
                                      Talk(socket, connection, context);
                                    }},
                   *log_);
  edit_ = [](config::Main& main) { main.smtp_accept_max = 1000; };
  Publish({{"127.0.0.1", 0, false}});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 80; ++i) {
    clients.push_back(std::make_unique<Client>(Place()));
    EXPECT_EQ(clients.back()->Line(), "220 site 1");
  }
  std::lock_guard lock(mutex);
  ASSERT_EQ(per_thread.size(), 2u);
  for (auto [thread, count] : per_thread) EXPECT_GE(count, 30);
}

TEST_F(WorkersTest, RuleR3BeyondTheTotalIs421) {
  edit_ = [](config::Main& main) { main.smtp_accept_max = 2; };
  Start(2);
  Client one(Place()), two(Place());
  EXPECT_EQ(one.Line(), "220 site 1");
  EXPECT_EQ(two.Line(), "220 site 1");
  Client three(Place());
  EXPECT_EQ(three.Line(), "421 Too many concurrent SMTP connections; please try again later.");
  EXPECT_EQ(three.Line(), "closed");
  one.Say("q");
  EXPECT_EQ(one.Line(), "closed");
  ASSERT_TRUE(Eventually([&] { return workers_->sessions() == 1; }));
  EXPECT_EQ(Client(Place()).Line(), "220 site 1");
  EXPECT_NE(LogText().find("Connection from [127.0.0.1] refused: too many connections\n"),
            std::string::npos);
}

TEST_F(WorkersTest, RuleR3ReservedConnectionsAreNotForEverybody) {
  edit_ = [](config::Main& main) {
    main.smtp_accept_max = 3;
    main.smtp_accept_reserve = 1;
  };
  Start(1);
  Client one(Place()), two(Place());
  EXPECT_EQ(one.Line(), "220 site 1");
  EXPECT_EQ(two.Line(), "220 site 1");
  EXPECT_EQ(Client(Place()).Line(),
            "421 Too many concurrent SMTP connections; please try again later.");
}

TEST_F(WorkersTest, RuleR3WhatTheSystemCanServeBoundsSmtpAcceptMax) {
  edit_ = [](config::Main& main) { main.smtp_accept_max = 100; };
  Start(1, 1);
  Client one(Place());
  EXPECT_EQ(one.Line(), "220 site 1");
  EXPECT_EQ(Client(Place()).Line().substr(0, 3), "421");
}

TEST_F(WorkersTest, RuleR3OneSourceMayHaveAsManyAsTheBuiltInLimit) {
  Start(1);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < limits::kConnectionsPerSource; ++i) {
    clients.push_back(std::make_unique<Client>(Place()));
    ASSERT_EQ(clients.back()->Line(), "220 site 1") << i;
  }
  EXPECT_EQ(Client(Place()).Line(),
            "421 Too many concurrent SMTP connections from this IP address; please try again "
            "later.");
}

TEST_F(WorkersTest, OnATlsPortARefusalIsJustTheEnd) {
  edit_ = [](config::Main& main) { main.smtp_accept_max = 1; };
  Start(1);
  Publish({{"127.0.0.1", 0, true}});
  Client one(Place());
  EXPECT_EQ(one.Line(), "220 site 2 tls");
  EXPECT_EQ(Client(Place()).Line(), "closed");
}

TEST_F(WorkersTest, RuleC1SessionsKeepTheSiteThatTheyBeganWith) {
  Start(2);
  Client old(Place());
  EXPECT_EQ(old.Line(), "220 site 1");
  const ListenAddress before = Place();
  Publish({{"127.0.0.1", 0, false}});
  EXPECT_EQ(Place(), before);
  // Each worker learns of the new site in its own time.
  ASSERT_TRUE(Eventually([&] { return Client(Place()).Line() == "220 site 2"; }));
  old.Say("a");
  EXPECT_EQ(old.Line(), "250");
}

TEST_F(WorkersTest, ADroppedListenerRefusesAndANewOneAccepts) {
  Start(2);
  const ListenAddress before = Place();
  Client old(before);
  EXPECT_EQ(old.Line(), "220 site 1");
  Publish({{"127.0.0.2", 0, false}});
  EXPECT_FALSE(Client(before).connected());
  EXPECT_EQ(Client(Place()).Line(), "220 site 2");
  old.Say("a");
  EXPECT_EQ(old.Line(), "250");
}

TEST_F(WorkersTest, AnOldSiteIsGoneWhenItsLastSessionHasEnded) {
  Start(2);
  auto site = MakeSite();
  std::weak_ptr<const smtp::Site> watched = site;
  workers_->Publish(std::move(site), listeners_);
  auto client = std::make_unique<Client>(Place());
  ASSERT_TRUE(Eventually([&] {
    client = std::make_unique<Client>(Place());
    return client->Line() == "220 site 2";
  }));
  Publish({{"127.0.0.1", 0, false}});
  ASSERT_TRUE(Eventually([&] { return Client(Place()).Line() == "220 site 3"; }));
  EXPECT_FALSE(watched.expired());
  client->Say("q");
  EXPECT_EQ(client->Line(), "closed");
  EXPECT_TRUE(Eventually([&] { return watched.expired(); }));
}

TEST_F(WorkersTest, ShutdownEndsWhoIsIdleNowAndOthersAfterTheirCommand) {
  Start(1);
  Client idle(Place()), working(Place());
  EXPECT_EQ(idle.Line(), "220 site 1");
  EXPECT_EQ(working.Line(), "220 site 1");
  working.Say("wa");
  ASSERT_TRUE(Eventually([] { return slow_commands == 1; }));
  workers_->BeginShutdown();
  EXPECT_EQ(idle.Line(), "421 idle");
  EXPECT_EQ(idle.Line(), "closed");
  slow_commands = 2;
  EXPECT_EQ(working.Line().substr(0, 3), "250");
  EXPECT_EQ(working.Line().substr(0, 3), "421");
  EXPECT_EQ(working.Line(), "closed");
}

TEST_F(WorkersTest, StopEndsEverySession) {
  Start(2);
  Client client(Place());
  EXPECT_EQ(client.Line(), "220 site 1");
  Stop();
  EXPECT_EQ(client.Line(), "421 idle");
  EXPECT_EQ(client.Line(), "closed");
}

TEST_F(WorkersTest, AnExceptionEndsOneSessionOnly) {
  Start(1);
  Client good(Place()), bad(Place());
  EXPECT_EQ(good.Line(), "220 site 1");
  EXPECT_EQ(bad.Line(), "220 site 1");
  bad.Say("x");
  EXPECT_EQ(bad.Line(), "closed");
  good.Say("a");
  EXPECT_EQ(good.Line(), "250");
  EXPECT_TRUE(Eventually([&] { return workers_->sessions() == 1; }));
  EXPECT_NE(LogText().find("session of [127.0.0.1] ended by an exception: test"),
            std::string::npos);
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// While this lives, the process has no descriptor left but those it gave up again.
class Famine {
 public:
  Famine() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int next = ::dup(0);
    taken_.push_back(next);
    rlimit tight{static_cast<rlim_t>(next) + 16, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int fd; (fd = ::dup(0)) >= 0;) taken_.push_back(fd);
  }
  ~Famine() {
    while (!taken_.empty()) GiveUpOne();
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  void GiveUpOne() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_F(WorkersTest, RuleR6OutOfDescriptorsPausesWithoutSpinningAndResumes) {
  Start(1);
  Client served(Place());
  EXPECT_EQ(served.Line(), "220 site 1");
  log_->Main("first line");  // opens the file
  const int log_fd = ::open(log_path_.c_str(), O_RDONLY | O_CLOEXEC);
  auto logged = [&](std::string_view text) {
    std::string all(65536, '\0');
    all.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::pread(log_fd, all.data(), all.size(), 0))));
    return all.find(text) != std::string::npos;
  };
  const ListenAddress place = Place();
  Famine famine;
  famine.GiveUpOne();
  Client starving(place);  // has the last number; accepting it would want one more
  ASSERT_TRUE(starving.connected());
  EXPECT_TRUE(
      Eventually([&] { return logged("accepting connections is paused: Too many open files"); }));
  const double before = CpuSeconds();
  ::poll(nullptr, 0, 300);  // time in which a loop that spins would burn 0.3 s
  EXPECT_LT(CpuSeconds() - before, 0.15);
  served.Say("a");
  EXPECT_EQ(served.Line(), "250");
  famine.GiveUpOne();
  EXPECT_EQ(starving.Line(), "220 site 1");
  EXPECT_TRUE(Eventually([&] { return logged("accepting connections again"); }));
  ::close(log_fd);
}

TEST(Workers, CountProcessorsThatTheyMayRunOn) {
  std::size_t all = 0, one = 0;
  std::thread([&] {
    all = UsableProcessors();
    cpu_set_t first;
    CPU_ZERO(&first);
    cpu_set_t ours;
    ASSERT_EQ(sched_getaffinity(0, sizeof ours, &ours), 0);
    for (std::size_t cpu = 0; CPU_COUNT(&first) == 0; ++cpu)
      if (CPU_ISSET(cpu, &ours)) CPU_SET(cpu, &first);
    ASSERT_EQ(sched_setaffinity(0, sizeof first, &first), 0);
    one = UsableProcessors();
  }).join();
  EXPECT_EQ(one, 1u);
  EXPECT_GE(all, one);
}

}  // namespace
}  // namespace signet::server
