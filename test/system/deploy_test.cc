// The files of doc/deploy/scale-out as they stand there, on loopback: HAProxy, three gateways, two
// slapds in syncrepl, Redis and a mail server behind. Only what their heads say is to be changed
// is.
#include <gmock/gmock.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "test/system/visit.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kFiles[] = "doc/deploy/scale-out/";
constexpr char kPeople[] = "ou=people,dc=example,dc=org";

// One of the two directories.
class Directory {
 public:
  // `provider_port` 0: it is the provider.
  explicit Directory(int provider_port) : port_(FreePort()), is_provider_(provider_port == 0) {
    const Certificates& certificates = Certificates::Get();
    std::filesystem::create_directory(files_ / "db");
    std::string text = ReadFile(std::string(kFiles) +
                                (is_provider_ ? "slapd-provider.conf" : "slapd-consumer.conf"));
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"/etc/ldap/schema",
                                              PeersDirectory() + "/etc/ldap/schema"},
          {"/usr/lib/ldap", PeersDirectory() + "/usr/lib/ldap"},
          {"/run/slapd", files_.path()},
          {"/etc/ldap/tls/server.pem", certificates.pem("server")},
          {"/etc/ldap/tls/server.key", certificates.key("server")},
          {"/etc/ldap/tls/ca.pem", certificates.pem("ca")},
          {"/var/lib/ldap", files_ / "db"},
          {"ldap1.example.org:389", "127.0.0.1:" + std::to_string(provider_port)}})
      text = Replace(text, from, to);
    WriteFile(files_ / "slapd.conf", text);
    if (is_provider_) {
      const Finished loaded =
          Run({PeersDirectory() + "/usr/sbin/slapadd", "-f", files_ / "slapd.conf"},
              {.environment = PeerEnvironment(),
               .input = ReadFile(std::string(kFiles) + "accounts.ldif")});
      EXPECT_EQ(loaded.status, 0) << loaded.output;
    }
    Start();
  }
  void Start() {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{PeersDirectory() + "/usr/sbin/slapd", "-f", files_ / "slapd.conf",
                                 "-h", Url(), "-d", "0"},
        Process::Options{.environment = PeerEnvironment()});
    EXPECT_TRUE(WaitUntil([this] { return SomebodyListens(port_); })) << process_->Output();
  }
  void Kill() { process_.reset(); }
  void Signal(int signal) { process_->Signal(signal); }
  int port() const { return port_; }
  std::string Url() const { return "ldap://127.0.0.1:" + std::to_string(port_); }
  void Add(const std::string& name) {
    const Finished done = Run(
        {"ldapadd", "-x", "-H", Url(), "-D", "cn=admin,dc=example,dc=org", "-w", "ADMIN-PASSWORD"},
        {.input = "dn: uid=" + name + "," + kPeople +
                  "\nobjectClass: inetOrgPerson\ncn: x\nsn: x\nmail: " + name + "@example.org\n"});
    EXPECT_EQ(done.status, 0) << done.output;
  }
  bool WaitFor(const std::string& name) {
    return WaitUntil([&] {
      return Run({"ldapsearch", "-x", "-LLL", "-H", Url(), "-b", kPeople, "uid=" + name, "mail"})
                 .output.find(name + "@example.org") != std::string::npos;
    });
  }

 private:
  TempDir files_;
  int port_;
  bool is_provider_;
  std::unique_ptr<Process> process_;
};

class Deployment {
 public:
  explicit Deployment(const std::string& rate = "1000 / 1h")
      : redis_port_(FreePort()),
        starttls_port_(FreePort()),
        tls_port_(FreePort()),
        front_(FreePort()),
        front_tls_(FreePort()),
        rate_(rate) {
    EXPECT_TRUE(consumer.WaitFor("bob"));
    const Certificates& certificates = Certificates::Get();
    std::filesystem::create_directory(files_ / "secret");
    for (const auto& [name, file] :
         {std::pair<std::string, std::string>{"server.pem", certificates.pem("server")},
          {"server.key", certificates.key("server")},
          {"client-ca.pem", certificates.pem("client-ca")},
          {"crl.pem", certificates.pem("crl")},
          {"ldap-ca.pem", certificates.pem("ca")}})
      std::filesystem::copy_file(file, files_ / name);
    RotateSecrets();
    WriteFile(files_ / "redis.conf", Replace(ReadFile(std::string(kFiles) + "redis.conf"),
                                             "/var/lib/redis", files_.path()));
    redis_ = std::make_unique<Process>(
        std::vector<std::string>{PeersDirectory() + "/usr/bin/redis-server", files_ / "redis.conf",
                                 "--bind", "127.0.0.1", "--port", std::to_string(redis_port_)},
        Process::Options{.environment = PeerEnvironment()});
    EXPECT_TRUE(WaitUntil([this] { return SomebodyListens(redis_port_); })) << redis_->Output();
    for (std::size_t i = 0; i < gateways_.size(); ++i) StartGateway(i);
    StartBalancer();
  }
  void RotateSecrets() {
    EXPECT_EQ(Run({SignetProgram(), "tickets", "rotate", files_ / "secret/tickets"}).status, 0);
  }
  void StartGateway(std::size_t i) {
    const std::string own = files_ / ("gw" + std::to_string(i + 1));
    std::filesystem::create_directories(own);
    const auto local = [](int port) { return "127.0.0.1::" + std::to_string(port); };
    std::vector<std::string> command = {SignetProgram(), "serve", "-C",
                                        std::string(kFiles) + "signet.conf"};
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"GW_LISTEN", Address(i)},
          {"GW_STARTTLS", std::to_string(starttls_port_)},
          {"GW_TLS", std::to_string(tls_port_)},
          {"GW_BALANCERS", "127.0.0.1"},
          {"GW_FILES", files_.path()},
          {"GW_DIRECTORIES", "127.0.0.1::" + std::to_string(provider.port()) +
                                 " : 127.0.0.1::" + std::to_string(consumer.port())},
          {"GW_RATES", local(redis_port_) + "/0/PASSWORD"},
          {"GW_RATE", rate_},
          {"GW_RELAY", local(upstream.port())},
          {"GW_STATE", own},
          {"GW_RUN", own}}) {
      command.push_back("-D");
      command.push_back(name + "=" + value);
    }
    gateways_[i] = std::make_unique<Process>(command);
    EXPECT_TRUE(gateways_[i]->WaitForOutput("listening")) << gateways_[i]->Output();
  }
  static std::string Address(std::size_t i) { return "127.0.0." + std::to_string(11 + i); }
  void KillGateway(std::size_t i) { gateways_[i].reset(); }
  std::string Log(std::size_t i) const {
    return gateways_[i] == nullptr ? "" : gateways_[i]->SettledOutput();
  }
  std::string Logs() const {
    std::string all;
    for (std::size_t i = 0; i < gateways_.size(); ++i) all += Log(i);
    return all;
  }
  // Through the balancer.
  int port() const { return front_; }
  int tls_port() const { return front_tls_; }
  // What the last command of a message, or the first that is refused, is answered.
  std::string Send(const std::string& name, const std::string& text = "Subject: x\r\n\r\nx") {
    try {
      SmtpClient client(front_);
      client.Begin(Certificates::Get().pem(name), Certificates::Get().key(name));
      return client.Submit(name + "@example.org", "x@example.net", text);
    } catch (const std::exception& error) {
      return std::string("broken: ") + error.what();
    }
  }
  void KillRedis() { redis_.reset(); }

  Directory provider{0}, consumer{provider.port()};
  Upstream upstream;

 private:
  void StartBalancer() {
    std::vector<std::string> environment = PeerEnvironment();
    for (std::size_t i = 0; i < gateways_.size(); ++i)
      environment.push_back("GATEWAY" + std::to_string(i + 1) + "=" + Address(i));
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"SUBMISSION", "127.0.0.1:" + std::to_string(front_)},
          {"SUBMISSIONS", "127.0.0.1:" + std::to_string(front_tls_)},
          {"STARTTLS_PORT", std::to_string(starttls_port_)},
          {"TLS_PORT", std::to_string(tls_port_)}})
      environment.push_back(name + "=" + value);
    balancer_ = std::make_unique<Process>(
        std::vector<std::string>{PeersDirectory() + "/usr/sbin/haproxy", "-db", "-f",
                                 std::string(kFiles) + "haproxy.cfg"},
        Process::Options{.environment = environment});
    EXPECT_TRUE(WaitUntil([this] { return SomebodyListens(front_); })) << balancer_->Output();
  }

  TempDir files_;
  int redis_port_, starttls_port_, tls_port_, front_, front_tls_;
  std::string rate_;
  std::unique_ptr<Process> redis_, balancer_;
  std::array<std::unique_ptr<Process>, 3> gateways_;
};

std::size_t Count(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Deploy, ClientsBehindTheBalancerAreThemselvesAtEveryGateway) {
  Deployment site;
  const Certificates& certificates = Certificates::Get();
  for (const bool tls : {false, true})
    for (int i = 0; i < 3; ++i) {
      const Finished sent = test::Run({"swaks",
                                       "--server",
                                       "127.0.0.1",
                                       "--port",
                                       std::to_string(tls ? site.tls_port() : site.port()),
                                       "--li",
                                       "127.0.0.2",
                                       "--ehlo",
                                       "client",
                                       "--from",
                                       "alice@example.org",
                                       "--to",
                                       "x@example.net",
                                       "--timeout",
                                       "20",
                                       tls ? "--tls-on-connect" : "--tls",
                                       "--tls-cert",
                                       certificates.pem("alice"),
                                       "--tls-key",
                                       certificates.key("alice"),
                                       "--tls-ca-path",
                                       certificates.pem("chain")});
      EXPECT_EQ(sent.status, 0) << sent.output << site.Logs();
    }
  const std::string log = site.Logs();
  EXPECT_EQ(Count(log, "<= alice@example.org H=(client) [127.0.0.2]"), 6u) << log;
  EXPECT_EQ(Count(log, "A=certificate:alice@example.org"), 6u) << log;
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_THAT(site.Log(i), HasSubstr("<= alice@example.org")) << "gateway " << i;
  EXPECT_EQ(site.upstream.messages().size(), 6u);
}

TEST(Deploy, AnAccountIsAddedOnceAndTheProviderMayGo) {
  Deployment site;
  EXPECT_THAT(site.Send("mallory"), StartsWith("530 5.7.0 a client certificate is needed"));
  site.provider.Add("mallory");
  ASSERT_TRUE(site.consumer.WaitFor("mallory"));
  EXPECT_THAT(site.Send("alice"), StartsWith("250"));
  site.provider.Kill();
  for (int i = 0; i < 12; ++i) EXPECT_THAT(site.Send("mallory"), StartsWith("250")) << site.Logs();
  site.provider.Start();
  site.provider.Add("zero");
  EXPECT_TRUE(site.consumer.WaitFor("zero")) << "the copy follows again";
  EXPECT_THAT(site.Send("zero"), StartsWith("250")) << site.Logs();
}

TEST(Deploy, ADirectoryThatIsGoneIsSaidOnceAndAskedBesideTheSessionsUntilItIsBack) {
  Deployment site;
  const auto each_says = [&](const std::string& what) {
    return WaitUntil([&] {
      EXPECT_THAT(site.Send("alice"), StartsWith("250")) << site.Logs();
      for (std::size_t i = 0; i < 3; ++i)
        if (site.Log(i).find(what) == std::string::npos) return false;
      return true;
    });
  };
  EXPECT_THAT(site.Send("alice"), StartsWith("250"));
  const std::string name = "LDAP server 127.0.0.1:" + std::to_string(site.provider.port());
  site.provider.Kill();
  EXPECT_TRUE(each_says(name + " is gone: ")) << site.Logs();
  site.provider.Start();
  EXPECT_TRUE(each_says(name + " is back")) << site.Logs();
  site.provider.Signal(SIGSTOP);
  for (int i = 0; i < 2; ++i) EXPECT_THAT(site.Send("alice"), StartsWith("250")) << site.Logs();
  site.provider.Signal(SIGCONT);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_LE(Count(site.Log(i), " is gone: "), 2u) << "killed, and silent\n" << site.Log(i);
}

// What clients hold an acknowledgement for, and what the mail server behind has.
TEST(Deploy, AGatewayIsKilledUnderLoadAndNoMessageThatWasAcknowledgedIsLost) {
  Deployment site;
  constexpr int kClients = 4, kEach = 15;
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::atomic<int> tries{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c)
    clients.emplace_back([&, c] {
      for (int done = 0, left = 5 * kEach; done < kEach && left > 0; --left) {
        const std::string id = std::to_string(c) + "-" + std::to_string(++tries);
        if (!site.Send("alice", "Subject: <" + id + ">\r\n\r\nx").starts_with("250")) continue;
        ++done;
        const std::lock_guard lock(mutex);
        acknowledged.insert(id);
      }
    });
  EXPECT_TRUE(WaitUntil([&] {
    const std::lock_guard lock(mutex);
    return acknowledged.size() >= kClients * kEach / 4;
  }));
  site.KillGateway(0);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(acknowledged.size(), std::size_t{kClients * kEach});
  std::string behind;
  for (const Upstream::Message& message : site.upstream.messages()) behind += message.content;
  for (const std::string& id : acknowledged) EXPECT_THAT(behind, HasSubstr("<" + id + ">"));
  // Those that go on after the balancer has noticed meet nothing of it; it comes back by itself.
  for (int i = 0; i < 6; ++i) EXPECT_THAT(site.Send("alice"), StartsWith("250"));
  site.StartGateway(0);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_THAT(site.Send("alice"), StartsWith("250"));
    return site.Log(0).find("<= alice@example.org") != std::string::npos;
  }));
}

TEST(Deploy, ARateIsCountedOverAllGateways) {
  constexpr int kRate = 10;
  Deployment site(std::to_string(kRate) + " / 1h");
  int accepted = 0;
  std::string reply;
  for (int i = 0; i < 2 * kRate && (reply = site.Send("bob")).starts_with("250"); ++i) ++accepted;
  EXPECT_GE(accepted, kRate - 1) << reply;
  EXPECT_LE(accepted, kRate + 1);
  EXPECT_THAT(reply, StartsWith("451")) << site.Logs();
  EXPECT_THAT(reply, HasSubstr("too many recipients lately"));
  int had_some = 0;
  for (std::size_t i = 0; i < 3; ++i) had_some += Count(site.Log(i), "<= bob@example.org") > 0;
  EXPECT_GE(had_some, 2) << "one gateway alone has not seen them all";
  EXPECT_THAT(site.Send("alice"), StartsWith("250")) << "others are not meant";
  site.KillRedis();
  EXPECT_THAT(site.Send("alice"), StartsWith("451"));
  EXPECT_THAT(site.Logs(), HasSubstr("ratelimit database not available"));
}

TEST(Deploy, RuleT4TicketsGoRoundTheGatewaysWhileTheirSecretsAreRenewed) {
  Deployment site;
  TempDir files;
  const auto come = [&] {
    Visit visit(site.port(), files / "ticket", Visit::Options{});
    EXPECT_THAT(visit.Say("MAIL FROM:<bob@example.org>"), HasSubstr("may not send as"));
    visit.Say("QUIT");
  };
  const auto resumed = [&](const std::string& log) {
    return Count(log, ":128* CV=yes rejected MAIL <bob@example.org>: alice@example.org may");
  };
  for (int i = 0; i < 7; ++i) come();
  EXPECT_EQ(resumed(site.Logs()), 6u) << "all but the first:\n" << site.Logs();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(resumed(site.Log(i)), 0u) << site.Log(i);
  site.RotateSecrets();
  int more = 0;
  EXPECT_TRUE(WaitUntil([&] {
    come();
    ++more;
    for (std::size_t i = 0; i < 3; ++i)
      if (site.Log(i).find("read again: ") == std::string::npos) return false;
    return true;
  })) << site.Logs();
  EXPECT_EQ(resumed(site.Logs()), 6u + static_cast<unsigned>(more)) << site.Logs();
}

}  // namespace
}  // namespace signet::test
