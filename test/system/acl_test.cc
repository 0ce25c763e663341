// ACLs of a running gateway: rates that gateways share through a real Redis or do not, the same ACL
// in Exim, names of hosts.
#include <gmock/gmock.h>

#include "test/support/exim.h"
#include "test/support/redis.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
@STORE@
acl_smtp_mail = check_mail
begin acl
check_mail:
  defer  senders    = odd@example.org
         !seen      = 5m / key=$sender_address
         message    = first time
  deny   senders    = *@limited.example
         ratelimit  = 2 / 1h / strict / $sender_address_domain
         message    = $sender_rate in $sender_rate_period, the limit is $sender_rate_limit
  accept
)";

class LimitingGateway {
 public:
  explicit LimitingGateway(const std::string& store) : port_(FreePort()) {
    const std::string file = directory_ / "signet.conf";
    WriteFile(file,
              Replace(Replace(kConfiguration, "@PORT@", std::to_string(port_)), "@STORE@", store));
    process_ =
        std::make_unique<Process>(std::vector<std::string>{SignetProgram(), "serve", "-C", file});
    if (!WaitUntil([this] { return !process_->running() || SomebodyListens(port_); }) ||
        !process_->running())
      throw std::runtime_error("signet did not start: " + process_->Output());
  }
  // What a new connection's MAIL is answered.
  std::string Mail(const std::string& sender = "a@limited.example") {
    SmtpClient client(port_);
    client.Say("EHLO client.example");
    return client.Say("MAIL FROM:<" + sender + ">");
  }
  bool WaitForLog(std::string_view text) const { return process_->WaitForOutput(text); }

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> process_;
};

std::string StoreIn(const RedisServer& redis) {
  return "redis_servers = " + redis.item() + "\nratelimit_store = redis";
}

TEST(Ratelimit, GatewaysWithOneStoreShareARate) {
  RedisServer redis;
  LimitingGateway one(StoreIn(redis)), two(StoreIn(redis));
  EXPECT_THAT(one.Mail(), StartsWith("250 "));
  EXPECT_THAT(two.Mail(), StartsWith("250 "));
  const std::string refused = one.Mail();
  EXPECT_THAT(refused, StartsWith("550 "));
  EXPECT_THAT(refused, HasSubstr(" in 1h, the limit is 2"));
  EXPECT_THAT(two.Mail(), StartsWith("550 "));
  EXPECT_THAT(one.Mail("b@other.example"), StartsWith("250 "));
  // So are times.
  EXPECT_THAT(one.Mail("odd@example.org"), StartsWith("451 "));
  EXPECT_THAT(two.Mail("odd@example.org"), StartsWith("250 "));
}

TEST(Ratelimit, WithoutAStoreEachGatewayHasItsOwn) {
  LimitingGateway one(""), two("");
  // Connections of one gateway share, whichever of its workers serves them.
  for (LimitingGateway* gateway : {&one, &two}) {
    EXPECT_THAT(gateway->Mail(), StartsWith("250 "));
    EXPECT_THAT(gateway->Mail(), StartsWith("250 "));
    EXPECT_THAT(gateway->Mail(), StartsWith("550 "));
  }
}

TEST(Ratelimit, WhileTheStoreIsAwayMailIsDeferred) {
  RedisServer redis;
  LimitingGateway gateway(StoreIn(redis));
  EXPECT_THAT(gateway.Mail(), StartsWith("250 "));
  redis.Kill();
  EXPECT_THAT(gateway.Mail(), StartsWith("451 "));
  EXPECT_TRUE(gateway.WaitForLog("ratelimit database not available: REDIS"));
  EXPECT_THAT(gateway.Mail("b@other.example"), StartsWith("250 "));
  redis.Start();
  EXPECT_THAT(gateway.Mail(), StartsWith("250 "));
}

// --- the same ACL in Exim ----------------------------------------------------------------------

constexpr const char* kSharedAcls = R"(
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
begin acl
check_mail:
  deny   sender_domains = strict.example
         ratelimit      = 2.5 / 1h / per_cmd / strict / $sender_address
  deny   sender_domains = leaky.example
         ratelimit      = 2.5 / 1h / per_cmd / $sender_address
  deny   sender_domains = size.example
         ratelimit      = 2k / 1h / per_byte / strict / $sender_address
  deny   sender_domains = count.example
         ratelimit      = 5 / 1h / per_cmd / count=2 / strict / $sender_address
  defer  sender_domains = seen.example
         !seen          = 1h / key=$sender_address
  accept
check_rcpt:
  deny   sender_domains = rcpt.example
         ratelimit      = 2.5 / 1h / per_rcpt / strict / $sender_address
  deny   sender_domains = addr.example
         ratelimit      = 2.5 / 1h / per_addr / strict / $sender_address
  accept
check_data:
  deny   sender_domains = syntax.example
         !verify        = header_syntax
  deny   sender_domains = blind.example
         !verify        = not_blind
  deny   sender_domains = ascii.example
         !verify        = header_names_ascii
  accept
)";

constexpr const char* kEximHead = R"(
exim_path = @DIRECTORY@/program/exim4
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = upstream.example.org
spool_directory = @DIRECTORY@/spool
log_file_path = @DIRECTORY@/log-%s
pid_file_path = @DIRECTORY@/pid
keep_environment = *
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
)";
constexpr const char* kEximTail = R"(
begin routers
store:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  user = Debian-exim
  directory = @DIRECTORY@/mail
  maildir_format
)";

constexpr const char* kSignetTail = R"(
begin routers
up:
  driver = manualroute
  route_list = * 127.0.0.1::@UPSTREAM@
  transport = up
begin transports
up:
  driver = smtp
)";

// What a dialogue is answered: the codes of its replies.
std::string Codes(int port, const std::vector<std::string>& lines) {
  SmtpClient client(port);
  client.Say("EHLO client.example");
  std::string codes;
  for (const std::string& line : lines) codes += client.Say(line).substr(0, 3) + ' ';
  return codes;
}

std::vector<std::string> Mails(const std::string& sender, std::size_t count,
                               const std::string& parameters = "") {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    lines.push_back("MAIL FROM:<" + sender + ">" + parameters);
    lines.emplace_back("RSET");
  }
  return lines;
}

std::vector<std::string> Message(const std::string& sender, const std::string& header) {
  return {"MAIL FROM:<" + sender + ">", "RCPT TO:<bob@d.example>", "DATA",
          header + "\r\n\r\nx\r\n."};
}

TEST(Ratelimit, RatesAndHeadersAreJudgedAsByExim) {
  EximPeer exim(std::string(kEximHead) + kSharedAcls + kEximTail);
  Upstream upstream;
  TempDir directory;
  const int port = FreePort();
  const std::string file = directory / "signet.conf";
  WriteFile(file,
            "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
            "daemon_smtp_ports = " +
                std::to_string(port) + "\n" + kSharedAcls +
                Replace(kSignetTail, "@UPSTREAM@", std::to_string(upstream.port())));
  Process signet({SignetProgram(), "serve", "-C", file});
  ASSERT_TRUE(WaitUntil([&] { return !signet.running() || SomebodyListens(port); }));
  ASSERT_TRUE(signet.running()) << signet.Output();

  std::vector<std::vector<std::string>> dialogues = {
      Mails("a@strict.example", 4),
      Mails("a@leaky.example", 4),
      Mails("a@size.example", 2, " SIZE=1000"),
      Mails("b@size.example", 2, " SIZE=2048"),
      Mails("a@count.example", 4),
      Mails("a@seen.example", 2),
      {"MAIL FROM:<a@rcpt.example>", "RCPT TO:<x@d.example>", "RCPT TO:<x@d.example>",
       "RCPT TO:<y@d.example>", "RCPT TO:<x@d.example>"},
      {"MAIL FROM:<a@addr.example>", "RCPT TO:<x@d.example>", "RCPT TO:<x@d.example>",
       "RCPT TO:<y@d.example>", "RCPT TO:<x@d.example>", "RCPT TO:<z@d.example>"},
  };
  for (const char* header :
       {"From: Ann <a@b.example>",
        "From: a@b.example\r\nTo: staff: x@y.example;\r\nCc: z@y.example (Z)", "From: <a@b.example",
        "From: a@b.example\r\nTo: x@y.example z@y.example",
        "From: a@b.example\r\nReply-To: \"x@y.example"})
    dialogues.push_back(Message("a@syntax.example", header));
  for (const char* header : {"To: bob@d.example", "Cc: x@y.example, Bob <bob@d.example>",
                             "To: x@y.example", "Subject: x"})
    dialogues.push_back(Message("a@blind.example", header));
  dialogues.push_back(Message("a@ascii.example", "X-Good: x"));
  for (const auto& dialogue : dialogues)
    EXPECT_EQ(Codes(port, dialogue), Codes(exim.port(), dialogue))
        << ::testing::PrintToString(dialogue);
}

// --- names of hosts, by the system's resolver -------------------------------------------------

constexpr const char* kNames = R"(
acl_smtp_connect = greet
acl_smtp_mail = check_mail
begin acl
greet:
  accept message = 220 hello
check_mail:
  deny   !verify = reverse_host_lookup
         message = no name for $sender_host_address
  deny   !verify = helo
         message = $sender_host_name is not $sender_helo_name
  accept message = 250 $sender_host_name
)";

std::string MailAs(int port, const std::string& helo) {
  SmtpClient client(port);
  client.Say("EHLO " + helo);
  return client.Say("MAIL FROM:<a@b.example>");
}

// Every machine knows the name of its own address.
TEST(HostNames, AreConfirmedByTheSystemsResolver) {
  TempDir directory;
  const int port = FreePort();
  const std::string file = directory / "signet.conf";
  WriteFile(file,
            "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
            "daemon_smtp_ports = " +
                std::to_string(port) + "\n" + kNames);
  Process signet({SignetProgram(), "serve", "-C", file});
  ASSERT_TRUE(WaitUntil([&] { return !signet.running() || SomebodyListens(port); }));
  EXPECT_THAT(MailAs(port, "LocalHost"), StartsWith("250 2.1.0 localhost"));
  EXPECT_THAT(MailAs(port, "[127.0.0.1]"), StartsWith("250 2.1.0 localhost"));
  EXPECT_EQ(MailAs(port, "[192.0.2.9]"), "550 5.7.1 localhost is not [192.0.2.9]");
}

}  // namespace
}  // namespace signet::test
