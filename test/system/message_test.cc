// What becomes of messages on their way: submitted by programs that people use and by a mail
// server, read at the upstream.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "test/support/clients.h"
#include "test/support/exim.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kMainOptions =
    "add_authentication_results\n"
    "identity_header = Authenticated-Sender-Id\n"
    "acl_smtp_data = check_data\n";
// Changes the header of messages that ask for it, and so holds them all.
constexpr const char* kDataAcl =
    "begin acl\n"
    "check_data:\n"
    "  deny    condition = ${if match{$h_subject:}{(?i)lottery}}\n"
    "          message = no lotteries\n"
    "  warn    condition = ${if def:h_x-count:}\n"
    "          add_header = X-Body: $body_linecount lines, $message_body_size octets\n"
    "  accept\n";

class Message : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Gateway::Options options;
    options.main_options = kMainOptions;
    options.edits = {{"begin acl\n", kDataAcl}};
    world_ = new World(nullptr, options);
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static Submission Make(const std::string& content) {
    const Certificates& certificates = Certificates::Get();
    Submission submission;
    submission.port = world_->gateway->starttls_port();
    submission.ca = certificates.pem("ca");
    submission.ca_chain = certificates.pem("chain");
    submission.certificate = certificates.pem("alice");
    submission.key = certificates.key("alice");
    submission.content = content;
    return submission;
  }
  // What arrives of a message.
  static std::string Arrived(Program program, const std::string& content) {
    const std::size_t before = world_->upstream.messages().size();
    const Finished finished = SubmitWith(program, Make(content));
    EXPECT_EQ(finished.status, 0) << finished.output << world_->gateway->Log();
    if (!world_->upstream.WaitForMessages(before + 1)) return "";
    return world_->upstream.messages().back().content;
  }
  static World* world_;
};
World* Message::world_ = nullptr;

TEST_F(Message, ASubmissionIsCompletedAndSaysWhoSent) {
  for (Program program : {Program::kSwaks, Program::kCurl}) {
    const std::string content =
        Arrived(program,
                "From: alice@example.org\r\nSubject: bare\r\n"
                "Authentication-Results: mx.example.org; auth=pass smtp.auth=bob@example.org\r\n"
                "Authenticated-Sender-ID: bob@example.org\r\n\r\nHello\r\n");
    EXPECT_THAT(content, StartsWith("Authentication-Results: mx.example.org;\r\n\tauth=pass (tls) "
                                    "x509.auth=alice@example.org\r\nReceived: from "));
    EXPECT_THAT(content, HasSubstr("\r\nAuthenticated-Sender-Id: alice@example.org\r\n"));
    EXPECT_THAT(content, HasSubstr("\r\nMessage-ID: <E"));
    EXPECT_THAT(content, HasSubstr("\r\nDate: "));
    EXPECT_THAT(content,
                HasSubstr("\r\nFrom: alice@example.org\r\nSubject: bare\r\n\r\nHello\r\n"));
    EXPECT_THAT(content, Not(HasSubstr("bob")));
  }
}

TEST_F(Message, AnAclAddsWhatItHasSeenOfTheBody) {
  std::string body;
  for (int i = 0; i < 20000; ++i) body += "line " + std::to_string(i) + "\r\n.\r\n";
  std::string sent = body;  // programs stuff the dots
  const std::string content =
      Arrived(Program::kCurl, "X-Count: yes\r\nFrom: alice@example.org\r\n\r\n" + sent);
  EXPECT_THAT(content, HasSubstr("\r\nX-Body: 40000 lines, " + std::to_string(body.size()) +
                                 " octets\r\n\r\n"));
  EXPECT_TRUE(content.ends_with("\r\n\r\n" + body));
}

TEST_F(Message, RuleS11WhatAnAclRefusesIsNowhere) {
  const std::size_t before = world_->upstream.messages().size();
  const Finished finished =
      SubmitWith(Program::kSwaks, Make("Subject: LOTTERY\r\nX-Count: 1\r\n\r\nx\r\n"));
  EXPECT_NE(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("550 5.7.1 no lotteries"));
  EXPECT_EQ(world_->upstream.messages().size(), before);
}

// The most that the process has ever had in memory, in KiB.
long PeakKib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  return -1;
}

TEST_F(Message, RuleR4AMessageThatIsHeldIsNotHeldInMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps what was freed";
#endif
  SmtpClient client = world_->Client("alice");
  ASSERT_THAT(client.Submit("alice@example.org", "bob@example.net", "Subject: small\r\n\r\nx"),
              StartsWith("250"));
  const long before = PeakKib(world_->gateway->pid());
  const std::string line = std::string(98, 'x') + "\r\n";
  std::string large = "Subject: large\r\n\r\n";
  while (large.size() < 30'000'000) large += line;
  ASSERT_THAT(client.Submit("alice@example.org", "bob@example.net", large), StartsWith("250"));
  EXPECT_LT(PeakKib(world_->gateway->pid()) - before, 8 * 1024);
  EXPECT_GT(world_->upstream.messages().back().content.size(), large.size());
}

// --- BDAT, as a mail server says it ------------------------------------------------------------

constexpr const char* kForwardingServer = R"(
exim_path = @DIRECTORY@/program/exim4
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = client.example.org
spool_directory = @DIRECTORY@/spool
log_file_path = @DIRECTORY@/log-%s
log_selector = +smtp_confirmation
pid_file_path = @DIRECTORY@/pid
keep_environment = *
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
gateway:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = gateway
begin transports
gateway:
  driver = smtp
  port = @GATEWAY@
  allow_localhost
  hosts_require_tls = *
  tls_certificate = @CERTIFICATE@
  tls_privatekey = @KEY@
  tls_verify_hosts =
  tls_try_verify_hosts =
)";

TEST_F(Message, EximHandsOverInChunks) {
  TempDir files;
  ::chmod(files.path().c_str(), 0755);
  WriteFile(files / "alice.pem", ReadFile(Certificates::Get().pem("alice")));
  WriteFile(files / "alice.key", ReadFile(Certificates::Get().key("alice")));
  std::string config =
      Replace(kForwardingServer, "@GATEWAY@", std::to_string(world_->gateway->starttls_port()));
  config = Replace(config, "@CERTIFICATE@", files / "alice.pem");
  EximPeer exim(Replace(config, "@KEY@", files / "alice.key"));
  const std::size_t before = world_->upstream.messages().size();
  std::string body;
  for (int i = 0; i < 5000; ++i) body += ".line " + std::to_string(i) + "\r\n";
  SmtpClient client(exim.port());
  client.Say("EHLO c");
  ASSERT_THAT(client.Submit("alice@example.org", "bob@example.net",
                            "Subject: chunks\r\n\r\n" + Replace(body, ".line", "..line")),
              StartsWith("250"));
  ASSERT_TRUE(world_->upstream.WaitForMessages(before + 1)) << exim.Log();
  const std::string content = world_->upstream.messages().back().content;
  EXPECT_THAT(content, HasSubstr("\r\nSubject: chunks\r\n"));
  EXPECT_NE(content.find("\r\n\r\n" + body.substr(0, body.size() - 2)), std::string::npos);
  EXPECT_TRUE(exim.WaitForLog(" K C=\"250-2.0.0 ")) << exim.Log();
  EXPECT_TRUE(world_->gateway->WaitForLog(" A=tls:alice@example.org K S="))
      << world_->gateway->Log();
}

}  // namespace
}  // namespace signet::test
