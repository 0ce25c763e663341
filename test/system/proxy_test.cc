// Signet behind a real HAProxy: who the client is, and who it is not.
#include <gmock/gmock.h>

#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// The client's address, which is neither the proxy's nor the gateway's.
constexpr char kClient[] = "127.0.0.2";
constexpr char kStranger[] = "127.0.0.3";

struct Front {
  std::string name;     // of the section
  int to = 0;           // port of the gateway
  std::string sending;  // "send-proxy", "send-proxy-v2 …"
  std::string binding;  // further words of the bind line
  int port = FreePort();
};

// An HAProxy with a port for each of `fronts`.
class Haproxy {
 public:
  explicit Haproxy(const std::vector<Front>& fronts) {
    std::string text =
        "global\n  maxconn 200\ndefaults\n  mode tcp\n  timeout connect 10s\n"
        "  timeout client 30s\n  timeout server 30s\n";
    for (const Front& front : fronts)
      text += "listen " + front.name + "\n  bind 127.0.0.1:" + std::to_string(front.port) + ' ' +
              front.binding + "\n  server gateway 127.0.0.1:" + std::to_string(front.to) + ' ' +
              front.sending + '\n';
    WriteFile(directory_ / "haproxy.cfg", text);
    process_ =
        std::make_unique<Process>(std::vector<std::string>{PeersDirectory() + "/usr/sbin/haproxy",
                                                           "-db", "-f", directory_ / "haproxy.cfg"},
                                  Process::Options{.environment = PeerEnvironment()});
    for (const Front& front : fronts)
      if (!WaitUntil([&] { return SomebodyListens(front.port); }))
        throw std::runtime_error("haproxy does not listen: " + process_->Output());
  }

 private:
  TempDir directory_;
  std::unique_ptr<Process> process_;
};

// A message that `from_ip` sends through a port, with what swaks says about it.
Finished Send(const std::string& from_ip, int port, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"swaks",
                                    "--server",
                                    "127.0.0.1",
                                    "--port",
                                    std::to_string(port),
                                    "--li",
                                    from_ip,
                                    "--ehlo",
                                    "client",
                                    "--from",
                                    "alice@example.org",
                                    "--to",
                                    "someone@example.net",
                                    "--timeout",
                                    "20"};
  words.insert(words.end(), more.begin(), more.end());
  return Run(words);
}

std::vector<std::string> WithAlice(const std::string& tls) {
  const Certificates& certificates = Certificates::Get();
  // It reads one certificate from a file; OpenSSL completes the chain from what it trusts.
  return {tls,
          "--tls-cert",
          certificates.pem("alice"),
          "--tls-key",
          certificates.key("alice"),
          "--tls-ca-path",
          certificates.pem("chain")};
}

// The gateway believes 127.0.0.1, where HAProxy connects from.
struct ProxiedWorld : World {
  explicit ProxiedWorld(const std::string& more = "",
                        std::vector<std::pair<std::string, std::string>> edits = {})
      : World(nullptr, Gateway::Options{.main_options = "hosts_proxy = 127.0.0.1\n"
                                                        "log_selector = +smtp_connection\n" +
                                                        more,
                                        .edits = std::move(edits)}) {}
};

TEST(Proxy, RuleS15ClientsOfHaproxyAreThemselves) {
  ProxiedWorld world;
  const int starttls = world.gateway->starttls_port(), tls = world.gateway->tls_port();
  const std::string second = "send-proxy-v2 proxy-v2-options crc32c,unique-id";
  std::vector<Front> fronts = {{"v1", starttls, "send-proxy", ""},
                               {"v2", starttls, second, ""},
                               {"v1tls", tls, "send-proxy", ""},
                               {"v2tls", tls, second, ""}};
  Haproxy haproxy(fronts);
  for (const Front& front : fronts) {
    const std::size_t before = world.gateway->Log().size();
    const Finished sent =
        Send(kClient, front.port, WithAlice(front.to == tls ? "--tls-on-connect" : "--tls"));
    EXPECT_EQ(sent.status, 0) << front.name << '\n' << sent.output << world.gateway->Log();
    EXPECT_THAT(sent.output, HasSubstr("Hello client [127.0.0.2]")) << front.name;
    std::string log;
    EXPECT_TRUE(WaitUntil([&] {
      log = world.gateway->Log().substr(before);
      return log.find("Completed") != std::string::npos;
    })) << front.name;
    EXPECT_THAT(log, HasSubstr("H=(client) [127.0.0.2]")) << front.name;
    EXPECT_THAT(log, HasSubstr("A=tls:alice@example.org")) << front.name;
    EXPECT_THAT(log, Not(HasSubstr("H=(client) [127.0.0.1]"))) << front.name;
  }
}

TEST(Proxy, RuleS15StrangersMayNotSayWhoTheyAre) {
  ProxiedWorld world("smtp_enforce_sync = false\n");
  Front front{"v1", world.gateway->starttls_port(), "send-proxy", "", FreePort()};
  // An HAProxy that the gateway does not know: it connects from another address.
  front.sending += " source ";
  front.sending += kStranger;
  Haproxy haproxy({front});
  const Finished sent = Send(kClient, front.port, WithAlice("--tls"));
  EXPECT_THAT(sent.output, HasSubstr("500 5.5.1 unrecognized command"));
  EXPECT_THAT(world.gateway->Log(), Not(HasSubstr(kClient)));
}

TEST(Proxy, RuleS15WhoComesWithoutTheProxyFromItsAddressGetsNothing) {
  ProxiedWorld world;
  const Finished sent = Send("127.0.0.1", world.gateway->starttls_port(), {});
  EXPECT_NE(sent.status, 0);
  EXPECT_THAT(sent.output, Not(HasSubstr("220 ")));
  EXPECT_TRUE(world.gateway->WaitForLog("dropped: PROXY header: timed out"));
  // And others come as they are.
  EXPECT_EQ(Send(kStranger, world.gateway->starttls_port(), WithAlice("--tls")).status, 0);
  EXPECT_TRUE(world.gateway->WaitForLog("H=(client) [127.0.0.3]"));
}

TEST(Proxy, RuleI13WhatHaproxySawOfACertificateIsNoIdentity) {
  const Certificates& certificates = Certificates::Get();
  ProxiedWorld world("", {{"check_mail:\n",
                           "check_mail:\n  warn logwrite = told cn=$proxy_tls_cn "
                           "verified=$proxy_tls_verified id=[$authenticated_id]\n"}});
  TempDir directory;
  WriteFile(directory / "both.pem",
            ReadFile(certificates.pem("server")) + ReadFile(certificates.key("server")));
  const Front front{"ends", world.gateway->starttls_port(), "send-proxy-v2-ssl-cn",
                    "ssl crt " + directory / "both.pem" + " verify required ca-file " +
                        certificates.pem("client-ca"),
                    FreePort()};
  Haproxy haproxy({front});
  const Finished sent = Send(kClient, front.port, WithAlice("--tls-on-connect"));
  EXPECT_THAT(sent.output, HasSubstr("relaying needs a client certificate")) << sent.output;
  EXPECT_TRUE(world.gateway->WaitForLog("verified=1 id=[]")) << world.gateway->Log();
  EXPECT_TRUE(world.gateway->WaitForLog("told cn=Alice"));
}

TEST(Proxy, RuleR3ClientsAreCountedAndTheProxyIsNot) {
  ProxiedWorld world("smtp_accept_max_per_host = 1\n");
  const Front front{"v2", world.gateway->starttls_port(), "send-proxy-v2", "", FreePort()};
  Haproxy haproxy({front});
  const auto connect = [&](const std::string& ip) {
    Process::Options options;
    options.keep_input_open = true;
    return std::make_unique<Process>(
        std::vector<std::string>{
            "python3", "-c",
            "import socket, sys\n"
            "s = socket.create_connection(('127.0.0.1', int(sys.argv[2])), 20, (sys.argv[1], 0))\n"
            "print(s.recv(500).decode(), flush=True)\n"
            "sys.stdin.read()\n",
            ip, std::to_string(front.port)},
        options);
  };
  const auto one = connect(kClient);
  EXPECT_TRUE(one->WaitForOutput("220 "));
  const auto two = connect(kClient);
  EXPECT_TRUE(two->WaitForOutput("421 Too many concurrent SMTP connections from this IP"));
  const auto three = connect(kStranger);
  EXPECT_TRUE(three->WaitForOutput("220 "));
  EXPECT_TRUE(world.gateway->WaitForLog(
      "Connection from [127.0.0.2] refused: too many connections from that"));
  one->CloseInput();
  one->Wait();
  EXPECT_TRUE(WaitUntil([&] {
    const auto again = connect(kClient);
    return again->WaitForOutput("220 ", seconds(2));
  }));
}

// Two gateways: the one in front knows its client by a certificate, the one behind takes its word
// for it.
TEST(Xclient, RuleS15AGatewayTellsAnotherWhoItsClientIs) {
  Upstream upstream;
  Gateway::Options behind = GatewayOptions("127.0.0.1:1", upstream.port());
  behind.main_options = "hosts_xclient = 127.0.0.1\nhosts_xclient_login = 127.0.0.1\n";
  Gateway back(behind);
  Slapd slapd;
  Gateway::Options before = GatewayOptions(slapd.host_and_port(), back.starttls_port());
  before.edits = {{"to_mta:\n  driver = smtp", "to_mta:\n  driver = smtp\n  xclient = full"}};
  Gateway front(before);
  const Finished sent = Send(kClient, front.starttls_port(), WithAlice("--tls"));
  EXPECT_EQ(sent.status, 0) << sent.output << front.Log() << back.Log();
  EXPECT_TRUE(back.WaitForLog("Completed"));
  EXPECT_THAT(back.Log(), HasSubstr("XCLIENT from [127.0.0.1]: H=[127.0.0.2] "
                                    "A=xclient:alice@example.org"));
  EXPECT_THAT(back.Log(), ContainsRegex("<= alice@example.org H=.* A=xclient:alice@example.org"));
  // Without a certificate there is nobody whom it could tell about.
  const Finished refused = Send(kClient, front.starttls_port(), {"--tls"});
  EXPECT_THAT(refused.output, HasSubstr("relaying needs a client certificate"));
}

}  // namespace
}  // namespace signet::test
