// What watches a gateway: scrapes with curl, promtool and a real Prometheus.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <sstream>

#include "src/base/limits.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;
using Numbers = std::map<std::string, double>;

Finished Curl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/usr/bin/curl", "-sS", "--max-time", "25"});
  return Run(arguments);
}

// By series, as it stands in the text.
Numbers Parse(const std::string& page) {
  Numbers numbers;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t blank = line.rfind(' ');
    numbers[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
  }
  return numbers;
}

// Counters that differ.
Numbers Counted(const Numbers& before, const Numbers& after) {
  Numbers differences;
  for (const auto& [series, value] : after) {
    const std::string name = series.substr(0, series.find('{'));
    if (!name.ends_with("_total") && !name.ends_with("_count")) continue;
    if (name == "signet_loop_lag_seconds_count") continue;
    const auto found = before.find(series);
    const double change = value - (found == before.end() ? 0 : found->second);
    if (change != 0) differences[series] = change;
  }
  return differences;
}

std::string Shown(const Numbers& numbers) {
  std::ostringstream out;
  for (const auto& [series, value] : numbers) out << series << ' ' << value << '\n';
  return out.str();
}

class Connection {
 public:
  explicit Connection(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      ADD_FAILURE() << "cannot connect";
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool Say(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // Whether the other end has, once that long was waited for it.
  bool closed(milliseconds limit) const {
    pollfd ready{fd_, POLLIN, 0};
    char c;
    return ::poll(&ready, 1, static_cast<int>(limit.count())) == 1 && ::recv(fd_, &c, 1, 0) <= 0;
  }

 private:
  int fd_;
};

class MetricsTest : public ::testing::Test {
 protected:
  // It listens a moment later than for mail.
  void SetUp() override {
    ASSERT_TRUE(WaitUntil([this] { return SomebodyListens(port_); })) << world_.gateway->Log();
  }
  static Gateway::Options Extra(const std::string& place) {
    Gateway::Options options;
    options.main_options = "metrics_listen = " + place;
    return options;
  }
  std::string Url(const std::string& path = "/metrics") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  Numbers Scrape() const {
    const Finished scraped = Curl({Url()});
    EXPECT_EQ(scraped.status, 0) << scraped.output;
    return Parse(scraped.output);
  }
  // Once no session is left.
  Numbers ScrapeAtRest() const {
    Numbers numbers;
    EXPECT_TRUE(WaitUntil([&] {
      numbers = Scrape();
      double active = 0;
      for (const auto& [series, value] : numbers)
        if (series.starts_with("signet_sessions_active")) active += value;
      return active == 0;
    }));
    return numbers;
  }
  std::string Refused(const std::string& name) {
    SmtpClient client = world_.Client(name);
    client.Say("MAIL FROM:<alice@example.org>");
    std::string reply = client.Say("RCPT TO:<someone@example.net>");
    client.Say("QUIT");
    return reply;
  }
  std::string PortLabel(int port) const { return "{port=\"" + std::to_string(port) + "\"}"; }

  const int port_ = FreePort();
  World world_{nullptr, Extra("127.0.0.1:" + std::to_string(port_))};
};

TEST_F(MetricsTest, ScrapesDifferByExactlyWhatClientsDid) {
  const Numbers before = ScrapeAtRest();
  {
    SmtpClient alice = world_.Client("alice");
    ASSERT_THAT(alice.Submit("alice@example.org", "x@example.net", "Subject: a\r\n\r\nb"),
                StartsWith("250"));
    alice.Say("QUIT");
  }
  EXPECT_THAT(Refused("expired"), StartsWith("550"));
  EXPECT_THAT(Refused("otherca"), StartsWith("550"));
  EXPECT_THAT(Refused("serverauth"), StartsWith("550"));
  EXPECT_THAT(Refused(""), StartsWith("550"));
  EXPECT_THAT(Refused("mallory"), StartsWith("550"));  // verified, and not in the directory
  {
    const Connection garbage(world_.gateway->tls_port());
    EXPECT_TRUE(garbage.Say("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_TRUE(world_.gateway->WaitForLog("TLS error"));
  }
  const Numbers after = ScrapeAtRest();
  const Numbers differences = Counted(before, after);
  const int port = world_.gateway->starttls_port();
  Numbers expected = {
      {"signet_sessions_total" + PortLabel(port), 6},
      {"signet_sessions_total" + PortLabel(world_.gateway->tls_port()), 1},
      {"signet_handshakes_failed_total", 1},
      {"signet_peer_certificates_total{result=\"verified\"}", 2},
      {"signet_peer_certificates_total{result=\"expired\"}", 1},
      {"signet_peer_certificates_total{result=\"untrusted\"}", 1},
      {"signet_peer_certificates_total{result=\"unfit\"}", 1},
      {"signet_peer_certificates_total{result=\"none\"}", 1},
      {"signet_authentications_total{authenticator=\"tls\",result=\"authenticated\"}", 1},
      {"signet_authentications_total{authenticator=\"tls\",result=\"failed\"}", 1},
      {"signet_identity_sessions_total{identity=\"alice@example.org\"}", 1},
      {"signet_refusals_total{place=\"rcpt\",class=\"identity\"}", 5},
      {"signet_lookups_total{type=\"ldap\",result=\"found\"}", 1},
      {"signet_lookups_total{type=\"ldap\",result=\"not_found\"}", 1},
      {"signet_lookup_duration_seconds_count{type=\"ldap\"}", 2},
      {"signet_relay_results_total{transport=\"to_mta\",result=\"delivered\"}", 1},
      {"signet_relay_duration_seconds_count{transport=\"to_mta\"}", 1},
      {"signet_messages_total", 1},
      {"signet_peer_certificate_expiry_seconds_count", 2},
  };
  // Those have names that hang on the library or numbers that hang on the certificates.
  double handshakes = 0, bytes = 0, chains = 0;
  Numbers rest;
  for (const auto& [series, value] : differences) {
    if (series.starts_with("signet_handshakes_total{version=\"TLS1.3\",cipher=\"TLS_") &&
        series.ends_with(",resumed=\"no\"}"))
      handshakes += value;
    else if (series == "signet_message_bytes_total")
      bytes += value;
    else if (series.starts_with("signet_chain_cache_lookups_total"))
      chains += value;
    else
      rest[series] = value;
  }
  EXPECT_EQ(Shown(rest), Shown(expected));
  EXPECT_EQ(handshakes, 6);
  EXPECT_GT(bytes, 10);
  EXPECT_EQ(chains, 5 + 3);  // what is refused is examined again, for "signet why"
  EXPECT_GT(after.at("signet_coroutines"), 0);
  EXPECT_GT(after.at("signet_decisions_kept"), 0);
  bool own = false;
  for (const auto& [series, value] : after)
    if (series.starts_with("signet_own_certificate_expiry_seconds{file=\"")) {
      own = true;
      EXPECT_THAT(series, HasSubstr(Certificates::Get().pem("server")));
      EXPECT_GT(value, 0);
    }
  EXPECT_TRUE(own);
  EXPECT_GT(
      after.at("signet_peer_certificate_soonest_expiry_seconds{identity=\"alice@example.org\"}"),
      0);
}

TEST_F(MetricsTest, ADirectoryThatIsDownAndAnUpstreamThatIsGoneAreSeen) {
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  world_.upstream.Close();
  const Numbers before = ScrapeAtRest();
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("45"));
  world_.slapd.Kill();
  EXPECT_THAT(world_.RcptReply("bob", "bob@example.org"), StartsWith("451 4.7.0"));
  const Numbers differences = Counted(before, ScrapeAtRest());
  const auto count = [&](const std::string& series) {
    const auto found = differences.find(series);
    return found == differences.end() ? 0 : found->second;
  };
  EXPECT_GE(count("signet_upstream_connection_failures_total{transport=\"to_mta\"}"), 1)
      << Shown(differences);
  EXPECT_EQ(count("signet_relay_results_total{transport=\"to_mta\",result=\"temporary\"}"), 1);
  EXPECT_EQ(count("signet_refusals_total{place=\"rcpt\",class=\"4xx\"}"), 1);
  EXPECT_EQ(count("signet_lookups_total{type=\"ldap\",result=\"deferred\"}"), 1);
  EXPECT_EQ(count("signet_authentications_total{authenticator=\"tls\",result=\"deferred\"}"), 1);
  EXPECT_EQ(count("signet_refusals_total{place=\"rcpt\",class=\"identity\"}"), 1)
      << Shown(differences);
}

TEST_F(MetricsTest, SpeaksBothFormatsAndNothingElse) {
  const Finished open = Curl({"-i", Url()});
  EXPECT_THAT(open.output, HasSubstr("application/openmetrics-text; version=1.0.0; charset=utf-8"));
  EXPECT_THAT(open.output, ::testing::EndsWith("# EOF\n"));
  const Finished old = Curl({"-i", "-H", "Accept: text/plain;version=0.0.4,*/*;q=0.1", Url()});
  EXPECT_THAT(old.output, HasSubstr("text/plain; version=0.0.4; charset=utf-8"));
  EXPECT_THAT(old.output, Not(HasSubstr("# EOF")));
  const Finished head = Curl({"-I", Url()});
  EXPECT_THAT(head.output, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head.output, Not(HasSubstr("signet_")));
  EXPECT_EQ(Curl({Url("/health")}).output, "ok\n");
  EXPECT_THAT(Curl({"-i", Url("/")}).output, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Curl({"-i", Url("/metrics/../../etc/passwd"), "--path-as-is"}).output,
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Curl({"-i", "-d", "x=y", Url()}).output, StartsWith("HTTP/1.1 405"));
}

TEST_F(MetricsTest, PromtoolFindsNothingWrongWithAScrape) {
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  const Finished scraped = Curl({"-H", "Accept: text/plain", Url()});
  ASSERT_EQ(scraped.status, 0);
  Process::Options options;
  options.input = scraped.output;
  const Finished checked =
      test::Run({PeersDirectory() + "/usr/bin/promtool", "check", "metrics"}, options);
  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_EQ(checked.output, "");
}

// It asks for OpenMetrics, and takes nothing of a scrape that has a mistake.
TEST_F(MetricsTest, ARealPrometheusTakesTheScrape) {
  EXPECT_THAT(world_.RcptReply("alice", "alice@example.org"), StartsWith("250"));
  TempDir directory;
  const int port = FreePort();
  WriteFile(directory / "prometheus.yml",
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: signet\n"
            "    static_configs:\n      - targets: ['127.0.0.1:" +
                std::to_string(port_) + "']\n");
  Process prometheus({PeersDirectory() + "/usr/bin/prometheus",
                      "--config.file=" + directory / "prometheus.yml",
                      "--storage.tsdb.path=" + directory / "data",
                      "--web.listen-address=127.0.0.1:" + std::to_string(port)});
  const std::string api = "http://127.0.0.1:" + std::to_string(port) + "/api/v1/";
  std::string answer;
  EXPECT_TRUE(WaitUntil(
      [&] {
        answer = Curl({api + "query?query=signet_lookups_total%7Btype%3D%22ldap%22%7D"}).output;
        return answer.find("\"found\"") != answer.npos;
      },
      seconds(40)))
      << answer << prometheus.Output();
  EXPECT_THAT(Curl({api + "targets"}).output, HasSubstr("\"health\":\"up\""));
  EXPECT_THAT(Curl({api + "query?query=up"}).output, HasSubstr(",\"1\"]"));
  EXPECT_THAT(Curl({api + "metadata?metric=signet_lookup_duration_seconds"}).output,
              HasSubstr("\"type\":\"histogram\""));
}

TEST_F(MetricsTest, GarbageSlowAndManyClientsHurtNoSession) {
  std::vector<Connection> clients;
  for (int i = 0; i < 60; ++i) {
    clients.emplace_back(port_);
    const std::string_view begins[] = {"", "GET /metr", std::string_view("\x16\x03\x01\0\xff", 5),
                                       "GET /metrics HTTP/1.1\r\nHost: x\r\nX: "};
    (void)clients.back().Say(begins[i % 4]);
  }
  clients.emplace_back(port_);
  (void)clients.back().Say("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n");
  for (int i = 0; i < 5; ++i) {
    const auto began = Clock::now();
    SmtpClient alice = world_.Client("alice");
    EXPECT_THAT(alice.Submit("alice@example.org", "x@example.net", "Subject: a\r\n\r\nb"),
                StartsWith("250"));
    EXPECT_LT(Clock::now() - began, seconds(10));
    for (const Connection& client : clients) (void)client.Say("x");
  }
  // Those that stay hold a place for a moment, whatever they send meanwhile.
  Process curl({"/usr/bin/curl", "-sS", "--max-time", "60", Url()});
  bool served = false;
  for (int i = 0; i < 300 && !served; ++i) {
    for (const Connection& client : clients) (void)client.Say("x");
    served = curl.WaitForOutput("# EOF", milliseconds(200));
  }
  EXPECT_TRUE(served) << curl.Output();
  EXPECT_TRUE(world_.gateway->process().running());
}

// Seconds until the server ends a connection on which an octet comes now and then.
double Patience(const Connection& client) {
  const auto began = Clock::now();
  while (!client.closed(milliseconds(100)) && Clock::now() - began < seconds(30))
    (void)client.Say("x");
  return std::chrono::duration<double>(Clock::now() - began).count();
}

TEST_F(MetricsTest, RuleR7ScrapesAreBoundedInNumberAndTime) {
  const auto wait = static_cast<double>(limits::kMetricsWait.count());
  {
    const Connection slow(port_);
    const double patience = Patience(slow);
    EXPECT_GT(patience, wait - 1);
    EXPECT_LT(patience, wait + 5);
  }
  std::vector<Connection> clients;
  for (std::size_t i = 0; i + 1 < limits::kMetricsConnections; ++i) clients.emplace_back(port_);
  auto began = Clock::now();
  EXPECT_EQ(Curl({Url("/health")}).output, "ok\n");
  EXPECT_LT(Clock::now() - began, milliseconds(700));
  clients.emplace_back(port_);
  began = Clock::now();
  EXPECT_EQ(Curl({Url("/health")}).output, "ok\n");  // once the first of them has to go
  EXPECT_GT(Clock::now() - began, milliseconds(300));
  EXPECT_LT(Clock::now() - began, limits::kMetricsWait);
}

TEST_F(MetricsTest, AReloadMovesTheListener) {
  const auto reload = [&](const std::string& place) {
    Gateway::Options options = GatewayOptions(world_.slapd.host_and_port(), world_.upstream.port());
    options.main_options = place.empty() ? "" : "metrics_listen = " + place;
    world_.gateway->Reload(world_.gateway->ConfigText(options));
  };
  const int other = FreePort();
  const std::string other_url = "http://127.0.0.1:" + std::to_string(other) + "/metrics";
  reload("127.0.0.1:" + std::to_string(other));
  ASSERT_TRUE(WaitUntil([&] { return Curl({other_url}).status == 0; }));
  EXPECT_NE(Curl({Url()}).status, 0);
  Numbers numbers = Parse(Curl({other_url}).output);
  EXPECT_EQ(numbers.at("signet_config_generation"), 2);
  EXPECT_EQ(numbers.at("signet_config_last_reload_successful"), 1);

  // In the directory of held bodies: elsewhere, the sandbox lets nothing be made after the start.
  const std::string path = "/var/tmp/signet-metrics-" + std::to_string(getpid());
  reload(path);
  ASSERT_TRUE(WaitUntil([&] {
    return Curl({"--unix-socket", path, "http://signet/health"}).output == "ok\n";
  }));
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);

  // A place that cannot be had leaves everything as it was.
  const std::string taken = "127.0.0.1:" + std::to_string(world_.gateway->starttls_port());
  reload(taken);
  ASSERT_TRUE(world_.gateway->WaitForLog("cannot serve metrics on " + taken));
  numbers = Parse(Curl({"--unix-socket", path, "http://signet/metrics"}).output);
  EXPECT_EQ(numbers.at("signet_config_generation"), 3);
  EXPECT_EQ(numbers.at("signet_config_last_reload_successful"), 0);

  reload("");
  EXPECT_TRUE(WaitUntil([&] { return access(path.c_str(), F_OK) != 0; }));
}

}  // namespace
}  // namespace signet::test
