// Limits of time, as long as they are: the gateway's clocks are moved on, nobody waits. What
// is a little shorter than a limit goes on, what is a little longer ends.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "src/base/limits.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::StartsWith;

constexpr milliseconds kMargin = seconds(8);  // for what really passes while a test runs

// A gateway with one worker whose time is the test's.
class TimedGateway {
 public:
  explicit TimedGateway(const std::string& more = "", Upstream::Script script = nullptr,
                        const std::string& of_transport = "")
      : upstream(std::move(script)), port_(FreePort()) {
    const Finished built = Run({"cc", "-shared", "-fPIC", "-O1", "-o", files_ / "passed_time.so",
                                "test/support/passed_time.c"});
    if (built.status != 0) throw std::runtime_error(built.output);
    Write();
    // As root it would begin again without what is preloaded.
    std::vector<std::string> command = {
        "taskset", "-c", "0", SignetProgram(), "serve", "-C", files_ / "signet.conf"};
    if (::geteuid() == 0)
      command.insert(command.begin(), {"setpriv", "--reuid=nobody", "--clear-groups"});
    const Certificates& certificates = Certificates::Get();
    WriteFile(files_ / "server.key", ReadFile(certificates.key("server")));
    WriteFile(files_ / "server.pem", ReadFile(certificates.pem("server")));
    ::chmod((files_ / "server.key").c_str(), 0600);
    if (::geteuid() == 0) {
      const struct passwd* nobody = ::getpwnam("nobody");
      EXPECT_EQ(::chown((files_ / "server.key").c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    }
    WriteFile(files_ / "signet.conf",
              "local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " + std::to_string(port_) +
                  "\nprimary_hostname = mx.example.org\ntls_advertise_hosts = *\n" +
                  "tls_certificate = " + (files_ / "server.pem") +
                  "\ntls_privatekey = " + (files_ / "server.key") +
                  "\nacl_smtp_mail = check\nacl_smtp_rcpt = check\n" + more +
                  "\nbegin acl\ncheck:\n  accept\nbegin routers\nrelay:\n"
                  "  driver = manualroute\n  transport = smtp\n  route_list = * 127.0.0.1::" +
                  std::to_string(upstream.port()) + "\nbegin transports\nsmtp:\n  driver = smtp\n" +
                  of_transport);
    process_ = std::make_unique<Process>(
        command, Process::Options{.environment = {"LD_PRELOAD=" + (files_ / "passed_time.so"),
                                                  "PASSED_TIME=" + (files_ / "passed")}});
    if (!process_->WaitForOutput("listening")) throw std::runtime_error(process_->Output());
  }
  // So much time passes at once; then somebody comes, so that the worker looks at its clock.
  void Pass(milliseconds time) {
    passed_ += time;
    Write();
    SmtpClient wakes(port_);
    wakes.Say("QUIT");
  }
  // The same for longer than a limit; twice, since what it counts from may be just about to be.
  void PassOver(milliseconds limit) {
    Pass(limit + kMargin);
    Pass(limit + kMargin);
  }
  int port() const { return port_; }
  Process& process() { return *process_; }
  std::string Log() const { return process_->SettledOutput(); }

  Upstream upstream;

 private:
  void Write() {
    const std::int64_t value = passed_.count();
    const int fd = ::open((files_ / "passed").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    EXPECT_EQ(::pwrite(fd, &value, sizeof value, 0), ssize_t{sizeof value});
    ::close(fd);
  }
  TempDir files_;
  int port_;
  milliseconds passed_{0};
  std::unique_ptr<Process> process_;
};

class TimeLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string build = BuildDirectory();
    if (build.ends_with("asan") || build.ends_with("tsan"))
      GTEST_SKIP() << "NOT TESTED: a sanitizer wants to be loaded before all else";
  }
};

TEST_F(TimeLimits, RuleR1OfACommand) {
  TimedGateway gateway;
  SmtpClient client(gateway.port());
  gateway.Pass(limits::kCommandWait - kMargin);
  EXPECT_THAT(client.Say("EHLO c"), StartsWith("250"));
  gateway.PassOver(limits::kCommandWait);
  EXPECT_THAT(client.ReadReply(), StartsWith("421"));
  EXPECT_TRUE(client.closed());
}

TEST_F(TimeLimits, RuleR1OfASessionThatSendsNoMail) {
  TimedGateway gateway("smtp_receive_timeout = 0s\nsmtp_accept_max_nonmail = 1000\n");
  SmtpClient client(gateway.port());
  EXPECT_THAT(client.Say("EHLO c"), StartsWith("250"));
  gateway.Pass(limits::kSessionWithoutMail - kMargin);
  EXPECT_THAT(client.Say("NOOP"), StartsWith("250"));
  gateway.Pass(2 * kMargin);
  EXPECT_THAT(client.ReadReply(), StartsWith("421"));
}

TEST_F(TimeLimits, RuleR1OfAMessage) {
  TimedGateway gateway("smtp_receive_timeout = 0s\n");
  for (const bool in_time : {true, false}) {
    SmtpClient client(gateway.port());
    client.Say("EHLO c");
    client.Say("MAIL FROM:<a@example.org>");
    client.Say("RCPT TO:<b@example.net>");
    ASSERT_THAT(client.Say("DATA"), StartsWith("354"));
    client.Send("Subject: x\r\n\r\nx\r\n");
    gateway.Pass(limits::kMessageTotal - kMargin);
    if (in_time) {
      EXPECT_THAT(client.Say("."), StartsWith("250"));
    } else {
      gateway.Pass(2 * kMargin);
      EXPECT_THAT(client.ReadReply(), StartsWith("421"));
    }
  }
  EXPECT_EQ(gateway.upstream.messages().size(), 1u);
}

TEST_F(TimeLimits, RuleT8OfAHandshake) {
  TimedGateway gateway;
  for (const bool in_time : {true, false}) {
    SmtpClient client(gateway.port());
    client.Say("EHLO c");
    ASSERT_THAT(client.Say("STARTTLS"), StartsWith("220"));
    if (in_time)
      gateway.Pass(limits::kTlsHandshake - kMargin);
    else
      gateway.PassOver(limits::kTlsHandshake);
    EXPECT_EQ(client.StartTls(), in_time);
  }
}

// Each reply of the server behind has a time of its own, and the last one a longer one.
TEST_F(TimeLimits, RuleU1OfTheServerBehind) {
  for (const auto& [silent_at, limit] :
       {std::pair<std::string, milliseconds>{"RCPT", limits::kUpstreamReply},
        {".", limits::kUpstreamFinalReply}})
    for (const bool in_time : {true, false}) {
      std::atomic<bool> go_on{false};
      TimedGateway gateway("smtp_receive_timeout = 0s\n", [&](const std::string& line) {
        if (line.starts_with(silent_at)) WaitUntil([&] { return go_on.load(); }, seconds(30));
        return std::string();
      });
      SmtpClient client(gateway.port());
      std::string reply;
      std::thread sends([&] {
        client.Say("EHLO c");
        reply = client.Submit("a@example.org", "b@example.net", "Subject: x\r\n\r\nx");
      });
      EXPECT_TRUE(WaitUntil([&] {
        const auto commands = gateway.upstream.commands();
        return !commands.empty() && commands.back().starts_with(silent_at);
      }));
      if (in_time) {
        gateway.Pass(limit - kMargin);
        go_on = true;
      } else {
        gateway.PassOver(limit);
      }
      sends.join();
      go_on = true;
      EXPECT_THAT(reply, StartsWith(in_time ? "250" : "451")) << silent_at << '\n' << gateway.Log();
    }
}

// A server behind that takes the connection, and does not go on with TLS.
TEST_F(TimeLimits, RuleU1OfTheHandshakeBehind) {
  std::atomic<bool> answered{false};
  const auto script = [&](const std::string& line) -> std::string {
    if (line.starts_with("EHLO")) return "250-behind\r\n250 STARTTLS\r\n";
    if (line == "STARTTLS") return "220 go on\r\n";
    WaitUntil([&] { return answered.load(); }, seconds(30));
    return "close";
  };
  TimedGateway gateway("smtp_receive_timeout = 0s\n", script, "  hosts_require_tls = *\n");
  SmtpClient client(gateway.port());
  std::string reply;
  std::thread sends([&] {
    client.Say("EHLO c");
    reply = client.Submit("a@example.org", "b@example.net", "Subject: x\r\n\r\nx");
    answered = true;
  });
  EXPECT_TRUE(WaitUntil([&] {
    const auto commands = gateway.upstream.commands();
    return !commands.empty() && commands.back() == "STARTTLS";
  }));
  gateway.Pass(limits::kUpstreamTlsHandshake - kMargin);
  EXPECT_FALSE(WaitUntil([&] { return answered.load(); }, milliseconds(300)));
  gateway.PassOver(limits::kUpstreamTlsHandshake);
  sends.join();
  EXPECT_THAT(reply, StartsWith("451")) << gateway.Log();
}

}  // namespace
}  // namespace signet::test
