// Many sessions run through while many others are held: nothing of the server grows, and all
// that were held still answer, as who they were.
//
// SIGNET_SOAK=50000 lets that many run through (default: 1,500), beside a fifth as many that are
// held, but at most 10,000, and as many as "ulimit -Hn" allows: the server keeps two descriptors
// for each session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "test/support/authority.h"
#include "test/support/footprint.h"
#include "test/support/gateway.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

using Clock = std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr int kThreads = 16;       // clients at work at once
constexpr int kCertificates = 50;  // of the one account

int SessionsToRun() {
  const char* text = std::getenv("SIGNET_SOAK");
  return std::max(100, text != nullptr ? std::atoi(text) : 1'500);
}

// As many descriptors as we may have, and the server likewise; how many these are.
int RaiseLimits() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const rlimit wanted{std::max<rlim_t>(files.rlim_max, 25'000),
                      std::max<rlim_t>(files.rlim_max, 25'000)};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return static_cast<int>(wanted.rlim_cur);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return static_cast<int>(files.rlim_max);
}

// A message's way ends here: Postfix's smtp-sink, a process that keeps nothing.
class Sink {
 public:
  Sink() : port_(FreePort()) {
    Process::Options options;
    options.environment = PeerEnvironment();
    options.environment[0] += ":" + PeersDirectory() + "/usr/lib/postfix";
    std::vector<std::string> command = {PeersDirectory() + "/usr/sbin/smtp-sink"};
    if (getuid() == 0) command.insert(command.end(), {"-u", "nobody"});
    command.insert(command.end(),
                   {"-c", "-m", "1000", "127.0.0.1:" + std::to_string(port_), "1000"});
    process_ = std::make_unique<Process>(command, options);
    if (!WaitUntil([this] { return SomebodyListens(port_); }))
      throw std::runtime_error("smtp-sink did not start: " + process_->Output());
  }
  int port() const { return port_; }
  int messages() const {  // it writes "sess=1 quit=1 mesg=1\r" whenever a number changes
    const std::string output = process_->Output();
    const std::size_t at = output.rfind("mesg=");
    return at == std::string::npos ? 0 : std::atoi(output.c_str() + at + 5);
  }

 private:
  int port_;
  std::unique_ptr<Process> process_;
};

// Addresses of our own network, so many that no limit for one host is met.
std::string Address(int network, int number) {
  return "127." + std::to_string(network) + '.' + std::to_string(number / 250 % 250) + '.' +
         std::to_string(1 + number % 250);
}

// What goes wrong on any thread; the first few are shown.
class Complaints {
 public:
  void Add(const std::string& text) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (++count_ <= 10) text_ += text + '\n';
  }
  int count() const { return count_; }
  const std::string& text() const { return text_; }

 private:
  std::mutex mutex_;
  int count_ = 0;
  std::string text_;
};

// Runs `work` with each number below `count`, on several threads.
template <typename Work>
void InParallel(int begin, int end, const Work& work) {
  std::atomic<int> next = begin;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int number; (number = next++) < end;) work(number);
    });
  for (std::thread& thread : threads) thread.join();
}

class Soak : public ::testing::Test {
 protected:
  Soak() : ours_("Example"), theirs_("Example", 1) {
    const testing::Key key = testing::Key::Generate(testing::KeyType::kEcdsaP256);
    ours_.Issue("server", testing::ServerSpec(), key);
    for (int i = 0; i < kCertificates; ++i)
      ours_.Issue("alice" + std::to_string(i), testing::ClientSpec("alice@example.org"), key);
    theirs_.Issue("alice", testing::ClientSpec("alice@example.org"), key);
    Gateway::Options options;
    options.server_certificate = ours_.pem("server");
    options.server_key = ours_.key("server");
    options.client_ca = ours_.root();
    options.ldap_servers = slapd_.host_and_port();
    options.upstream_port = sink_.port();
    options.main_options =
        "smtp_accept_max = 12000\nsmtp_accept_max_nonmail = 1000000\nsmtp_receive_timeout = 2h";
    gateway_ = std::make_unique<Gateway>(options);
  }

  int port() const { return gateway_->starttls_port(); }
  std::unique_ptr<SmtpClient> Connect(int network, int number) const {
    return std::make_unique<SmtpClient>(port(), false, Address(network, number));
  }
  bool BeginAsAlice(SmtpClient* client, int number) const {
    const std::string name = "alice" + std::to_string(number % kCertificates);
    return client->Begin(ours_.pem(name), ours_.key(name)).starts_with("250");
  }
  // Who may relay is authenticated.
  static bool MayRelay(SmtpClient* client) {
    return client->Say("MAIL FROM:<alice@example.org>").starts_with("250") &&
           client->Say("RCPT TO:<someone@example.net>").starts_with("250");
  }

  void Hold(int count) {
    held_.resize(static_cast<std::size_t>(count));
    InParallel(0, count, [this](int number) {
      auto client = Connect(1, number);
      if (!BeginAsAlice(client.get(), number)) complaints_.Add("held: " + client->reply());
      held_[static_cast<std::size_t>(number)] = std::move(client);
    });
  }

  // One session of the many, of a kind that depends on its number.
  void RunThrough(int number) {
    try {
      auto client = Connect(2, number);
      const int kind = number % 20;
      if (kind < 14) {
        Honest(client.get(), number, kind >= 12);
      } else if (kind == 16 || kind == 19) {
        Stranger(client.get(), kind == 19);
      } else {
        Hostile(client.get(), number, kind);
      }
    } catch (const std::exception& problem) {
      complaints_.Add(problem.what());
    }
  }

  void Honest(SmtpClient* client, int number, bool sends) {
    if (!BeginAsAlice(client, number)) return complaints_.Add("TLS: " + client->reply());
    if (sends) {
      const std::string reply = client->Submit("alice@example.org", "someone@example.net",
                                               "Subject: soak\r\n\r\n" + std::string(900, 'x'));
      if (!reply.starts_with("250")) return complaints_.Add("message: " + reply);
      ++sent_;
    } else if (!MayRelay(client)) {
      return complaints_.Add("alice may not relay: " + client->reply());
    }
    if (!client->Say("QUIT").starts_with("221")) complaints_.Add("QUIT: " + client->reply());
  }

  // Without a certificate, or with one of the same names from an authority of the same name.
  void Stranger(SmtpClient* client, bool certificate) {
    client->Begin(certificate ? theirs_.pem("alice") : "", certificate ? theirs_.key("alice") : "");
    if (MayRelay(client)) complaints_.Add("a stranger may relay");
    client->Say("QUIT");
  }

  void Hostile(SmtpClient* client, int number, int kind) {
    switch (kind) {
      case 14:  // noise, which may be a line or not
        client->Send(Noise(number, 600));
        break;
      case 15:  // a handshake that is none, or is cut
        client->Say("EHLO client");
        client->Say("STARTTLS");
        client->Send(number % 40 < 20 ? Noise(number, 300)
                                      : std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
        break;
      case 17:  // a line without an end
        client->Say("EHLO client");
        client->Send("MAIL FROM:<" + std::string(100'000, 'a'));
        break;
      default:  // half a message
        if (!BeginAsAlice(client, number) || !MayRelay(client)) {
          complaints_.Add("half a message: " + client->reply());
          break;
        }
        client->Say("DATA");
        client->Send("Subject: half\r\n\r\nand then");
    }
  }

  static std::string Noise(int seed, std::size_t size) {
    std::string noise(size, '\0');
    unsigned state = static_cast<unsigned>(seed) * 2654435761u + 1;
    for (char& octet : noise)
      octet = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
    return noise;
  }

  // What the server takes once all that ran through have gone.
  Footprint AtRest() const {
    Footprint last = FootprintOf(gateway_->pid());
    WaitUntil(
        [&] {
          std::this_thread::sleep_for(milliseconds(700));
          const Footprint now = FootprintOf(gateway_->pid());
          const bool same = now.descriptors == last.descriptors && now.threads == last.threads;
          last = now;
          return same;
        },
        seconds(40));
    return last;
  }

  // NOOPs of held sessions, by turns, until told to stop; seconds of each, sorted.
  std::vector<double> Ask(const std::atomic<bool>& stop) {
    std::vector<double> times;
    for (std::size_t i = 0; !stop; ++i) {
      const auto begun = Clock::now();
      SmtpClient& client = *held_[i * 7 % held_.size()];
      if (!client.Say("NOOP").starts_with("250")) complaints_.Add("NOOP: " + client.reply());
      times.push_back(std::chrono::duration<double>(Clock::now() - begun).count());
      std::this_thread::sleep_for(milliseconds(5));
    }
    std::sort(times.begin(), times.end());
    return times;
  }

  const int descriptors_ = RaiseLimits();  // before the server is started
  Authority ours_, theirs_;
  Slapd slapd_;
  Sink sink_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<std::unique_ptr<SmtpClient>> held_;
  Complaints complaints_;
  std::atomic<int> sent_ = 0;
};

std::string Shown(const Footprint& footprint) {
  return std::to_string(static_cast<int>(footprint.pss_kib)) + " KiB, " +
         std::to_string(footprint.descriptors) + " descriptors, " +
         std::to_string(footprint.threads) + " threads, " + std::to_string(footprint.mappings) +
         " mappings";
}

// Sanitizers keep what was freed, and grow by it.
bool WatchesItsMemory() {
  const char* variant = std::getenv("SIGNET_VARIANT");
  return variant != nullptr && std::string(variant).ends_with("san");
}

TEST_F(Soak, NothingGrowsAndWhoIsHeldIsServed) {
  const int sessions = SessionsToRun();
  constexpr int kOthers = 500;  // sessions that run through, and what the server has open itself
  Hold(std::min({10'000, sessions / 5, descriptors_ / 2 - kOthers}));
  ASSERT_EQ(complaints_.count(), 0) << complaints_.text() << gateway_->Log();

  std::atomic<bool> stop = false;
  std::vector<double> times;
  std::thread asking([&] { times = Ask(stop); });
  const auto begun = Clock::now();
  Footprint first, last;
  for (int tenth = 0; tenth < 10; ++tenth) {
    InParallel(sessions / 10 * tenth, sessions / 10 * (tenth + 1),
               [this](int number) { RunThrough(number); });
    // Coming to rest takes longer than so few sessions do.
    if (sessions < 10'000 && tenth % 9 != 0) continue;
    last = AtRest();
    if (tenth == 0) first = last;
    std::cout << "after " << sessions / 10 * (tenth + 1) << " sessions: " << Shown(last)
              << std::endl;
  }
  const double took = std::chrono::duration<double>(Clock::now() - begun).count();
  stop = true;
  asking.join();
  std::cout << held_.size() << " held, " << took << " s; NOOP of those held: p50 "
            << 1000 * times[times.size() / 2] << " ms, p99 "
            << 1000 * times[times.size() * 99 / 100] << " ms, of " << times.size() << std::endl;

  EXPECT_EQ(complaints_.count(), 0) << complaints_.text() << gateway_->Log().substr(0, 4000);
  EXPECT_TRUE(WaitUntil([&] { return sink_.messages() >= sent_; }))
      << sink_.messages() << " messages of " << sent_ << " have arrived";

  // The process that served the first serves the last.
  EXPECT_EQ(last.processes, first.processes);
  EXPECT_LE(last.descriptors, first.descriptors + 8);  // connections to the directory and the sink
  EXPECT_LE(last.threads, first.threads + 16);         // as many as the pool may have
  if (!WatchesItsMemory()) {
    EXPECT_LE(last.mappings, first.mappings + first.mappings / 50 + 64);
    // What is kept is bounded, and not full after the first tenth: decisions, verified chains.
    EXPECT_LE(last.pss_kib, first.pss_kib * 1.03 + 12'000);
  }

  std::atomic<int> served = 0;
  InParallel(0, static_cast<int>(held_.size()), [&](int number) {
    SmtpClient& client = *held_[static_cast<std::size_t>(number)];
    served += MayRelay(&client) && client.Say("QUIT").starts_with("221");
  });
  EXPECT_EQ(served, static_cast<int>(held_.size()));
}

}  // namespace
}  // namespace signet::test
